"""Recovery: whether the target answered again once a fault of the plan was over."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.timeline import done_or_ended
from dress_rehearsal.reports.words import counted, fault_words, percent, seconds

Recovered = Literal["yes", "no", "not known"]

_FEWEST: Final = 20
"""Requests that have to come after a fault for anything to be said of how they went."""
_FAILED: Final = 0.01
"""The share of them that may fail, as in the implicit gates."""
_NEXT: Final = (5, 50)
"""Requests one after the other, and all that are sent within a second, that are judged by
themselves: a short outage is nothing among all that come later."""
_WINDOW_S: Final = 1.0
_CHANCE: Final = 1e-6
"""More failures in a window than a share of 1% brings about more rarely than this are an outage."""


@dataclass(frozen=True, slots=True)
class SwitchTried:
    """One fault that a rehearsal flipped.

    Attributes:
        fault: as people call it.
        recovered: whether the target answered again once it was over.
        says: how that is known, the end of a sentence.
    """

    run: str
    fault: str
    recovered: Recovered
    says: str


def switches_tried(evidence: Evidence) -> Iterator[SwitchTried]:
    """Yield what became of each fault that a run was to flip."""
    undone = {
        event.name: str(event.detail["error"])
        for event in evidence.events
        if event.kind == "fault" and event.detail.get("error")
        if done_or_ended(event.detail) == "done"
    }
    for name, error in undone.items():
        yield SwitchTried(evidence.run, fault_words(name), "not known", f"not flipped: {error}")
    for span in evidence.timeline.faults:
        yield SwitchTried(evidence.run, fault_words(span.name), *_after(evidence, span.until_s))


def _after(evidence: Evidence, end_s: float) -> tuple[Recovered, str]:
    """Return whether requests were answered after a moment on T-0's axis, and what is known."""
    if not np.isfinite(end_s):
        return "not known", "it lasted to the end"
    sent_s = evidence.timeline.seconds(evidence.requests["sent_ns"])
    wanted = (sent_s >= end_s) & ~evidence.latency["abandoned"].to_numpy(dtype=bool)
    order = np.argsort(sent_s[wanted], kind="stable")
    moments = sent_s[wanted][order]
    failed = ~evidence.latency["answered"].to_numpy(dtype=bool)[wanted][order]
    if len(moments) < _FEWEST:
        few = f"only {counted(len(moments), 'request')}" if len(moments) else "no request"
        return "not known", f"{few} came after it was over"
    left = np.arange(len(moments), 0, -1)
    failed_later = np.cumsum(failed[::-1])[::-1]
    calm = (left >= _FEWEST) & (failed_later <= _FAILED * left)
    down = outages(moments, failed)
    good = np.flatnonzero(calm & ~np.logical_or.accumulate(down[::-1])[::-1])
    if not len(good):
        share = percent(int(failed.sum()), len(failed))
        last_s = round(float(moments[failed][-1] - end_s), 1)
        return "no", (
            f"{share} of the {counted(len(failed), 'request')} after it was over failed, the last "
            f"{seconds(last_s)} after it"
        )
    first = int(good[0])
    rest = counted(len(moments) - first, "request")
    if first == 0:
        return "yes", f"at once: of {rest} after it was over at most 1% failed"
    after_s = round(float(moments[first] - end_s), 1)
    return "yes", f"within {seconds(after_s)}: of {rest} after that at most 1% failed"


def outages(moments: NDArray[np.float64], failed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return of each request whether more failed than chance in a short window that it begins.

    Args:
        moments: when they were sent, in s, ascending.
    """
    from scipy import stats  # only where a fault is judged: it takes a while to load

    places = np.arange(len(moments))
    until = np.concatenate(([0], np.cumsum(failed)))
    ends = [np.minimum(places + number, len(moments)) for number in _NEXT]
    ends.append(np.searchsorted(moments, moments + _WINDOW_S, side="left"))
    down = np.zeros(len(moments), dtype=bool)
    for end in ends:
        sizes, which = np.unique(end - places, return_inverse=True)
        most = stats.binom.isf(_CHANCE, sizes, _FAILED)
        down |= until[end] - until[places] > most[which]
    return down
