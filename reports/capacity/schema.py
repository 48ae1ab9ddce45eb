"""The schema of `capacity.json`: every try of a search, and what they come to together."""

import json
from typing import Literal

from pydantic import Field

from dress_rehearsal.reports.capacity.standing import Outcome, Standing
from dress_rehearsal.reports.part import Part
from dress_rehearsal.reports.schema import EXIT_CODES, Number, Status


class Level(Part):
    """A stretch of a run in which the same load lasted and throughput was steady.

    `in_flight` requests were under way on average, and `answers_per_s` of them were answered.
    """

    run: str
    from_s: float
    until_s: float
    in_flight: float
    answers_per_s: float


class CapacityTry(Part):
    """One run of the search.

    `load` is in the search's unit, `people` how many acted. `p99_ms` is of `Capacity.step`, with
    its 95% interval; `p99_at_least`: it is a lower bound, for requests were given up, and has no
    interval; `p99_high` alone is None where the interval has no end for them. `answers_per_s`: the
    most answers that came within a second. `broken` is the
    first gate that did not hold, in words. `doubts` are `Verdict.doubts` of the run. None stands
    for "not measured".
    """

    run: str
    seed: int
    load: Number
    people: int
    outcome: Outcome
    verdict: Status
    reason: str
    cause: str
    broken: str | None
    p99_ms: float | None
    p99_low: float | None
    p99_high: float | None
    p99_at_least: bool = False
    tickets_per_s: float | None
    answers_per_s: Number | None
    took_s: float
    levels: tuple[Level, ...] = ()
    not_steady: int = 0
    """Stretches of the same load in which throughput was not steady."""
    doubts: tuple[str, ...] = ()


class LoadStanding(Part):
    """What all tries of one load come to."""

    load: Number
    people: int
    standing: Standing
    outcomes: tuple[Outcome, ...]


class Headroom(Part):
    """A load that is asked about, and whether it passes.

    `factor` is the largest load that passes over this one; None where none passed.
    """

    load: Number
    people: int
    passes: Status
    factor: float | None
    says: str


class Estimate(Part):
    """A number of a fit, and the middle 95% of what other draws of the levels give; None: beyond
    all bounds."""

    value: float | None
    low: float | None
    high: float | None


class Usl(Part):
    """Gunther's Universal Scalability Law through the steady levels: with N requests under way,
    N * each / (1 + contention * (N - 1) + coherency * N * (N - 1)) are answered a second.

    `peak` is the N beyond which more of them are answered slower, and `most_per_s` how many are
    answered a second there; of both None: there is no such N.
    """

    levels: int
    each_per_s: Estimate
    contention: Estimate
    coherency: Estimate
    peak: Estimate
    most_per_s: Estimate


class Capacity(Part):
    """The whole of `capacity.json`.

    Attributes:
        over: what was searched; `unit` is what a load is counted in.
        own: the plan's own number, as `load` and `people`.
        passes: the largest load that passes; None: none did.
        fails: the smallest above it that does not pass because of the target; None: none failed.
        above: the smallest above it that does not pass, for whatever reason; None: there is none.
        ended: why the search ended, as a sentence; `broken`: because runs of a load had no verdict.
        breaks: what breaks first beyond the largest load that passes; None: nothing did.
        usl_missing: why there is no fit; None where there is one.
        most_tries, most_s: the bound that was told before it began.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    plan: str
    over: str
    unit: str
    step: str | None
    limit_ms: float | None
    verdict: Status
    own: LoadStanding
    passes: LoadStanding | None
    fails: LoadStanding | None
    above: LoadStanding | None
    within: float
    repeats: int
    least: Number
    most: Number
    ended: str
    broken: bool = False
    sentence: str
    headroom: tuple[Headroom, ...]
    breaks: str | None
    remarks: tuple[str, ...]
    usl: Usl | None
    usl_missing: str | None
    most_tries: int
    most_s: float
    took_s: float
    loads: tuple[LoadStanding, ...]
    tries: tuple[CapacityTry, ...]

    @property
    def exit_code(self) -> int:
        """The process's exit code: whether the plan's own number passes."""
        return EXIT_CODES[self.verdict]

    def text(self) -> str:
        """Return the bytes of `capacity.json`; versions that know of no `broken` read it where no
        run was."""
        document = self.model_dump(mode="json", by_alias=True)
        if not self.broken:
            del document["broken"]
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
