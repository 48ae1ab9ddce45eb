"""Run directories of any size: a rehearsal that was played, many times side by side.

Each copy's students are others, with tickets of their own, some nanoseconds later; tickets are
numbered as if all had bought at one counter, and what the target counted grows with the copies. So
every audit and every count that is held against another has that many rows to look at, and finds
what it found in the rehearsal itself.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory

MOST_STUDENTS: Final = 1_000_000
"""That a plan may have (`plans.plan.Event`)."""
_ROWS: Final = 20_000
"""Requests of a shard."""
_APART_NS: Final = 10
"""How much later the same student of the next copy acts."""
_COUNTED: Final = (
    *("http_server_request", "event_views_", "boundary_", "tickets_", "generator_requests_"),
    *("db_client_connection_create_", "db_client_connection_use_", "db_client_connection_wait_"),
)
"""Beginnings of the names of samples that grow with the requests."""
_MULTIPLIED: Final = ("told_remaining", "told_tickets")
_TICKETS: Final = ("ticket", "told_ticket")
_TICKET_LISTS: Final = ("more_tickets", "pending_tickets", "open_tickets")


def multiplied(run: RunDirectory, copies: int, folder: Path) -> RunDirectory:
    """Return a run directory with so many copies of a run's students and requests.

    Raises:
        RecordError: the run cannot be read, or the directory cannot be written.
    """
    plan = run.plan()
    event = plan.event.model_copy(
        update={
            "students": plan.event.students * copies,
            "tickets": plan.event.tickets * copies,
        }
    )
    large = RunDirectory.create(folder, plan.model_copy(update={"event": event}))
    large.write_json("environment.json", run.environment())
    large.write_steps(run.steps())
    for line in run.timeline():
        detail = dict(line.detail)
        if line.kind == "ledger" and "tickets" in detail:
            detail["tickets"] *= copies
        large.stamp(line.kind, line.name, t_ns=line.t_ns, **detail)
    large.write_table("metrics.parquet/000001.parquet", _samples(run.metric_table(), copies))
    for name, table in (("students", run.student_table()), ("ledger", run.ledger_table())):
        all_copies = pa.concat_tables(_copy(table, plan, copies, each) for each in range(copies))
        large.write_table(f"{name}.parquet", all_copies)
    for file, shard in _shards(run, plan, copies):
        large.write_table(f"requests/{file}", shard)
    return large


def _shards(run: RunDirectory, plan: Plan, copies: int) -> Iterator[tuple[str, pa.Table]]:
    """Yield the shards as several generators would have written them, a second each."""
    written: Counter[int] = Counter()
    for path in sorted(run.requests.glob("*.parquet")):
        table = pq.read_table(path)
        together = max(1, _ROWS // max(1, table.num_rows))
        for generator, first in enumerate(range(0, copies, together)):
            those = range(first, min(first + together, copies))
            made = pa.concat_tables(_copy(table, plan, copies, each) for each in those)
            yield f"{generator}-{written[generator]:06d}.parquet", made.unify_dictionaries()
            written[generator] += 1


def _copy(table: pa.Table, plan: Plan, copies: int, copy: int) -> pa.Table:
    """Return the rows of one copy of a table."""
    for place, field in enumerate(table.schema):
        made = _of_copy(table[field.name], field.name, plan, copies, copy)
        if made is not None:
            table = table.set_column(place, field, made.cast(field.type))
    return table


def _of_copy(column: Any, name: str, plan: Plan, copies: int, copy: int) -> Any:
    if name.endswith("_ns") and name != "told_opens_ns":
        return pc.add(column, copy * _APART_NS)
    if name == "student":
        moved = pc.add(column, copy * plan.event.students)
        return pc.if_else(pc.less(column, 0), column, moved)
    if name in _TICKETS:
        return pc.binary_join_element_wise(column, f"{copy:x}", "-")
    if name in _TICKET_LISTS:
        lists = column.combine_chunks()
        named = pc.binary_join_element_wise(lists.values, f"{copy:x}", "-")
        return pa.ListArray.from_arrays(lists.offsets, named, mask=lists.is_null())
    if name in ("number", "told_number"):
        return pc.add(pc.multiply(pc.subtract(column.cast(pa.int64()), 1), copies), copy + 1)
    if name in _MULTIPLIED:
        return pc.multiply(column.cast(pa.int64()), copies)
    if name == "told_code":
        return pc.add(column, copy)
    return None


def _samples(table: pa.Table, copies: int) -> pa.Table:
    names = table["name"].cast(pa.string()).to_numpy()
    counted = np.array([str(name).startswith(_COUNTED) for name in names])
    values = np.where(counted, table["value"].to_numpy() * copies, table["value"].to_numpy())
    place = table.column_names.index("value")
    return table.set_column(place, table.schema.field("value"), pa.chunked_array([values]))
