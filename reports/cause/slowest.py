"""The slowest requests: the tenth of one step's that students waited for longest."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dress_rehearsal.records.steps import PURCHASE, STREAM
from dress_rehearsal.reports.cause.decomposition import decompose, parts_in
from dress_rehearsal.reports.cause.load import Load
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency_table import LatencyTable
from dress_rehearsal.reports.numbers import percentile

SLOW_MS: Final = 400.0
"""A wait that students notice; where 99% took less, nothing is called a bottleneck."""
FEWEST: Final = 5
"""So many slow requests at least, and 1% of the step's: one alone is bad luck. Of fewer, all."""
BEFORE_T0_S: Final = 1.0
"""Nothing that happened earlier than this before T-0 is a bottleneck of the sale."""


@dataclass(frozen=True, slots=True)
class Slowest:
    """The slowest tenth of one step's requests, among all of them (rows of `decompose`).

    Attributes:
        buying: whether it is of all that is for buying, which is one step then.
        places: which row of `evidence.requests` each of them is.
        earlier: how many more there were, meant earlier than `BEFORE_T0_S` before T-0.
    """

    step: str
    buying: bool
    every: pd.DataFrame
    rows: pd.DataFrame
    p99_ms: float
    places: NDArray[np.int64]
    earlier: int

    @property
    def is_slow(self) -> bool:
        """Whether enough of them took so long that students noticed."""
        return _many_slow(self.every["felt_ms"])

    @property
    def slow_once_sent(self) -> int:
        """How many took so long from when they were sent; 0 where these are too few to tell."""
        system_ms = self.every["felt_ms"] - self.every["generator"]
        return int((system_ms >= SLOW_MS).sum()) if _many_slow(system_ms) else 0

    @property
    def lost_ms(self) -> "pd.Series[float]":
        """The mean of each part over the slowest."""
        return self.rows[parts_in(self.rows)].mean()


def _many_slow(took_ms: "pd.Series[float] | NDArray[np.float64]") -> bool:
    """Return whether enough of a step's requests took so long that students noticed."""
    least = max(min(FEWEST, len(took_ms)), 0.01 * len(took_ms), 1)  # of none none is
    return int((took_ms >= SLOW_MS).sum()) >= least


def _felt_at(latency: LatencyTable, which: "pd.Series[bool]") -> tuple[Any, int]:
    """Return which of some requests, around T-0 and after it, students waited for (bool array), and
    how many they waited for earlier."""
    chosen = (which & ~latency["abandoned"]).to_numpy(dtype=bool, copy=True)
    late = latency.values("intended_s", chosen) >= -BEFORE_T0_S
    known = ~np.isnan(latency.values("felt_ms", chosen))
    chosen[chosen] = late & known
    return chosen, int((known & ~late).sum())


def slowest_purchases(evidence: Evidence, load: Load) -> Slowest | None:
    """Return the slowest tenth of what is for buying, around T-0 and after it; None without any.

    Where a purchase is several requests it is that of one of their steps: of those that were slow,
    or of all where none was, the one whose slowest tenth cost students most.
    """
    latency = evidence.latency
    buying = latency["role"] == PURCHASE
    steps = [str(step) for step in latency["step"][buying].astype("object").value_counts().index]
    if len(steps) < 2:
        return _slowest(evidence, load, "".join(steps), buying, buying=True)
    felt = {
        step: latency.values("felt_ms", _felt_at(latency, latency["step"] == step)[0])
        for step in steps
    }
    slow = [step for step in steps if _many_slow(felt[step])]
    step = max(slow or steps, key=lambda each: _cost_ms(felt[each]))
    return _slowest(evidence, load, step, latency["step"] == step)


def _cost_ms(felt_ms: NDArray[np.float64]) -> float:
    """Return how long students waited for the slowest tenth of some requests, in all."""
    return float(np.sort(felt_ms)[-_tenth(len(felt_ms)) :].sum()) if len(felt_ms) else 0.0


def _tenth(number: int) -> int:
    """Return how many requests are the slowest tenth of so many."""
    return min(max(math.ceil(number / 10), 5), number)


def _slowest(
    evidence: Evidence, load: Load, step: str, which: "pd.Series[bool]", *, buying: bool = False
) -> Slowest | None:
    chosen, earlier = _felt_at(evidence.latency, which)
    if not chosen.any():
        return None
    every = decompose(evidence, load, chosen)
    number = _tenth(len(every))
    rows = every.iloc[np.argsort(every["felt_ms"].to_numpy(), kind="stable")[-number:]]
    p99_ms = percentile(every["felt_ms"].to_numpy(), 99)
    return Slowest(step, buying, every, rows, p99_ms, np.flatnonzero(chosen), earlier)


def slowest_other(evidence: Evidence, load: Load) -> Slowest | None:
    """Return the step other than the purchase that cost students most, None when all were fast.

    What was sent late alone does not count: a student who still clicks looks at a ticket later.
    """
    latency = evidence.latency
    other = ~latency["role"].isin([PURCHASE, STREAM])
    steps = sorted(set(latency["step"][other].dropna()))
    # Not slow as it was felt, not slow once sent: no need to know where the time went.
    felt = [
        step
        for step in steps
        if _many_slow(latency.values("felt_ms", _felt_at(latency, latency["step"] == step)[0]))
    ]
    found = [_slowest(evidence, load, step, latency["step"] == step) for step in felt]
    slow = [each for each in found if each is not None and each.slow_once_sent]
    return max(slow, key=lambda each: float(each.rows["felt_ms"].sum()), default=None)
