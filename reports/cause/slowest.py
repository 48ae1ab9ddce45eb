"""The slowest requests: the tenth of one step's that students waited for longest."""

import math
from dataclasses import dataclass
from typing import Final

import pandas as pd

from dress_rehearsal.records.tables import PURCHASE, STREAM
from dress_rehearsal.reports.cause.decomposition import PARTS, decompose
from dress_rehearsal.reports.cause.load import Load
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import percentile

SLOW_MS: Final = 400.0
"""A wait that students notice; where 99% took less, nothing is called a bottleneck."""
FEWEST: Final = 5
"""So many slow requests at least, and 1% of the step's: one alone is bad luck. Of fewer, all."""
BEFORE_T0_S: Final = 1.0
"""Nothing that happened earlier than this before T-0 is a bottleneck of the sale."""


@dataclass(frozen=True, slots=True)
class Slowest:
    """The slowest tenth of one step's requests, among all of them (rows of `decompose`)."""

    step: str
    every: pd.DataFrame
    rows: pd.DataFrame
    p99_ms: float

    @property
    def is_slow(self) -> bool:
        """Whether enough of them took so long that students noticed."""
        return self._many(self.every["felt_ms"])

    @property
    def slow_once_sent(self) -> int:
        """How many took so long from when they were sent; 0 where these are too few to tell."""
        system_ms = self.every["felt_ms"] - self.every["generator"]
        return int((system_ms >= SLOW_MS).sum()) if self._many(system_ms) else 0

    def _many(self, took_ms: "pd.Series[float]") -> bool:
        return int((took_ms >= SLOW_MS).sum()) >= max(
            min(FEWEST, len(self.every)), 0.01 * len(self.every)
        )

    @property
    def lost_ms(self) -> "pd.Series[float]":
        """The mean of each part over the slowest."""
        return self.rows[list(PARTS)].mean()


def slowest(evidence: Evidence, load: Load, step: str) -> Slowest | None:
    """Return the slowest tenth of a step's requests around T-0 and after it, None without any."""
    latency = evidence.latency
    chosen = (latency["step"] == step) & (latency["intended_s"] >= -BEFORE_T0_S)
    chosen &= latency["felt_ms"].notna() & ~latency["abandoned"]
    if not chosen.any():
        return None
    every = decompose(evidence, load, chosen.to_numpy(dtype=bool))
    number = min(max(math.ceil(len(every) / 10), 5), len(every))
    rows = every.sort_values("felt_ms", kind="stable").tail(number)
    return Slowest(step, every, rows, percentile(every["felt_ms"].to_numpy(), 99))


def slowest_other(evidence: Evidence, load: Load) -> Slowest | None:
    """Return the step other than the purchase that cost students most, None when all were fast.

    What was sent late alone does not count: a student who still clicks looks at a ticket later.
    """
    steps = sorted(set(evidence.latency["step"].dropna()) - {PURCHASE, STREAM})
    found = [slowest(evidence, load, step) for step in steps]
    slow = [each for each in found if each is not None and each.slow_once_sent]
    return max(slow, key=lambda each: float(each.rows["felt_ms"].sum()), default=None)
