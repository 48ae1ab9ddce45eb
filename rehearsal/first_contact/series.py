"""Series: which pools' presets fit what a target exports, and what besides may be a pool's."""

from collections.abc import Sequence
from typing import Final, get_args

from dress_rehearsal.plans.sections.metrics import Preset
from dress_rehearsal.records.collectors.exposition import read_exposition
from dress_rehearsal.records.collectors.pool_series import PoolSeries
from dress_rehearsal.records.pool_presets import read_preset
from dress_rehearsal.rehearsal.first_contact.candidates import Candidate, candidates

_MOST: Final = 4


def presets_in(text: str) -> Sequence[str]:
    """Return the names of the presets that a text of metrics has the series of.

    Of presets with the same series the one that knows more of them is named.
    """
    matched: dict[str, set[str]] = {}
    for name in get_args(Preset):
        pools = PoolSeries(name, {name: read_preset(name).pools})
        samples = list(read_exposition(text, pools.wanted, set()))
        if pools.read(samples, ())[0]:
            matched[name] = {sample.name for sample in samples}
    taken: set[str] = set()
    chosen: list[str] = []
    for name in sorted(matched, key=lambda name: -len(matched[name])):
        if not matched[name] <= taken and len(chosen) < _MOST:
            chosen.append(name)
            taken |= matched[name]
    return chosen


def candidates_in(text: str, presets: Sequence[str]) -> Sequence[Candidate]:
    """Return what of a text of metrics may be pools that these presets do not read."""
    tables = {name: read_preset(name).pools for name in presets}
    return candidates(text, PoolSeries("", tables).wanted)
