"""Lower bounds: percentiles with given-up requests below them, and what several runs' come to then.

Had those requests been waited for, such a number might be larger: how much is not known. So every
difference is told by its two extremes, each bound as small as it is known to be, and as large as
can be; what both say is certain.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple, TypeVar

from dress_rehearsal.reports.evidence.latency import at_least, grows_by_waiting
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.schema import (
    GateResult,
    Latency,
    Measured,
    Number,
    Regression,
    Verdict,
    named,
)

_OF_LATENCY: Final = "latency_ms["

Ranked = Literal["median", "least", "most"]
Told = TypeVar("Told")


class RunNumber(NamedTuple):
    """A number of one run; `at_least`: it is a lower bound."""

    value: Number
    at_least: bool = False


class OfRuns(NamedTuple):
    """A number over runs; `at_least` names those of the three that are lower bounds."""

    median: float
    least: Number
    most: Number
    at_least: tuple[Ranked, ...]


def step_of(path: str) -> str:
    """Return the step in a latency's path."""
    return path.rpartition(".")[0].removeprefix(_OF_LATENCY).removesuffix("]")


def given_up_share(measured: Measured, path: str) -> float | None:
    """Return the share (0 to 1) of a step's requests that were given up where one of its numbers
    is a lower bound for them, None where a number is exact, or no latency."""
    own = _latency_of(measured, path)
    if own is None or not at_least(own, path.rpartition(".")[2]):
        return None
    return rounded(own.given_up / own.count, 6)


def is_given_up_by(measured: Measured, path: str, end: Number | None) -> bool:
    """Return whether any of a step's requests were given up that took no longer than an end of one
    of its numbers' interval; False of what is no latency."""
    own = _latency_of(measured, path)
    return own is not None and end is not None and at_least(own, path.rpartition(".")[2], end)


def _latency_of(measured: Measured, path: str) -> Latency | None:
    return measured.latency_ms.get(step_of(path)) if path.startswith(_OF_LATENCY) else None


def is_lower_bound(verdict: Verdict, path: str, window: str | None) -> bool:
    """Return whether a number of a verdict is one; of a window its gate says it.

    Where a version wrote the gate that did not say it, a step of which any requests were given up
    leaves it open, so the number is taken for one.
    """
    if window is None:
        return given_up_share(verdict, path) is not None
    own = _latency_of(verdict, path)
    untold = own is not None and own.given_up > 0 and grows_by_waiting(path.rpartition(".")[2])
    kept: tuple[GateResult | Regression, ...] = (*verdict.regressions, *verdict.gates)
    return any(
        each.given_up is not None or (untold and "given_up" not in each.model_fields_set)
        for each in kept
        if each.name == named(path, window)
    )


def over_runs(numbers: Sequence[RunNumber]) -> OfRuns:
    """Return what the numbers of runs come to.

    A number of a rank is exact where no lower bound stands at that rank or before it: what those
    behind it really are changes nothing of it.

    Args:
        numbers: at least one.
    """
    ordered = sorted(numbers)  # of two that are equal, the bound is last
    values = [each.value for each in ordered]
    first = next((place for place, each in enumerate(ordered) if each.at_least), math.inf)
    ranks: dict[Ranked, int] = {"median": len(values) // 2, "least": 0, "most": len(values) - 1}
    return OfRuns(
        statistics.median(values),
        values[0],
        values[-1],
        tuple(name for name, rank in ranks.items() if first <= rank),
    )


def difference_extremes(
    before: Sequence[RunNumber],
    after: Sequence[RunNumber],
    told: Callable[[Sequence[float], Sequence[float]], Told],
) -> tuple[Told, Told]:
    """Return what is told of a difference where it is as small as it can be, and as large.

    Args:
        told: of two sides' values, which are infinite where a lower bound is taken for as large as
            it can be: of one side at a time, so that every difference is one.
    """
    least = told(_as_large(before), _as_known(after))
    return least, told(_as_known(before), _as_large(after))


def _as_known(numbers: Sequence[RunNumber]) -> list[float]:
    return [each.value for each in numbers]


def _as_large(numbers: Sequence[RunNumber]) -> list[float]:
    return [math.inf if each.at_least else each.value for each in numbers]
