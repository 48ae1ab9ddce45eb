"""The shared wait: how much of what a step lost its target's other requests lost as well.

Whoever lacks a processor is slow at whatever it does. What all steps share can have cost a request
about as much as it cost those of other steps that were under way in the same seconds, and what is
more than that is the step's own: a sleep, a call to somebody else, an answer that never comes. The
slowest tenth is held against the slowest tenth of the other steps' requests: what nine of ten of
them took, of the step that took longest, is taken to be shared.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.records.steps import STREAM
from dress_rehearsal.reports.cause.slowest import Slowest
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import integers

FEWEST_BESIDE: Final = 30
"""Of fewer requests of a step, under way meanwhile, nothing is concluded."""
NINE_OF_TEN: Final = 0.9
_ENDS: Final = ("sent_ns", "done_ns")
_TOLD_SHARE: Final = 0.5
"""So much of the loss has to be of steps beside which there were enough requests."""


class SharedWait:
    """What other steps' requests took while the slowest were under way.

    Attributes:
        share: how much of a part's loss the other steps' requests may have lost as well, 0 to 1, by
            what they took of what the slowest did; None where too few of them were under way.
        took_ms: what nine of ten of them took at most, of the slowest such step; beside the step
            that lost most. None as above.
        step: the step that lost most to the part.
    """

    def __init__(self, evidence: Evidence, slow: Slowest, part: str) -> None:
        """Compare the slowest requests' loss to a part with other steps' requests."""
        steps, rows = evidence.latency["step"], slow.rows
        own = steps.iloc[slow.places[rows.index]].astype("object").to_numpy()
        lost = rows[part].to_numpy()
        sums = {str(step): float(lost[own == step].sum()) for step in sorted(set(own))}
        self.step = max(sums, key=lambda step: sums[step])
        others = _Others(evidence, int(rows["sent_ns"].min()), int(rows["done_ns"].max()))
        took = {
            step: others.took_ms(step, *(rows[at].to_numpy()[own == step] for at in _ENDS))
            for step in sums
        }
        told = {step: ms for step, ms in took.items() if ms is not None}
        self.took_ms = took[self.step]
        all_lost = sum(sums[step] for step in told)
        self.share: float | None = None
        if self.took_ms is not None and all_lost >= _TOLD_SHARE * sum(sums.values()) > 0:
            whole_ms = np.maximum((rows["done_ns"] - rows["sent_ns"]).to_numpy() / 1e6, 1e-3)
            shared = lost * np.minimum(1.0, [told.get(step, 0.0) for step in own] / whole_ms)
            self.share = float(shared.sum()) / all_lost


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

    def took_ms(self, step: str, sent_ns: Any, done_ns: Any) -> float | None:
        """Return what nine of ten requests of the other step that took longest took at most.

        Each counts by how many of the slow ones, of these spans, were under way beside it. None
        where no other step had enough of them.
        """
        beside = _beside(sent_ns, done_ns, self._sent_ns, self._done_ns)
        found = []
        for other in set(self._steps) - {step}:
            mine = (self._steps == other) & (beside > 0)
            if mine.sum() >= FEWEST_BESIDE:
                found.append(_weighted(self._ms[mine], beside[mine]))
        return max(found, default=None)


def _beside(
    sent_ns: Any, done_ns: Any, others_sent_ns: Any, others_done_ns: Any
) -> NDArray[np.float64]:
    """Return how many requests were under way, in the mean, while each of the others was."""
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
