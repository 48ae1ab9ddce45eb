"""Series: which pools' presets fit what a target exports."""

from collections.abc import Sequence
from typing import Final, get_args

from dress_rehearsal.plans.sections.metrics import Preset
from dress_rehearsal.records.collectors.exposition import read_exposition
from dress_rehearsal.records.collectors.pool_series import PoolSeries
from dress_rehearsal.records.pool_presets import read_preset

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
