"""The schema of `comparison.json`: sides, the first of which is the base, and what differs."""

import json
from typing import Final, Literal

from pydantic import Field

from dress_rehearsal.reports.lower_bounds import Ranked
from dress_rehearsal.reports.part import Part
from dress_rehearsal.reports.schema import Number, OfMetric, Status

Outcome = Literal["no_worse", "worse", "undecided"]
Bound = Literal["at_least", "at_most", "unknown"]

EXIT_CODES: Final[dict[Outcome, int]] = {"no_worse": 0, "worse": 99, "undecided": 3}


class ComparedRun(Part):
    """One run of a side; `doubts` as of the verdict."""

    run: str
    seed: int
    verdict: Status
    reason: str
    cause: str
    doubts: tuple[str, ...] | None


class ComparedPool(Part):
    """A pool over the runs of a side: in how many of them it was saturated, how many connections
    were never given back at most, and the medians of its waits' p99 and of the ends of the buckets
    that these fell into (`wait_p99_high_ms`: None where a run's has no end)."""

    name: str
    saturated: int
    leaked: int | None
    wait_p99_ms: Number | None
    wait_p99_low_ms: Number | None = None
    wait_p99_high_ms: Number | None = None


class ComparedSide(Part):
    """One side: its runs, and what is not a number of a gate.

    `census` are medians; `audit` the counters above 0, with the most of any run, None where no run
    was audited. `builds`: which builds of the target its runs were of, "" where nobody named one of
    elsewhere; `versions` and `commits`: of Dress Rehearsal. Each once.
    """

    name: str
    plan: str
    commit: str | None
    builds: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    runs: tuple[ComparedRun, ...]
    census: dict[str, Number]
    audit: dict[str, int] | None
    pools: tuple[ComparedPool, ...]
    bottlenecks: dict[str, int]
    """In how many runs each resource was what the slowest lost most to; "" for none."""


class SideNumber(Part):
    """One number on one side: `median`, `least` and `most` of the `counted` runs that count.

    A time does not count of a run whose machine was disturbed, and nothing of a run that was cut
    short; where none counts, they are of all that have the number, and `counted` is 0. `at_least`
    names those that are lower bounds: they rest on percentiles among given-up requests. Of a single
    run `low` to `high` is its own 95% interval, where it has one; `high` alone is None where that
    has no end.
    """

    counted: int
    median: Number | None
    least: Number | None
    most: Number | None
    at_least: tuple[Ranked, ...] = ()
    low: Number | None = None
    high: Number | None = None


class Change(Part):
    """How far a side's number is from the base's: `absolute` of the medians, `relative` to it.

    `bound`: these are no more than a bound, for a median is a lower one: the side's makes the
    difference `at_least` that, the base's `at_most`; with both it is not known, and None.
    `low` to `high` is the 95% interval of the difference, over runs; None with fewer than five a
    side that count, `missing` of which there are not, and at an end that lower bounds leave open.
    """

    absolute: Number | None
    relative: float | None
    bound: Bound | None = None
    low: float | None
    high: float | None
    missing: int


class ComparedNumber(OfMetric):
    """One number: on every side, and how far each side but the first is from the first."""

    sides: tuple[SideNumber, ...]
    changes: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Whether all runs of all sides have the same number, and it is no lower bound."""
        ends = {end for side in self.sides for end in (side.least, side.most)}
        return len(ends) == 1 and not any(side.at_least for side in self.sides)


class HeldRegression(OfMetric):
    """What became of one number that may not become worse by its margins, on one side.

    `seen_from`: where it is no worse, by how much its median would have had to become worse at
    least to be told so, in its own unit: beyond its margins, and beyond chance with runs that
    spread as these do; `seen_from_share` of the base's median. None where that is not known.
    """

    margins: str
    side: str
    status: Outcome
    sentence: str
    seen_from: Number | None = None
    seen_from_share: float | None = None


class Differing(Part):
    """A key of the plans or a fact of the machines, with its value on every side."""

    key: str
    values: tuple[str, ...]


class Comparison(Part):
    """The whole of `comparison.json`."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    outcome: Outcome
    reasons: tuple[str, ...]
    """One sentence each, the gravest first."""
    notes: tuple[str, ...]
    sides: tuple[ComparedSide, ...]
    purchase: str | None
    """The metric of buying: p99 of the step that is for it, of several the slowest."""
    overview: tuple[ComparedNumber, ...]
    """How fast the sale went and how long buying took (each step that is for it, that of `purchase`
    first), whether gates are on them or not."""
    numbers: tuple[ComparedNumber, ...]
    """Every number of a gate of any side, and p99 of every step."""
    regressions: tuple[HeldRegression, ...]
    plans: tuple[Differing, ...]
    environments: tuple[Differing, ...]

    @property
    def exit_code(self) -> int:
        """The process's exit code: 0 no worse, 99 worse, 3 undecided."""
        return EXIT_CODES[self.outcome]

    def text(self) -> str:
        """Return the bytes of `comparison.json`."""
        document = self.model_dump(mode="json", by_alias=True)
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
