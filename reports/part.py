"""Parts of what is published of a run: what each is like, and those that tell of students."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dress_rehearsal.plans.visible import visible_values

Diagnosis = Literal[
    "healthy",
    "not_used",
    "undersized",
    "slow_holder",
    "lock_wait",
    "leak",
    "nested_acquire",
    "not_measured",
]
"""Why a pool was waited for, or that it was not, as `reports.pools.diagnosis` tells them apart."""


class Part(BaseModel):
    """A table of the verdict; None stands for "not measured", never for zero."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    @model_validator(mode="before")
    @classmethod
    def _shown(cls, values: Any) -> Any:
        """Make visible what a target or a damaged file could have put into words and names."""
        return visible_values(values)


class Tries(Part):
    """How often one step was asked for that a student wants once: opening the page, logging in,
    joining the queue, buying.

    `amplification` is its requests for each of the `students` who asked; `after_errors` of the
    requests were sent once an earlier one of the same student had failed; `abandoned` were
    no longer needed before they were answered, as of a page that is reloaded.
    """

    students: int
    requests: int
    amplification: float | None
    after_errors: int
    abandoned: int


class StepAnswers(Part):
    """What came of one step's requests; those that their student no longer needed are left out.

    `failed` of `count` got an error or no answer at all.
    """

    count: int
    failed: int
    failed_share: float | None


class Habit(Part):
    """One value of what the students did, as the plan has it: `value` is `off` where it made no
    difference; `basis` says whether this value was measured by anybody, `source` by whom."""

    key: str
    says: str
    value: str
    basis: Literal["measured", "assumed"]
    source: str


class Fairness(Part):
    """Whether first come was first served.

    `overtaken` counts whoever was served after somebody who had come later by more than
    `uncertainty_s`, which is what is not known of when they came; `inversions` those of them
    overtaken by more than the plan's `within_s` besides, which is a wrong.
    """

    inversions: int | None
    overtaken: int | None
    overtaken_max_s: float | None
    overtaken_p99_s: float | None
    uncertainty_s: float | None
    within_s: float | None
    kendall_tau: float | None
    multi_device_advantage: float | None


InCommon = Literal["journey", "devices", "login", "arrival", "early_click"]
"""What a group of students has in common."""


class Group(Part):
    """Students with something in common, and what came of them.

    `by` is what they have in common: their journey, how many devices they used, when they logged
    in, the tenth in which they came, or whether a click of theirs was refused as too early; `group`
    is which of them these are. `no_good_end` of the
    students gave up, failed, never learnt the outcome, never started or were still under way.
    `amplification` is the tries to buy of each who sent one of the `requests`: one may take several
    of them (a place is reserved, then paid for). p99 (ms) is of the `waited` of the requests that
    count, None where these are fewer than 100. `at_least`: it is a lower bound, for requests were
    given up that took no longer; where those only leave its interval without end, `p99_high` alone
    is None.
    """

    by: InCommon
    group: str
    students: int
    ticket: int
    sold_out: int
    refused: int
    no_good_end: int
    requests: int
    amplification: float | None
    waited: int
    p99: float | None
    p99_low: float | None
    p99_high: float | None
    at_least: bool = False


class BadEnd(Part):
    """Students who had no good end, in one way, and the last that is on record of them.

    `outcome` is where the census counts them, `journeys` how many took which; `such_as` are some of
    them. `step` is what their last request was for that they wanted an answer to, `answer` and
    `answer_error` what came of it, from `first_s` to `last_s` (s from T-0): None where no request
    is on record. `error` is the last error that they met, at `error_step`: of that request, or of
    one before; None where they met none.
    """

    outcome: str
    students: int
    journeys: dict[str, int]
    such_as: tuple[int, ...]
    step: str | None
    answer: str | None
    answer_error: str | None
    first_s: float | None
    last_s: float | None
    error: str | None
    error_step: str | None


class ErrorMet(Part):
    """One error that students met at one step: how often, when first and last (s from T-0).

    `got_over` of the `students` who met it ended well all the same: with a ticket that they could
    see, sold out or refused.
    """

    error: str
    step: str
    requests: int
    students: int
    got_over: int
    first_s: float | None
    last_s: float | None


BandName = Literal["slowest 1%", "slowest 10%", "all"]


class Band(Part):
    """Some of a step's requests, by how slow they were, and where they spent their time.

    `felt_ms` is the mean of what they took, and `parts` the mean of each part, in ms, which add up
    to it; None and empty where there are fewer than five. `said` is the same as the answers say it
    themselves (`Server-Timing`), before any part is counted as what made it long; it adds up to
    `felt_ms` too, and is empty where no answer said anything. No answer said where the time of
    `estimated` of the `requests` went: their parts are estimates.
    """

    step: str
    band: BandName
    requests: int
    estimated: int = 0
    felt_ms: float | None
    parts: dict[str, float]
    said: dict[str, float] = Field(default_factory=dict)


class SlowRequest(Part):
    """One of the requests that the target took longest for, from sending on: whose, when it was
    meant (s from T-0), how long it was waited for since then and on what. `trace` is its W3C trace
    id, which the target was sent; `parts` (ms) is empty where it is not known, and an estimate
    where `estimated`, for no answer said where its time went; `said` are the parts as its answer
    says them itself, empty where it says none. Users of a Locust file are no students, and their
    requests carry no trace id."""

    trace: str | None
    student: int | None
    step: str
    at_s: float
    felt_ms: float
    outcome: str
    error: str | None
    worker: str | None
    estimated: bool = False
    parts: dict[str, float]
    said: dict[str, float] = Field(default_factory=dict)
