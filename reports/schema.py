"""The schema of `verdict.json`; as JSON Schema it is published in verdict.schema.json."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Number = int | float
Status = Literal["pass", "fail", "inconclusive"]
Diagnosis = Literal["healthy", "undersized", "slow_holder", "leak", "nested_acquire"]

EXIT_CODES = {"pass": 0, "fail": 99, "inconclusive": 3}


class Part(BaseModel):
    """A table of the verdict; None stands for "not measured", never for zero."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)


class Census(Part):
    """Where every student's story ended; the counts add up to `students`."""

    students: int
    ticket: int
    sold_out: int
    refused: int
    gave_up: int
    failed: int
    unknown: int
    never_started: int
    in_flight: int


class Latency(Part):
    """What students felt at one step, in ms from intended to done; `system_p99` from sent."""

    count: int
    p50: float | None
    p90: float | None
    p99: float | None
    p99_9: float | None
    max: float | None
    system_p99: float | None


class Audit(Part):
    """Who was wronged, counted one wrong at a time; every counter should be zero."""

    oversold: int | None
    duplicate_students: int | None
    acked_but_missing: int | None
    held_without_ack: int | None
    ineligible: int | None
    sold_early: int | None
    false_sold_out: int | None
    store_drift: int | None
    stuck_students: int | None
    double_entry: int | None
    lost_views: int | None
    settle_ms: float | None


class Fairness(Part):
    """Whether first come was first served."""

    inversions: int | None
    kendall_tau: float | None
    multi_device_advantage: float | None


class Pool(Part):
    """Something finite that requests wait for; `saturated_at_s` is relative to T-0."""

    name: str
    max: Number | None
    peak_used: Number | None
    peak_pending: Number | None
    wait_p99_ms: float | None
    timeouts: int | None
    saturated_at_s: float | None
    leaked: int | None
    diagnosis: Diagnosis | None


class Bottleneck(Part):
    """What saturated first."""

    resource: str
    since_s: float
    evidence: str


class Generator(Part):
    """Whether the measurement itself kept up; `cpu_peak` and `foreign_cpu_cores` are in cores.

    `foreign_cpu_cores`: the most that other programs took over a second around T-0;
    `timely_share`: of the purchases around T-0, those sent in time (0 to 1); `clock_step_ms`: the
    most that a clock moved between two looks at it.
    """

    requests: int
    late_start_p99_ms: float | None
    read_lag_p99_ms: float | None
    release_skew_ms: float | None
    timely_share: float | None
    cpu_peak: float | None
    foreign_cpu_cores: float | None
    clock_step_ms: float | None
    limited: bool


class GateResult(Part):
    """One limit and the number it was held against."""

    metric: str
    limit: str
    value: Number | None
    baseline: Number | None
    status: Status

    @property
    def never(self) -> bool:
        """Return whether there is no number because what the gate is about never happened."""
        return self.value is None and self.status != "inconclusive"


class Measured(Part):
    """Everything a gate can name."""

    census: Census
    latency_ms: dict[str, Latency]
    audit: Audit
    fairness: Fairness
    pools: tuple[Pool, ...]
    bottleneck: Bottleneck | None
    generator: Generator


class Answer(Part):
    """Which run it is about, what is said of it and why; the gravest reason first."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    run: str
    plan: str
    verdict: Status
    reasons: tuple[str, ...]


class Verdict(Measured, Answer):
    """The whole of `verdict.json`."""

    gates: tuple[GateResult, ...]
    notes: tuple[str, ...]
    """What is told and decides nothing."""

    @property
    def exit_code(self) -> int:
        """The process's exit code: 0 pass, 99 fail, 3 inconclusive."""
        return EXIT_CODES[self.verdict]

    def document(self) -> dict[str, Any]:
        """Return the plain document, keys in the published order."""
        return self.model_dump(mode="json", by_alias=True)

    def text(self) -> str:
        """Return the bytes of `verdict.json`, the same for the same run."""
        return json.dumps(self.document(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
