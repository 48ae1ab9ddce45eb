"""The Plan: everything one rehearsal needs to know, checked before anything starts."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from plans.durations import Duration, PositiveDuration, Share
from plans.limits import LimitText

Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""Lower-case letters, digits and hyphens: it becomes part of a folder's name and of URLs."""


class Section(BaseModel):
    """A table of the plan: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Event(Section):
    """What is sold, and to how many."""

    id: Name = "festival"
    students: Annotated[int, Field(ge=1, le=1_000_000)] = 12_000
    """How many people act; the census adds up to this."""
    tickets: Annotated[int, Field(ge=0, le=1_000_000)] = 5_000


class Schedule(Section):
    """The absolute timetable around T-0, the instant the sale opens."""

    lead: Duration = 30.0
    """From the first arrival to T-0."""
    sale: Duration = 35.0
    """From T-0 until students stop starting anything new."""
    drain: Duration = 10.0
    """How long answers still under way are awaited after that."""


class Students(Section):
    """Who comes and how they behave; the rest of the shares are the eager ones."""

    late: Share = 0.20
    """Arrive after T-0 instead of waiting on the page."""
    outsiders: Share = 0.05
    """Have a campus login but are not on the festival's roster; buying must be refused."""
    double_clickers: Share = 0.10
    """Wait like the eager ones, then send several copies of the click."""
    login_before: Share = 0.70
    """Of those waiting, how many log in before T-0; the others do when it opens."""
    countdown_poll: PositiveDuration = 5.0
    """How often a waiting student's page asks for the countdown."""
    click_offset: Duration = 0.15
    click_spread: Duration = 0.40
    """Clicks fall around T-0 + offset with this standard deviation; early ones are refused."""
    late_mean: Duration = 7.0
    """Mean of the exponential arrival of late students after T-0."""
    login_at_open: Duration = 10.0
    """Those who did not log in before do so within this long after T-0."""
    timeout: PositiveDuration = 10.0
    """How long a student's browser waits for one answer."""
    attempts: Annotated[int, Field(ge=1, le=100)] = 20
    """How often a student tries to buy before giving up."""
    retry: Share = 0.90
    """How many try again after an error or a timeout."""
    retry_delay: Duration = 1.5
    """Median of the log-normal human delay before trying again."""
    early_retry: Duration = 0.5
    """Median delay before clicking again after `too early`."""
    patience: Duration = 90.0
    """Median of the Weibull time from the first click until a student gives up."""
    patient: Share = 0.10
    """Never give up."""
    ticket_poll: PositiveDuration = 1.0
    """How often a holder asks whether a pending ticket has been issued."""
    typing: Duration = 1.0
    """Median time to read the page and type student number and PIN."""
    qr_delay: Duration = 4.0
    """Median delay from holding an issued ticket to opening its QR code."""

    @model_validator(mode="after")
    def _shares_leave_room(self) -> Self:
        if self.late + self.outsiders + self.double_clickers > 1 + 1e-9:
            raise ValueError("late, outsiders and double_clickers together are more than 100%")
        return self


class Target(Section):
    """What the students rush."""

    stage: Literal["embedded", "external"] = "embedded"
    url: str | None = None
    """Where the target answers; only for an external stage."""
    allow: tuple[str, ...] = ()
    """Hosts other than loopback that load may be sent to."""

    @model_validator(mode="after")
    def _external_needs_url(self) -> Self:
        if self.stage == "external" and self.url is None:
            raise ValueError('stage = "external" needs url')
        if self.stage == "embedded" and self.url is not None:
            raise ValueError('url is only for stage = "external"')
        return self


class App(Section):
    """The reference app's own switches."""

    workers: Annotated[int, Field(ge=1, le=64)] = 2
    allocation: Literal["naive", "atomic_update", "redis_writeback"] = "redis_writeback"
    backlog: Annotated[int, Field(ge=128, le=65535)] = 4096
    """The listening socket's accept queue; the kernel caps it at `somaxconn`."""
    postgres_pool: Annotated[int, Field(ge=1, le=1000)] = 10
    """PostgreSQL connections of one worker."""
    postgres_pool_timeout: Duration = 8.0
    redis_pool: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Redis connections of one worker."""
    redis_pool_timeout: Duration = 8.0
    """Just under the students' own time-out: turning a click away only brings it back."""


class Postgres(Section):
    """The stage's PostgreSQL."""

    max_connections: Annotated[int, Field(ge=10, le=10_000)] = 100


class Generator(Section):
    """When the measurement itself stops being believable."""

    max_late_start: Duration = 1.0
    """99th percentile of `sent - intended` above which the verdict is inconclusive."""
    max_release_skew: Duration = 1.0
    """Spread of the T-0 release above which the verdict is inconclusive."""


class Collect(Section):
    """How often pools, processes and the kernel are read."""

    interval: PositiveDuration = 0.25


class Gate(Section):
    """One limit on one number of the verdict."""

    metric: str
    """A path into `verdict.json`, such as `latency_ms[POST /login].p99` or `census.failed`."""
    limit: LimitText
    """A comparison with its unit, such as `"<= 3s"`, `"== 0"`, `"<= 1%"`."""


class Plan(Section):
    """One rehearsal, whole."""

    name: Name
    description: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 2026
    event: Event = Event()
    schedule: Schedule = Schedule()
    students: Students = Students()
    target: Target = Target()
    app: App = App()
    postgres: Postgres = Postgres()
    generator: Generator = Generator()
    collect: Collect = Collect()
    gates: tuple[Gate, ...] = ()

    @property
    def outsiders(self) -> int:
        """How many of the students are not on the festival's roster."""
        return round(self.event.students * self.students.outsiders)

    @model_validator(mode="after")
    def _pools_fit_the_server(self) -> Self:
        reserved = 3 + 4  # superuser_reserved_connections, then collector, ledger, write-back
        wanted = self.app.workers * self.app.postgres_pool + reserved
        if self.target.stage == "embedded" and wanted > self.postgres.max_connections:
            raise ValueError(
                f"app.workers x app.postgres_pool + {reserved} kept in reserve = {wanted} "
                f"connections do not fit postgres.max_connections = "
                f"{self.postgres.max_connections}: lower app.postgres_pool or raise "
                f"postgres.max_connections"
            )
        return self
