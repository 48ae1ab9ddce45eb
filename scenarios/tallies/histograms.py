"""Histograms of what was recorded so far, for whoever watches while the run goes.

They count what the report's percentiles count (`records.requests.latency`), so that a quantile of
theirs and the report's differ by no more than a bucket's width.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.plans import Plan, slo_edges_s
from dress_rehearsal.records import tables
from dress_rehearsal.records.requests.latency import felt_of
from dress_rehearsal.records.steps import ENTRANCE, JOIN, QUEUE, STREAM, Steps
from dress_rehearsal.records.tables import NS_PER_S

_BELOW_A_SECOND_MS: Final = (1, 2.5, 5, 10, 25, 50, 100, 150, 250, 350, 500, 700)
_SECONDS: Final = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0)
USUAL_EDGES_S: Final = (*(ms / 1e3 for ms in _BELOW_A_SECOND_MS), *_SECONDS)
_BEYOND_S: Final = 0.25
_NEEDED: Final = (
    "intended_ns",
    "sent_ns",
    "first_byte_ns",
    "done_ns",
    "step",
    "outcome",
    "error",
)

Columns = Mapping[str, Sequence[int] | NDArray[Any]]


def edges_of(plan: Plan) -> tuple[float, ...]:
    """Return the edges that a plan needs besides the usual ones.

    One on each latency that a gate sets, and one just above the time that students wait at most,
    where many end in a bad rush: without it they would be spread over a bucket of seconds.
    """
    return (*slo_edges_s(plan), plan.students.timeout, plan.students.timeout + _BEYOND_S)


def steps_of(plan: Plan, steps: Steps) -> tuple[str, ...]:
    """Return those of the bundled ticket open's steps that some student of the plan may take."""
    absent = set()
    if plan.app.waiting_room == "off":
        absent |= {JOIN, QUEUE}
    if plan.app.waiting_room != "sse":
        absent.add(STREAM)
    if plan.students.entry == 0:
        absent.add(ENTRANCE)
    return tuple(step for step in steps.names if steps.role_of(step) not in absent)


class Histogram:
    """One histogram: `counts[i]` observations of at most `edges_s[i]`, the last of more."""

    def __init__(self, edges_s: tuple[float, ...]) -> None:
        self._edges_ns = np.array(edges_s) * NS_PER_S
        self._counts = np.zeros(len(edges_s) + 1, dtype=np.int64)
        self._sum_ns = 0

    def add(self, durations_ns: NDArray[np.int64]) -> None:
        """Count durations."""
        buckets = np.searchsorted(self._edges_ns, durations_ns, side="left")
        self._counts += np.bincount(buckets, minlength=len(self._counts))
        self._sum_ns += int(durations_ns.sum())

    def document(self) -> dict[str, Any]:
        """Return it as plain values: counts by bucket, and the sum in seconds."""
        return {"counts": self._counts.tolist(), "sum_s": self._sum_ns / NS_PER_S}


class Histograms:
    """Felt latency a step, and late starts, of the recorder's columns: a shard at a time.

    Args:
        steps: what the column `step` counts in.
        edges_s: edges in seconds besides the usual ones.
        shown: the steps shown from the start, with nothing in them: a counter that first shows with
            something in it hides that from whoever asks for its growth.
    """

    def __init__(
        self, steps: Steps, edges_s: Sequence[float] = (), shown: Sequence[str] = ()
    ) -> None:
        self._steps = steps
        self.edges_s = tuple(sorted({*USUAL_EDGES_S, *edges_s}))
        places = {name: place for place, name in enumerate(steps.names)}
        self._felt = {places[step]: Histogram(self.edges_s) for step in shown}
        self._late = Histogram(self.edges_s)

    def add(self, columns: Columns, errors: Sequence[str] = ()) -> None:
        """Count the rows of a shard (columns of `records.tables.REQUESTS`, -1 for null).

        Args:
            errors: the words that the column `error` counts in.
        """
        rows = {name: np.array(columns[name], dtype=np.int64) for name in _NEEDED}
        intended_ns, sent_ns, step = rows["intended_ns"], rows["sent_ns"], rows["step"]
        self._late.add((sent_ns - intended_ns)[sent_ns >= 0])
        abandoned = _is_word(rows["error"], errors, tables.ABANDONED)
        answered_ns, counts = felt_of(rows, self._steps.are(step, STREAM), abandoned)
        for code in np.unique(step[counts]).tolist():
            felt = self._felt.setdefault(code, Histogram(self.edges_s))
            felt.add((answered_ns - intended_ns)[counts & (step == code)])

    def document(self) -> dict[str, Any]:
        """Return all of it as plain values for a line of JSON, also while a shard is counted."""
        names, roles = self._steps.names, self._steps.roles
        felt = dict(self._felt)  # in one go: the thread that counts may add to it
        return {
            "edges_s": self.edges_s,
            "felt": {
                names[code]: {"role": roles[code], **one.document()} for code, one in felt.items()
            },
            "late": self._late.document(),
        }


def _is_word(codes: NDArray[np.int64], words: Sequence[str], word: str) -> NDArray[np.bool_]:
    """Return which codes stand for a word; none where it has not been met yet."""
    found: NDArray[np.bool_] = np.zeros(len(codes), dtype=np.bool_)
    if word in words:
        found = codes == words.index(word)
    return found
