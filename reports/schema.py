"""The schema of `verdict.json`; as JSON Schema it is published in verdict.schema.json."""

import json
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from dress_rehearsal.records.steps import PURCHASE, TICKET_OPEN
from dress_rehearsal.reports.part import (
    BadEnd,
    Band,
    Diagnosis,
    ErrorMet,
    Fairness,
    Group,
    Habit,
    Part,
    SlowRequest,
    StepAnswers,
    Tries,
)

Number = int | float
Status = Literal["pass", "fail", "inconclusive"]

_GIVEN_UP_LEAST: Final = ("given_up_least", "given_up_system_least")
"""Fields of a latency that are written only where there is something in them."""

EXIT_CODES = {"pass": 0, "fail": 99, "inconclusive": 3}


NO_GOOD_ENDS: Final = ("gave_up", "failed", "unknown", "never_started", "in_flight")
"""The words of the census for those who had no good end."""


class Census(Part):
    """Where every student's story ended; the counts add up to `students`.

    Gates can name `no_good_end` too: how many gave up, failed, never learnt the outcome, never
    started or were still under way, together. It is worked out and not written, so that what is
    written adds up.
    """

    students: int
    ticket: int
    sold_out: int
    refused: int
    gave_up: int
    failed: int
    unknown: int
    never_started: int
    in_flight: int
    no_good_end: int = Field(default=0, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _summed(cls, values: Any) -> Any:
        """Work out how many had no good end."""
        counts = [values.get(word) for word in NO_GOOD_ENDS] if isinstance(values, dict) else []
        if not counts or not all(isinstance(count, int) for count in counts):
            return values
        return {**values, "no_good_end": sum(counts)}


class Latency(Part):
    """What students felt at one step, in ms from intended to done, whatever came of it.

    `count` requests were waited for; `failed` of them failed or were never answered. `system_p99`
    is from sent to done; `good_p99` is of what was answered well (`ok`, `refused`). `p99_low` to
    `p99_high` is the 95% interval of p99: by chance alone, within this one run. `given_up` of the
    `failed` were waited for no longer (a time-out, or the end of the run), the shortest of them for
    `given_up_least` (felt; `given_up_system_least` in the system's part): percentiles of so much or
    more are lower bounds. Both are None where none was given up, or a version of before wrote it.
    """

    count: int
    failed: int
    given_up: int = 0
    given_up_least: float | None = None
    given_up_system_least: float | None = None
    p50: float | None
    p90: float | None
    p99: float | None
    p99_9: float | None
    max: float | None
    p99_low: float | None
    p99_high: float | None
    good_p99: float | None
    system_p99: float | None


class Sale(Part):
    """How fast the tickets went; None also where there was none to go, or too few to time.

    `tickets_per_s` is from the first grant to the last, `sold_out_after_s` from T-0 to the last
    ticket: None also when some were left.
    """

    granted: int | None
    tickets_per_s: float | None
    sold_out_after_s: float | None


class Load(Part):
    """How hard the rush was: requests sent within any one second, at most; and how many there were
    that their student did not come to need no more, of which `failed` got an error or no answer."""

    busiest_second: int | None
    requests: int
    failed: int
    failed_share: float | None


class Audit(Part):
    """Who was wronged, counted one wrong at a time; every counter should be zero."""

    oversold: int | None
    duplicate_students: int | None
    wrong_owner: int | None
    acked_but_missing: int | None
    held_without_ack: int | None
    ineligible: int | None
    sold_early: int | None
    early_admissions: int | None
    false_sold_out: int | None
    false_too_early: int | None
    false_not_enrolled: int | None
    false_already_holds: int | None
    false_not_admitted: int | None
    lost_places: int | None
    lost_sessions: int | None
    refused_logins: int | None
    false_issued: int | None
    wrong_code: int | None
    false_number: int | None
    false_place: int | None
    false_countdown: int | None
    false_state: int | None
    false_remaining: int | None
    replays_refused: int | None
    false_rejections: int | None
    denied_tickets: int | None
    refused_entry: int | None
    store_drift: int | None
    stuck_students: int | None
    double_entry: int | None
    lost_entries: int | None
    lost_views: int | None
    settle_ms: float | None


class Pool(Part):
    """Something finite that requests wait for; `saturated_at_s` is relative to T-0, and so is
    `saturated_in_rush_s`: when it saturated first from T-0 - 1 s on, whatever had been before.

    `wait_p99_ms` is measured where `wait_p99_low_ms` is None. Else a histogram tells of it, which
    knows no more than the bucket: longer than `wait_p99_low_ms`, at most `wait_p99_high_ms` (None
    of a last bucket without end); `wait_p99_ms` is interpolated between them, as PromQL does.
    `wait_mean_ms` is of somebody else's pool, which may tell no more of its waits. `hold_mean_ms`
    is how long a connection was held, by those given back in the run. Of a pool of the app's that
    is `not_used` no connection was taken in the whole run. Where it was waited for and
    the `diagnosis` of a pool of connections is None, `undecided` says why it could not be told.
    """

    name: str
    max: Number | None
    peak_used: Number | None
    peak_pending: Number | None
    wait_p99_ms: float | None
    wait_p99_low_ms: float | None = None
    wait_p99_high_ms: float | None = None
    wait_mean_ms: float | None = None
    timeouts: int | None
    saturated_at_s: float | None
    saturated_in_rush_s: float | None = None
    leaked: int | None
    hold_mean_ms: float | None = None
    diagnosis: Diagnosis | None
    undecided: str | None = None


class Bottleneck(Part):
    """Where the slowest tenth of the requests to `step` lost most of their time.

    From `since_s` to `until_s` (relative to T-0) it was what those sent then lost most by; `share`
    of the slowest tenth's time went there, `lost_ms` of each on average. `certainty` is how often
    the same comes out of resampled students, times how much of that time busy CPUs are likely to
    explain, where they are the cause. `worker`: the pid, where it is one worker's.
    """

    resource: str
    since_s: float
    until_s: float | None
    share: float | None
    certainty: float | None
    lost_ms: float | None
    step: str
    worker: str | None
    evidence: str


class Generator(Part):
    """Whether the measurement itself kept up; `cpu_peak` and `foreign_cpu_cores` are in cores.

    `requests` are all on record, those that a student no longer needed too.
    `foreign_cpu_cores`: the most that other programs took over a second around T-0;
    `released` purchases were meant around T-0 and sent, `timely` of them in time, `timely_share`
    (0 to 1); `clock_step_ms`: the most that a clock moved between two looks at it;
    `held_back_share` (0 to 1): of a second, the most for which a CPU limit of its own kept it from
    running, None where it has none.
    """

    requests: int
    late_start_p99_ms: float | None
    read_lag_p99_ms: float | None
    release_skew_ms: float | None
    released: int
    timely: int
    timely_share: float | None
    cpu_peak: float | None
    foreign_cpu_cores: float | None
    clock_step_ms: float | None
    held_back_share: float | None = None
    limited: bool


class OfMetric(Part):
    """Something about a number that a path names; of a latency also of which requests: `window` is
    when they were meant, None for the whole rush."""

    metric: str
    window: str | None = None

    @property
    def name(self) -> str:
        """The metric, and its window where it has one."""
        return named(self.metric, self.window)


class GateResult(OfMetric):
    """One limit and the number it was held against.

    `low` to `high` is the value's 95% interval, None where it has none, for only percentiles of
    latencies are a matter of chance; `high` alone is None where given-up requests leave it without
    end. `baseline`: the median of the runs that it was rehearsed against; `baseline_at_least`: that
    is a lower bound. `given_up` is the share (0 to 1) of the requests that were given up, where the
    value is a lower bound for these; else None.
    """

    limit: str
    value: Number | None
    low: float | None
    high: float | None
    baseline: Number | None
    baseline_at_least: bool = False
    given_up: float | None = None
    status: Status

    @property
    def never(self) -> bool:
        """Return whether there is no number because what the gate is about never happened."""
        return self.value is None and self.status != "inconclusive"


class Regression(OfMetric):
    """A number that the plan lets become worse by `margins` at most; `value` is this run's.

    No run alone decides it: comparisons do, over runs. `baseline`, `baseline_at_least` and
    `given_up` as of `GateResult`.
    """

    margins: str
    value: Number | None
    baseline: Number | None = None
    baseline_at_least: bool = False
    given_up: float | None = None


def named(metric: str, window: str | None) -> str:
    """Return how people name a gate's number: `latency_ms[POST /login].p99 in T+0s..T+10s`."""
    return metric if window is None else f"{metric} in {window}"


class Measured(Part):
    """Everything a gate can name."""

    census: Census
    latency_ms: dict[str, Latency]
    roles: dict[str, str] = Field(default_factory=lambda: dict(TICKET_OPEN))
    """What each step is for: `records.steps.ROLES`."""
    answers: dict[str, StepAnswers]
    tries: dict[str, Tries] = Field(default_factory=dict)
    sale: Sale
    load: Load
    audit: Audit
    fairness: Fairness
    pools: tuple[Pool, ...]
    bottleneck: Bottleneck | None
    generator: Generator

    @property
    def purchases(self) -> tuple[str, ...]:
        """The steps that are for buying."""
        return tuple(name for name, role in self.roles.items() if role == PURCHASE)


class Answer(Part):
    """Which run it is about, what is said of it and why; the gravest reason first."""

    schema_version: Literal[2] = Field(default=2, alias="schema")
    run: str
    plan: str
    verdict: Status
    reasons: tuple[str, ...] = Field(min_length=1)


class Verdict(Measured, Answer):
    """The whole of `verdict.json`."""

    cause: str
    """Why it was slow or failed, in one line."""
    lost_ms: dict[str, float]
    """Where the slowest tenth of the purchases lost their time, a part each; means in ms."""
    estimated: tuple[str, ...] = ()
    """Parts of `lost_ms` that are estimated: from what pools tell of all their waits, or because
    much of them was lost by requests that were never answered."""
    not_known: tuple[str, ...] = ()
    """Pools that requests may have waited for, and of which nothing tells whether they did."""
    bands: tuple[Band, ...] = ()
    """Where the slowest 1% of the purchases spent their time, beside the slowest tenth and all;
    the same of another step, where the cause is about that one."""
    slowest: tuple[SlowRequest, ...] = ()
    """The slowest requests to buy, slowest first; then those of all other steps. Before: of all."""
    ran: str
    """What was run, in one line."""
    belief: str = ""
    """Whether the measurement can be believed, and why, in one line."""
    app_or_machine: str = ""
    """Whose doing it was that the CPU was short, or requests left late; empty if neither was."""
    notes: tuple[str, ...]
    """What is worth knowing and decides nothing."""
    behaviour: tuple[Habit, ...] = ()
    """What the students did, value by value."""
    groups: tuple[Group, ...] = ()
    """What came of the students by what they have in common."""
    bad_ends: tuple[BadEnd, ...] = ()
    """Who had no good end, and after what: the most frequent ways to, at most twenty."""
    errors: tuple[ErrorMet, ...] = ()
    """The most frequent errors that students met, each at its step."""
    unchecked: dict[str, int]
    """Words of answers that no check held to the facts, and how often they were said."""
    not_applicable: dict[str, str] = Field(default_factory=dict)
    """Counters of the audit that this run had nothing to decide by, and why, by their names."""
    gates: tuple[GateResult, ...]
    regressions: tuple[Regression, ...] = ()
    """What only a comparison with other runs decides."""
    failures: tuple[str, ...] | None = None
    """What failed, as words, the gravest first: `aborted`, `audit`, `overtaken`, `unanswered`,
    `unsold`, `leaked`, `lost`, `killed`, `load`, `gates`, `census`. None: of a version that did not
    say."""
    doubts: tuple[str, ...] | None = None
    """Why numbers of this run are not those of the planned rush on a quiet machine: words of
    `trust.FINDINGS`, `cut_short`, `smaller_rush`, `undone_fault`. None: by an old version."""

    @property
    def exit_code(self) -> int:
        """The process's exit code: 0 pass, 99 fail, 3 inconclusive."""
        return EXIT_CODES[self.verdict]

    def document(self) -> dict[str, Any]:
        """Return the plain document, keys in the published order.

        Without what says of lower bounds that there is none: versions that know of none refuse it;
        and `bad_ends` and `app_or_machine` only where they say anything. Only where any requests
        were given up a regression says that its number is exact.
        """
        document = self.model_dump(mode="json", by_alias=True)
        for word in ("bad_ends", "app_or_machine"):
            if not document[word]:
                del document[word]
        told = any(own.given_up for own in self.latency_ms.values())
        for kept in document["latency_ms"].values():
            for field in _GIVEN_UP_LEAST:
                if kept[field] is None:
                    del kept[field]
        for kept in (*document["gates"], *document["regressions"]):
            if not kept["baseline_at_least"]:
                del kept["baseline_at_least"]
        for kept in document["regressions"]:
            if kept["given_up"] is None and not told:
                del kept["given_up"]
        return document

    def text(self) -> str:
        """Return the bytes of `verdict.json`, the same for the same run."""
        return json.dumps(self.document(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
