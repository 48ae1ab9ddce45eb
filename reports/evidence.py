"""The evidence: a run directory's tables as pandas frames, the only input of every judgement."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory, TimelineEvent
from dress_rehearsal.records.tables import STEPS


@dataclass(frozen=True, slots=True)
class Evidence:
    """One run as recorded; see `records.tables` for the columns.

    `t0_ns` is None when the run ended before a T-0 was set.
    """

    run: str
    plan: Plan
    t0_ns: int | None
    timeline: list[TimelineEvent]
    environment: dict[str, Any]
    requests: pd.DataFrame
    students: pd.DataFrame
    metrics: pd.DataFrame
    ledger: pd.DataFrame


def read_evidence(run: RunDirectory) -> Evidence:
    """Read everything a run left behind.

    Raises:
        RunDirectoryUnreadableError: a file is missing that every run has, or is damaged.
    """
    timeline = run.timeline()
    return Evidence(
        run=run.id,
        plan=run.plan(),
        t0_ns=next((event.t_ns for event in timeline if event.kind == "t0"), None),
        timeline=timeline,
        environment=run.environment(),
        requests=_ordered(run.request_table(), ["intended_ns", "student", "seq"]),
        students=_ordered(run.student_table(), ["student"]),
        metrics=_ordered(run.metric_table(), ["t_ns", "source", "name", "labels"]),
        ledger=_ordered(run.ledger_table(), ["source", "number", "ticket"]),
    )


def _ordered(table: Any, keys: list[str]) -> pd.DataFrame:
    """Return the rows in one order whatever the shards' order was; integers keep their nulls."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_NULLABLE.get)
    return frame.sort_values(keys, kind="stable", ignore_index=True)


_NULLABLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


PAGE, COUNTDOWN, LOGIN, PURCHASE, TICKET, QR, JOIN, QUEUE, STREAM, SCAN = STEPS
