"""The Plan: everything one rehearsal needs to know, checked before anything starts."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from dress_rehearsal.plans.fault_needs import obstacle, overlap, services_of
from dress_rehearsal.plans.limits import parse_limit
from dress_rehearsal.plans.secrets import variables_in
from dress_rehearsal.plans.sections.abort import Abort
from dress_rehearsal.plans.sections.app import App
from dress_rehearsal.plans.sections.faults import Fault, format_moment
from dress_rehearsal.plans.sections.gates import Gate
from dress_rehearsal.plans.sections.generator import Generator, out_of_reach
from dress_rehearsal.plans.sections.ledgers import Ledger, ledgers_named_once
from dress_rehearsal.plans.sections.load import Load, misfit, without_students
from dress_rehearsal.plans.sections.metrics import Metrics, refusals
from dress_rehearsal.plans.sections.notify import Notify
from dress_rehearsal.plans.sections.scenario import Scenario
from dress_rehearsal.plans.sections.stage import StageSection
from dress_rehearsal.plans.sections.students import Students
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.plans.show_up import with_those_who_come
from dress_rehearsal.plans.types import Duration, PositiveDuration, Section, Whole

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""Lower-case letters, digits and hyphens: it becomes part of a folder's name and of URLs."""

Seed = Annotated[Whole, Field(ge=0, lt=2**63)]
"""Of everything that is drawn."""

_TIMELY_PARTS: Final = 4
_TIMELY_S: Final = 0.1


class Event(Section):
    """What is sold, and to how many."""

    id: Name = "festival"
    invited: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = None
    """How many could come: `students.show_up` of them act, and `students` is left out."""
    students: Annotated[Whole, Field(ge=0, le=1_000_000)] = 12_000
    """How many people act, at least one; the census adds up to this. None where Locust's users do.
    """
    tickets: Annotated[Whole, Field(ge=0, le=1_000_000)] = 5_000
    order: Literal["first_come", "lottery", "none"] = "first_come"
    """What was promised: to be served in the order of the clicks, by lot, or in no order.

    Where lots are drawn `sold_out` says that the student drew none, else that nothing is left."""
    order_within: Duration = 2.0
    """Who is overtaken by more than this, besides what is unknown of the clicks, is wronged."""
    per_student: Annotated[Whole, Field(ge=0, le=1_000)] = 1
    """How many tickets one student may have; 0: as many as there are."""
    roster: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    """CSV of who acts, relative to the plan's folder; `--roster` comes before it."""


class Schedule(Section):
    """The absolute timetable around T-0, the instant the sale opens."""

    lead: Duration = 30.0
    """From the first arrival to T-0."""
    sale: Duration = 35.0
    """From T-0 until students stop starting anything new."""
    drain: Duration = 10.0
    """How long answers still under way are awaited after that."""
    settle: Duration = 10.0
    """How long the stores may stand still after that while they do not agree on who holds a ticket;
    as long as rows are being written they are waited for, six times as long at most."""


class Postgres(Section):
    """The stage's PostgreSQL."""

    max_connections: Annotated[Whole, Field(ge=10, le=10_000)] = 100


class Collect(Section):
    """How often pools, processes and the kernel are read."""

    interval: PositiveDuration = 0.25


