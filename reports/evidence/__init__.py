"""The evidence: all that a run left behind, read once; the only input of every judgement."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory, TimelineEvent
from dress_rehearsal.records.baseline import FILE as BASELINE
from dress_rehearsal.records.baseline import NO_BASELINE, BaselineNumbers
from dress_rehearsal.records.damage import Damage
from dress_rehearsal.records.environment import FILE as ENVIRONMENT
from dress_rehearsal.records.environment import RUN
from dress_rehearsal.records.recorded import METRICS, Recorded, read_recorded
from dress_rehearsal.records.requests.logged import LoggedAnswers, read_logged, request_keys
from dress_rehearsal.records.requests.trace_ids import TraceIds
from dress_rehearsal.records.steps import OTHER, PURCHASE, Steps
from dress_rehearsal.records.tables import NOT_KEPT
from dress_rehearsal.reports.evidence.buying import Buying, read_buying
from dress_rehearsal.reports.evidence.clocks import (
    FOREIGN_CLOCK_NS,
    OWN_CLOCK_NS,
    ClockStep,
    clock_steps,
)
from dress_rehearsal.reports.evidence.columns import (
    give_back,
    keep_apart,
    ordered,
    ordered_columns,
)
from dress_rehearsal.reports.evidence.latency_table import LatencyTable, latency_of_requests
from dress_rehearsal.reports.evidence.ledger_times import LedgerTimes, read_ledger_times
from dress_rehearsal.reports.evidence.promises import Promises, read_promises
from dress_rehearsal.reports.evidence.reconciliation import Reconciliation, reconcile
from dress_rehearsal.reports.evidence.sale import Sale, read_sale
from dress_rehearsal.reports.evidence.samples import Samples
from dress_rehearsal.reports.evidence.silence import (
    Gap,
    expected_sources,
    seconds_that_matter,
    silent_windows,
    whole_load,
)
from dress_rehearsal.reports.evidence.stores import Stores, read_stores
from dress_rehearsal.reports.evidence.timeline import Timeline, read_timeline
from dress_rehearsal.reports.numbers import integers

UNASKED: Final = ("bytes",)
"""Columns of requests that no judgement looks at: they are checked like the others, and let go."""
SELDOM: Final = ("told_number", "told_ticket", "told_code")
"""Those that few answers have anything in: of a request in thirty or so."""

# Words are looked at as Python's own; columns of Arrow's are copied to and fro each time, which is
# a fifth of the time that judging takes.
pd.set_option("mode.string_storage", "python")
# Arrow's own pools keep what was freed: of a large run's tables as much as the rest of it takes.
pa.set_memory_pool(pa.system_memory_pool())
keep_apart()


@dataclass(frozen=True, eq=False)
class Evidence:
    """One run as recorded (see `records.tables` for the columns), and what is read out of that.

    Of its requests the columns `UNASKED` are left out; those of `SELDOM` keep what is known alone.

    What is read out is made when it is first asked for, and kept: a report makes nothing twice.
    It has no slots, for that is kept beside the fields. A changed copy (`dataclasses.replace`)
    reads anew.

    Attributes:
        t0_ns: when the sale opened; None when the run ended before a T-0 was set.
        events: the lines of `timeline.jsonl`, in the order of their times.
        damage: what of the record cannot be read and is left out.
        steps: those of its scenario, with what each is for.
        unkept: how many values the answers' headers said that cannot be kept, by their names.
        baseline: the numbers of what it was rehearsed against.
        logged: what the reference app's log says of answers that no student got.
    """

    run: str
    plan: Plan
    t0_ns: int | None
    events: tuple[TimelineEvent, ...]
    environment: dict[str, Any]
    requests: pd.DataFrame
    students: pd.DataFrame
    metrics: pd.DataFrame
    ledger: pd.DataFrame
    damage: tuple[Damage, ...] = ()
    steps: Steps = field(default_factory=Steps.ticket_open)
    unkept: Mapping[str, int] = field(default_factory=dict)
    baseline: BaselineNumbers = NO_BASELINE
    logged: LoggedAnswers = field(default_factory=LoggedAnswers.none)

    def __post_init__(self) -> None:
        """Add to `requests` what each was for, as the column `role`."""
        object.__setattr__(self, "requests", _with_roles(self.requests, self.steps))

    @property
    def rows_damaged(self) -> bool:
        """Whether something is missing that the run's numbers are made of."""
        return any(each.file not in (ENVIRONMENT, BASELINE) for each in self.damage)

    @property
    def stories_damaged(self) -> bool:
        """Whether some of what students were told, or stores held, is missing.

        Then what seems a wrong may be what is missing.
        """
        surroundings = (ENVIRONMENT, BASELINE, METRICS)
        return any(each.file.partition("/")[0] not in surroundings for each in self.damage)

    @cached_property
    def left_out(self) -> Counter[str]:
        """How many values of answers could not be kept and count as not said, by their names."""
        counts: Counter[str] = Counter()
        for event in self.events:
            if event.kind == "phase" and event.name == NOT_KEPT:
                counts.update(event.detail.get("values", {}))
        counts.update(self.unkept)
        return counts

    @property
    def clock_ns(self) -> int:
        """By how many ns the target's clock and the generator's may differ."""
        return OWN_CLOCK_NS if self.plan.target.ours else FOREIGN_CLOCK_NS

    @cached_property
    def samples(self) -> Samples:
        """The metrics, to be looked up by name."""
        return Samples(self.metrics)

    @cached_property
    def timeline(self) -> Timeline:
        """What happened when, and whether the record of it is whole."""
        return read_timeline(
            self.events,
            self.t0_ns,
            self.requests,
            self.metrics,
            damaged=self.rows_damaged,
            unattended=self.plan.load is not None,
        )

    @cached_property
    def latency(self) -> LatencyTable:
        """One row a request with its latencies in ms."""
        return latency_of_requests(self.requests, self.t0_ns)

    @cached_property
    def buying(self) -> Buying:
        """The tries to buy, each of one request or of several."""
        return read_buying(self.requests)

    @cached_property
    def promises(self) -> Promises:
        """What students were told of tickets."""
        return read_promises(self.students, self.requests, record_cut=self.timeline.record_cut)

    @cached_property
    def stores(self) -> Stores:
        """The tickets that each store held at the end."""
        return read_stores(self.plan, self.events, self.ledger, self.promises.named)

    @cached_property
    def ledger_times(self) -> tuple[LedgerTimes, ...]:
        """Whether the times in ledgers of somebody else's can be when tickets were granted."""
        if self.plan.target.ours or self.clock_steps:
            return ()
        return read_ledger_times(self.stores, self.promises, self.requests)

    def trusts_times_in(self, store: str) -> bool:
        """Return whether tickets were granted when a store says so, as far as can be known."""
        return all(times.trusted for times in self.ledger_times if times.store == store)

    @cached_property
    def server_counts(self) -> Reconciliation:
        """The server's own count of requests beside the recorded ones."""
        return reconcile(self.plan, self.events, self.requests, self.samples, self.steps)

    @cached_property
    def clock_steps(self) -> tuple[ClockStep, ...]:
        """When a wall clock was set: times of before and after that do not compare."""
        return clock_steps(self.samples)

    @cached_property
    def decisive_ns(self) -> tuple[int, int] | None:
        """The seconds that matter: from T-0 less 1 s to the last purchase's answer (Unix ns), or to
        where the plan had the rush stopped; None where that was before."""
        rows = self.requests
        if self.plan.load is not None:
            span = whole_load(self.t0_ns, rows)
        else:
            bought = rows.loc[rows["role"] == PURCHASE, ["status", "sent_ns", "done_ns", "read_ns"]]
            span = seconds_that_matter(self.t0_ns, bought, self.timeline.phases.get("performed"))
        stopped_ns = self.timeline.stopped_ns
        if span is None or stopped_ns is None:
            return span
        return (span[0], min(span[1], stopped_ns)) if span[0] < stopped_ns else None

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """When sources of samples were silent in the seconds that matter though they lived."""
        if self.decisive_ns is None:
            return ()
        expected = expected_sources(self.plan)
        return silent_windows(
            self.plan, self.samples, self.timeline, self.events, self.decisive_ns, expected
        )

    @cached_property
    def sale(self) -> Sale:
        """Which ticket went when."""
        return read_sale(
            self.plan.event.tickets,
            self.ledger,
            self.students,
            self.requests,
            self.timeline,
            [each.name for each in self.plan.ledgers if self.trusts_times_in(each.name)],
        )


