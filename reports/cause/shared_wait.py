"""The shared wait: how much of what a step lost its target's other requests lost as well.

Whoever lacks a processor is slow at whatever it does. What all steps share can have cost a request
about as much as it cost those of other steps that were under way in the same seconds, and what is
more than that is the step's own: a sleep, a call to somebody else, an answer that never comes. The
slowest tenth is held against the slowest tenth of the other steps' requests, by what nine of ten of
them took at most: of the step that took longest, so that what is more cannot be shared; and of the
middle one, for what is shared slows most steps, and a lock or a store only those that need it.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.records.steps import STREAM
from dress_rehearsal.reports.cause.slowest import Slowest
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import integers, percentile

FEWEST_BESIDE: Final = 30
"""Of fewer requests of a step, under way meanwhile, nothing is concluded."""
NINE_OF_TEN: Final = 0.9


class Beside(NamedTuple):
    """What nine of ten requests of other steps took at most, in ms, by step.

    Attributes:
        longest_ms: of the step that took longest: no more can be shared.
        middle_ms: of the middle one, the longer of two: so much most of them shared.
    """

    longest_ms: float
    middle_ms: float


class SharedWait(NamedTuple):
    """How much of a part's loss other steps' requests lost as well, by how long they took.

    Attributes:
        beside: what others took while the slowest were under way.
        most: how much of the loss may be shared, by the step that took longest, 0 to 1.
        likely: the same by the middle step.
    """

    beside: Beside
    most: float
    likely: float


def shared_wait(evidence: Evidence, slow: Slowest, part: str) -> SharedWait | None:
    """Return how much of the slowest requests' loss to a part other steps' requests lost as well;
    None where of each other step too few were under way meanwhile."""
    sent_ns, done_ns = (slow.rows[name].to_numpy() for name in ("sent_ns", "done_ns"))
    others = _Others(evidence, int(sent_ns.min()), int(done_ns.max()))
    beside = others.took(slow.step, sent_ns, done_ns)
    if beside is None:
        return None
    lost = slow.rows[part].to_numpy()
    whole_ms = np.maximum((done_ns - sent_ns) / 1e6, 1e-3)
    most, likely = (
        float((lost * np.minimum(1.0, ms / whole_ms)).sum() / lost.sum()) for ms in beside
    )
    return SharedWait(beside, most, likely)


class _Others:
    """The requests that were under way at some time of a span of Unix ns."""

    def __init__(self, evidence: Evidence, from_ns: int, until_ns: int) -> None:
        latency, requests = evidence.latency, evidence.requests
        asked = requests["sent_ns"].notna() & latency["step"].notna()
        chosen = (asked & (latency["role"] != STREAM)).to_numpy(dtype=bool)
        sent_ns = integers(requests["sent_ns"][chosen])
        ms = latency.values("system_ms", chosen)
        done_ns = sent_ns + (np.nan_to_num(ms) * 1e6).astype(np.int64)
        met = ~np.isnan(ms) & (sent_ns < until_ns) & (done_ns > from_ns)
        self._sent_ns, self._done_ns, self._ms = sent_ns[met], done_ns[met], ms[met]
        self._steps = latency["step"][chosen][met].astype("object").to_numpy()

    def took(self, step: str, sent_ns: Any, done_ns: Any) -> Beside | None:
        """Return what the requests of other steps than one took; None where all had too few.

        Each counts by how many of the slow ones, of these spans, were under way beside it.
        """
        beside = _beside(sent_ns, done_ns, self._sent_ns, self._done_ns)
        found = []
        for other in set(self._steps) - {step}:
            mine = (self._steps == other) & (beside > 0)
            if mine.sum() >= FEWEST_BESIDE:
                found.append(_weighted(self._ms[mine], beside[mine]))
        return Beside(max(found), percentile(found, 50)) if found else None


def _beside(
    sent_ns: Any, done_ns: Any, others_sent_ns: Any, others_done_ns: Any
) -> NDArray[np.float64]:
    """Return how many requests were under way on average while each of the others was."""
    edges = np.concatenate([sent_ns, done_ns])
    steps = np.concatenate([np.ones(len(sent_ns)), -np.ones(len(done_ns))])
    order = np.argsort(edges, kind="stable")
    edges, number = edges[order], np.cumsum(steps[order])
    since_s = (edges - edges[0]) / 1e9
    area = np.concatenate([[0.0], np.cumsum(number[:-1] * np.diff(since_s))])
    start, end = (
        np.interp((at - edges[0]) / 1e9, since_s, area) for at in (others_sent_ns, others_done_ns)
    )
    lasted_s = np.maximum((others_done_ns - others_sent_ns) / 1e9, 1e-6)
    found: NDArray[np.float64] = (end - start) / lasted_s
    return found


def _weighted(values: Any, weights: Any) -> float:
    """Return what nine of ten of some values are at most, each counted by its weight."""
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(upto, NINE_OF_TEN * upto[-1])])