class Plan(Section):
    """One rehearsal, whole."""

    name: Name
    description: str = ""
    seed: Seed = 2026
    event: Event = Event()
    schedule: Schedule = Schedule()
    students: Students = Students()
    target: Target = Target()
    app: App = App()
    postgres: Postgres = Postgres()
    stage: StageSection = StageSection()
    generator: Generator = Generator()
    collect: Collect = Collect()
    abort: Abort = Abort()
    metrics: tuple[Metrics, ...] = ()
    notify: Notify = Notify()
    scenario: Scenario = Scenario()
    load: Load | None = None
    """The load of a plain Locust file, in place of students."""
    ledgers: tuple[Ledger, ...] = ()
    faults: tuple[Fault, ...] = ()
    gates: tuple[Gate, ...] = ()

    @property
    def bundled(self) -> bool:
        """Whether the scenario is the bundled ticket open."""
        return self.scenario.file is None

    @property
    def timely(self) -> float:
        """Within how many seconds of its time a purchase around T-0 has to be sent."""
        if self.generator.timely is not None:
            return self.generator.timely
        return max(self.students.click_spread / _TIMELY_PARTS, _TIMELY_S)

    @property
    def opens_at_t0(self) -> bool:
        """Whether the sale opens at T-0; else it is open already, or opens by a moment of its own
        that nobody here knows, and T-0 is only when the rush begins."""
        opening = self.target.opening
        return not opening.already if opening is not None else self.bundled

    @property
    def named_variables(self) -> frozenset[str]:
        """The environment variables that it names: as `env:NAME`, as a ledger's database, or as the
        token of metrics. Their values are secrets."""
        databases = {ledger.dsn_env for ledger in self.ledgers if ledger.dsn_env is not None}
        tokens = {each.bearer_env for each in self.metrics if each.bearer_env is not None}
        texts = self.model_dump(mode="json", include={"target", "ledgers", "metrics"})
        return variables_in(texts) | databases | tokens

    @property
    def outsiders(self) -> int:
        """How many of the students are not on the festival's roster."""
        return round(self.event.students * self.students.outsiders)

    @model_validator(mode="before")
    @classmethod
    def _load_has_no_students(cls, document: Any) -> Any:
        return without_students(document)

    @model_validator(mode="before")
    @classmethod
    def _of_the_invited_some_come(cls, document: Any) -> Any:
        return with_those_who_come(document)

    @model_validator(mode="after")
    def _slots_fall_into_the_sale(self) -> Self:
        last_s = self.students.last_slot_s(self.event.students)
        if last_s >= self.schedule.sale and last_s:
            raise ValueError(
                f"students.slot_size and .slot_every make "
                f"{self.students.slots(self.event.students)} slots, the last of which begins "
                f"{format_moment(last_s)}, when the sale has closed "
                f"({format_moment(self.schedule.sale)}): keep schedule.sale open for longer"
            )
        return self

    @model_validator(mode="after")
    def _students_or_load(self) -> Self:
        wrong = misfit(self)
        if wrong is not None:
            raise ValueError(wrong)
        return self

    @model_validator(mode="after")
    def _workers_reach_the_target(self) -> Self:
        wrong = out_of_reach(self)
        if wrong is not None:
            raise ValueError(wrong)
        return self

    @model_validator(mode="after")
    def _scenarios_are_for_apps_of_theirs(self) -> Self:
        if not self.bundled and self.target.ours:
            raise ValueError(
                "scenario.file is for an app of your own: give [target] the stage "
                '"external" and its url'
            )
        return self

    @model_validator(mode="after")
    def _ledgers_are_somebody_elses(self) -> Self:
        if self.ledgers and self.target.ours:
            raise ValueError(
                'ledgers are for stage = "external": what the stage of our own sells is read anyway'
            )
        ledgers_named_once(self.ledgers)
        return self

    @model_validator(mode="after")
    def _per_student_is_theirs_to_say(self) -> Self:
        if self.event.per_student != 1 and self.target.ours:
            raise ValueError(
                'event.per_student is for stage = "external": the app of our own sells each '
                "student one ticket"
            )
        return self

    @model_validator(mode="after")
    def _metrics_may_be_read(self) -> Self:
        for wrong in refusals(self.metrics, self.target.allow):
            raise ValueError(wrong)
        return self

    @model_validator(mode="after")
    def _faults_fall_into_the_rush(self) -> Self:
        if self.faults and not self.target.ours:
            raise ValueError("faults are for a stage of our own, not for an external target")
        early, late = -self.schedule.lead, self.schedule.sale
        for fault in self.faults:
            if not early <= fault.at <= late:
                raise ValueError(
                    f"fault {fault.name} at {format_moment(fault.at)} lies outside the rush, "
                    f"which lasts from {format_moment(early)} to {format_moment(late)}"
                )
        return self

    @model_validator(mode="after")
    def _windows_fall_into_the_rush(self) -> Self:
        early, late = -self.schedule.lead, self.schedule.sale
        for gate in self.gates:
            if self.load is None and gate.within and not gate.within.meets(early, late):
                raise ValueError(
                    f"the window {gate.within} of the gate on {gate.path} lies outside the rush, "
                    f"which lasts from {format_moment(early)} to {format_moment(late)}"
                )
        return self

    @model_validator(mode="after")
    def _faults_can_occur(self) -> Self:
        wrongs = [obstacle(fault, self) for fault in self.faults]
        wrongs.append(overlap(self.faults, self.schedule.sale))
        for wrong in wrongs:
            if wrong is not None:
                raise ValueError(wrong)
        return self

    @model_validator(mode="after")
    def _containers_are_dockers(self) -> Self:
        if self.stage.is_set and self.target.stage != "docker":
            raise ValueError(
                'stage is for containers: give [target] the stage "docker", or leave [stage] out'
            )
        absent = [name for name in self.stage.limits if name not in services_of(self)]
        if absent:
            raise ValueError(
                f"stage.limits.{absent[0]}: the stage of this plan has no {absent[0]}, only "
                f"{', '.join(services_of(self))}"
            )
        containers = self.stage.containers(self.app.workers)
        if self.app.workers % containers:
            raise ValueError(
                f"app.workers = {self.app.workers} cannot be shared among "
                f"stage.app_containers = {containers}: each must get as many"
            )
        return self

    @property
    def reserved_connections(self) -> int:
        """How many of PostgreSQL's connections the pools of the app's workers must leave: its
        `superuser_reserved_connections`, then those of collector, ledger and write-back."""
        return 3 + 3 + self.app.writeback_workers

    @model_validator(mode="after")
    def _pools_fit_the_server(self) -> Self:
        reserved = self.reserved_connections
        wanted = self.app.workers * self.app.postgres_pool + reserved
        if self.target.ours and wanted > self.postgres.max_connections:
            raise ValueError(
                f"app.workers x app.postgres_pool + {reserved} kept in reserve = {wanted} "
                f"connections do not fit postgres.max_connections = "
                f"{self.postgres.max_connections}: lower app.postgres_pool or raise "
                f"postgres.max_connections"
            )
        return self


def slo_edges_s(plan: Plan) -> tuple[float, ...]:
    """Return every latency that a gate of the plan sets as a limit, in seconds, ascending."""
    limits = (parse_limit(gate.limit) for gate in plan.gates if gate.of_latency and gate.limit)
    return tuple(sorted({float(limit.value / 1000) for limit in limits if limit.unit == "ms"}))


def wait_edges_s(plan: Plan) -> tuple[float, ...]:
    """Return every wait for a pool that a gate of the plan sets as a limit, in seconds, ascending:
    edges of the app's histograms, so that these tell whether it was kept."""
    waits = (
        gate.limit for gate in plan.gates if gate.limit and gate.path.endswith("].wait_p99_ms")
    )
    limits = map(parse_limit, waits)
    return tuple(sorted({float(limit.value / 1000) for limit in limits if limit.unit == "ms"}))