def read_evidence(run: RunDirectory) -> Evidence:
    """Return everything that a run left behind and that can be read.

    Raises:
        RunDirectoryUnreadableError: its plan is missing or damaged, so nothing can be judged.
    """
    recorded = read_recorded(run)
    events = recorded.events
    asked = recorded.requests.drop_columns(UNASKED)
    columns = dict(zip(asked.column_names, asked.columns, strict=True))
    recorded, asked = replace(recorded, requests=asked.schema.empty_table()), None
    requests = ordered_columns(columns, ("intended_ns", "student", "seq"), SELDOM)
    evidence = Evidence(
        run=run.id,
        plan=recorded.plan,
        t0_ns=next((event.t_ns for event in events if event.kind == "t0"), None),
        events=events,
        environment=recorded.environment,
        requests=requests,
        students=ordered(recorded.students, ["student"]),
        metrics=ordered(recorded.metrics, ["t_ns", "source", "name", "labels"]),
        ledger=ordered(recorded.ledger, ["source", "number", "ticket"]),
        damage=recorded.damage,
        steps=recorded.steps,
        unkept=recorded.unkept,
        baseline=recorded.baseline,
        logged=_logged(run, recorded, requests),
    )
    del recorded
    give_back()
    return evidence


def _logged(run: RunDirectory, recorded: Recorded, requests: pd.DataFrame) -> LoggedAnswers:
    """Return what the reference app's log says of requests that had no answer."""
    if not recorded.plan.target.ours:
        return LoggedAnswers.none()
    rows = requests.loc[
        (requests["status"] == 0) & requests["sent_ns"].notna() & requests["student"].notna(),
        ["student", "seq"],
    ]
    keys = request_keys(integers(rows["student"]), integers(rows["seq"]))
    traces = TraceIds(recorded.environment.get(RUN, run.id))
    return read_logged(run.logs, traces.run, keys)


def _with_roles(requests: pd.DataFrame, steps: Steps) -> pd.DataFrame:
    """Return requests with the column `role`: what each one's step is for."""
    places, names = pd.factorize(requests["step"])
    roles = pd.Categorical([*(steps.role_of(str(name)) for name in names), OTHER])
    return requests.assign(role=roles.take(places))  # of none, -1, the last
