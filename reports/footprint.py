"""What the app's processes kept of a rush: memory that grew with it and was not given back.

No student feels it in a minute. A sale that lasts an hour does, when the system ends the process.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.samples import level_on
from dress_rehearsal.reports.words import counted, written

_KIB: Final = 1024
_MIB: Final = 2**20
_WORTH_TELLING: Final = 128 * _MIB
"""Less is a cache that fills, or a heap that a runtime takes from the system as it needs it."""


def footprint_notes(evidence: Evidence) -> Iterator[str]:
    """Yield a sentence where the app's memory has doubled at least since T-0, by 128 MiB or more.

    It decides nothing: whether it would have grown on, or levelled off, a rush is too short to
    tell. Of an app that was not started here nothing is known.
    """
    rows = evidence.samples.named("process_resident_memory_bytes", "processes", component="app")
    if evidence.t0_ns is None or rows.empty:
        return
    before, after = level_on(np.array([evidence.t0_ns, rows["t_ns"].max()]), rows)
    grown = after - before
    if not grown >= max(before, _WORTH_TELLING):  # NaN: nobody looked
        return
    answered = int((evidence.requests.loc[evidence.buying.ends, "status"].fillna(0) > 0).sum())
    each = (
        f", {_size(grown / answered)} for each of {counted(answered, 'answer')} to a click"
        if answered
        else ""
    )
    yield (
        f"The app's memory grew from {written(round(before / _MIB))} MiB at T-0 to "
        f"{written(round(after / _MIB))} MiB at the end{each}. A cache stops growing once it is "
        f"full. Anything else grows on in a longer sale, until the system kills the process."
    )


def _size(many: float) -> str:
    """Return bytes in the unit that leaves something of them."""
    if many < _MIB:
        return f"{written(round(many / _KIB))} KiB"
    return f"{written(round(many / _MIB, 1))} MiB"
