"""All that a run recorded, read once: what could have been recorded, and what is damaged."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import soundness
from dress_rehearsal.records.baseline import BaselineNumbers
from dress_rehearsal.records.damage import Damage
from dress_rehearsal.records.run_directory import RunDirectory
from dress_rehearsal.records.soundness import Bounds, sound_rows
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.records.timeline import TimelineEvent, on_one_axis

METRICS: Final = "metrics.parquet"

_APART_S: Final = 86_400.0
"""How far from the rest of its run a time may lie, beside what the plan takes: a day, so that a
clock which somebody set meanwhile is still told of as what it is."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is left of a run; every value of it could have been recorded.

    Attributes:
        events: in the order of their times.
        damage: what was left out, and why.
        unkept: how many values the answers' headers said that cannot be kept, by their names.
    """

    plan: Plan
    events: tuple[TimelineEvent, ...]
    environment: dict[str, Any]
    baseline: BaselineNumbers
    requests: pa.Table
    students: pa.Table
    metrics: pa.Table
    ledger: pa.Table
    damage: tuple[Damage, ...]
    steps: Steps
    unkept: Mapping[str, int]


def read_recorded(run: RunDirectory) -> Recorded:
    """Return everything that a run recorded and that can be read.

    Raises:
        RunDirectoryUnreadableError: its plan cannot be read, so nothing can be judged.
    """
    plan = run.plan()
    damage: list[Damage] = []
    schedule = plan.schedule
    apart_s = _APART_S + schedule.lead + schedule.sale + schedule.drain + schedule.settle
    apart_ns = round(apart_s * NS_PER_S)
    events, found = on_one_axis(run.timeline(damage), apart_ns)
    damage += found
    unkept: Counter[str] = Counter()
    requests, metrics = run.request_table(damage, unkept), run.metric_table(damage)
    middle_ns = _middle_ns(events, requests, metrics)
    bounds = Bounds(middle_ns - apart_ns, middle_ns + apart_ns, plan.event.students)

    def sound(table: pa.Table, rules: soundness.Rules, file: str) -> pa.Table:
        rows, found = sound_rows(table, rules, bounds, file)
        damage.extend(found)
        return rows

    asked = soundness.REQUESTS if plan.load is None else soundness.LOAD
    return Recorded(
        plan=plan,
        events=tuple(events),
        environment=run.environment(damage),
        baseline=run.baseline(damage),
        requests=sound(requests, asked, "requests"),
        students=sound(run.student_table(damage), soundness.STUDENTS, "students.parquet"),
        metrics=sound(metrics, soundness.METRICS, METRICS),
        ledger=sound(run.ledger_table(damage), soundness.LEDGER, "ledger.parquet"),
        steps=run.steps(damage),
        damage=tuple(dict.fromkeys(damage)),
        unkept=dict(sorted(unkept.items())),
    )


def _middle_ns(events: list[TimelineEvent], requests: pa.Table, metrics: pa.Table) -> int:
    """Return a time in the midst of the run, by most of what has one; 0 where nothing has."""
    if events:
        return round(median(event.t_ns for event in events))
    for column in (requests["intended_ns"], metrics["t_ns"]):
        known = column.drop_null()
        if len(known):
            return int(known.take(pc.sort_indices(known))[len(known) // 2].as_py())
    return 0
