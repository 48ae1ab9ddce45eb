"""What can go wrong in a synthetic run, and the words and moments all of its files share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from tests import steps

T0_NS = 1_795_197_600_000_000_000  # 2026-11-20 18:00:00 UTC
SECOND = 1_000_000_000
PAGE, COUNTDOWN, LOGIN, BUY, TICKET, QR, JOIN, QUEUE, STREAM, SCAN = steps.STEPS
WORKER_PIDS = (4101, 4102, 4103, 4104)
WRITEBACK_PID, GENERATOR_PID = 4201, 4301
APP_PORT = 8000
WRITES_BACK = ("redis_writeback", "sqs_writeback", "kafka_writeback")
IN_REDIS = ("redis_script", *WRITES_BACK)
WAIT_EDGES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defects:
    """What goes wrong in a run; the defaults are a healthy one."""

    oversell: int = 0
    """Tickets granted beyond the capacity, acknowledged like the others."""
    duplicate_rows: int = 0
    """Holders with a second, different ticket in every store."""
    repeated_rows: int = 0
    """PostgreSQL rows delivered twice, same ticket."""
    missing_rows: int = 0
    """Acknowledged and issued tickets that are in no store at the end."""
    ineligible: int = 0
    """Places of the capacity that went to outsiders."""
    strangers: int = 0
    """Places of the capacity that went to people who are not on the roster at all."""
    early: int = 0
    """Tickets that were granted and acknowledged before T-0."""
    visitors: int = 0
    """Holders who went to the gate."""
    entered_twice: int = 0
    """Of them: let in a second time on the same ticket."""
    entries_lost: int = 0
    """Of them: let in, and no row of it was written (the last of them)."""
    overtakers: int = 0
    """The last to come, by seconds, who hold the first tickets."""
    queue_jumped: int = 0
    """The last to join the waiting room who are let in at T-0."""
    false_sold_out: int = 0
    """Places left though students were told `sold out`."""
    drift: int = 0
    """Tickets that PostgreSQL holds and Redis lost."""
    unacked: int = 0
    """Holders who were answered with an error."""
    unknown: int = 0
    """Purchases that timed out; every second one holds a ticket."""
    stuck: int = 0
    """Holders told `pending` for ever though their row is committed."""
    lost_views: int = 0
    """Page views missing from the counter; negative: counted twice."""
    counter_off: int = 0
    """Purchases the server counted and the generator did not record; negative: the reverse."""
    failed: int = 0
    """Students who met 503 overloaded and ended there."""
    starved: int = 0
    """The last to buy, who waited 8 s for a connection to PostgreSQL and met 503 then."""
    told_too_early: int = 0
    """Students who clicked at the second worker within 2 s of T-0 and were told `too_early`."""
    never_started: int = 0
    """Students without a row."""
    contradictory: int = 0
    """Students with two rows that disagree."""
    generator_late_ms: float = 0.0
    """How much later than intended purchases are sent within 2 s of T-0."""
    foreign_cores: float = 0.0
    """What other programs take of the machine's CPU, of which nothing is to spare at T-0 then."""
    stolen_cores: float = 0.0
    """What the host gives to other machines, likewise."""
    spare: bool = False
    """The machine has so many CPUs, 64, that most of them are idle all the same."""
    silent: Sequence[tuple[str, float, float]] = ()
    """Sources of which nothing was heard: how they begin, from and until in seconds from T-0."""
    clock_step_s: float = 0.0
    """By how much the wall clock was set, by the offsets that were read and the samples' times."""
    clock_step_at_s: float = 1.0
    """When, in seconds from T-0."""
    slow_reading_ms: float = 0.0
    """How much later than received answers are read."""
    slow_ms: float = 0.0
    """Time the server adds to every purchase."""
    own_ms: float = 0.0
    """Time that the app's own code adds to every purchase."""
    pool_exhausted: bool = False
    """The PostgreSQL pool is full from T-0 + 0.25 s for `full_s`; use time stays flat."""
    exhausted_pool: str = "postgres"
    """Which pool it is instead, in this and all that is like it."""
    full_s: float = 2.0
    """For how long it is full."""
    wait_ms: float = 80.0
    """How long purchases wait for it meanwhile, in the median."""
    slow_holder: bool = False
    """As pool_exhausted, but connections are held for 120 ms within 2.25 s of T-0."""
    slow_from_start: bool = False
    """As slow_holder, but from the first purchase on: nothing shorter to compare with."""
    lock_waits: bool = False
    """As slow_holder, but every connection in use waits for a lock."""
    late_loops: bool = False
    """As slow_holder, but the app's event loops are 80 ms late meanwhile."""
    nested: bool = False
    """Each worker's PostgreSQL pool stands still, full and idle, for 2 s twice from T-0 on."""
    leak_fills: bool = False
    """One connection after the other is leaked from T-0 on, until the PostgreSQL pool is gone."""
    in_transaction: bool | None = None
    """Whether what `nested` and `leak_fills` hold is in a transaction; None: only `nested`."""
    rest_s: float = 3.0
    """How long the run is watched after the last answer."""
    pool_timeouts: int = 0
    """Waits for a PostgreSQL connection that ran out, at T-0 + 1 s."""
    leak: int = 0
    """PostgreSQL connections never given back after T-0."""
    accept_overflows: int = 0
    """Connections the kernel dropped at T-0 because the accept queue was full."""
    accept_drops: int | None = None
    """Of them, those that the target's own sockets turned away; None: all."""
    cpu_full: bool = False
    """All CPUs busy and the app's loops late from T-0 to T-0 + 3 s."""
    writeback_slow: bool = False
    """Rows are committed 3 s after their grant."""
    rows_dropped: int = 0
    """Tickets granted in Redis whose row never came; the writer's oldest entry grows old."""
    planned: bool = False
    """The lost worker was taken by the plan's own fault."""
    faults: Sequence[tuple[str, float, float | None]] = ()
    """Faults that were on: name, from and until, in seconds from T-0; None: never switched off."""
    undone_fault: str | None = None
    """A fault of the plan that could not be done."""
    alerts: int = 0
    """Alerts that the app raised from T-0 on, ten a second."""
    worker_lost: bool = False
    """The second app worker dies at T-0 + 1 s."""
    component_lost: str | None = None
    """Name of another component that was lost at T-0 + 1 s."""
    interrupted: bool = False
    """Ctrl-C at T-0 + 2 s; students are still under way."""
    aborted: bool = False
    """The plan's `[abort]` has the rush stopped at T-0 + 2 s; students are still under way."""
    killed: bool = False
    """kill -9 at T-0 + 2 s: no students, no ledger, no last phases."""
    no_t0: bool = False
    """The run ended before a T-0 was set; nobody clicked."""
    no_timestamps: bool = False
    """The kernel gave no receive times."""
    store_unreadable: str | None = None
    """Store that could not be read at the end."""

    @property
    def clock_step_ns(self) -> int:
        """When the clock was set, in Unix ns of the clock as it was before."""
        return T0_NS + round(self.clock_step_at_s * SECOND)

    @property
    def held_long(self) -> bool:
        """Whether connections are held for 120 ms around T-0."""
        return self.slow_holder or self.slow_from_start or self.lock_waits or self.late_loops

    @property
    def waits(self) -> bool:
        """Whether the pool is full from T-0 + 0.25 s for `full_s`."""
        return self.pool_exhausted or self.held_long

    @property
    def full_ns(self) -> tuple[int, int]:
        """From when until when, in ns from T-0."""
        return SECOND // 4, SECOND // 4 + round(self.full_s * SECOND)

    without: Sequence[str] = ()
    """Files left out: requests, students, ledger, metrics, environment, timeline."""
    without_metrics: Sequence[str] = ()
    """Names of metrics that were never collected (prefixes)."""


def table_of(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return the frame as a table of `schema`, column by column; integers keep their nulls."""
    columns = []
    for field in schema:
        column = frame[field.name]
        if pa.types.is_integer(field.type) and column.dtype != object:
            column = pd.array(column, dtype="Int64")
        columns.append(pa.array(column, type=field.type, from_pandas=True))
    return pa.Table.from_arrays(columns, schema=schema)
