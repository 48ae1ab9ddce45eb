"""Metric paths: how a gate names one number of the verdict, and what units it may have.

`census.failed` · `latency_ms[POST /login].p99` · `audit.oversold` · `pools[postgres].wait_p99_ms`
"""

import difflib
import re
from typing import Any

from dress_rehearsal.plans import Limit, Plan, parse_limit
from dress_rehearsal.records.tables import STEPS
from dress_rehearsal.reports.errors import MetricUnknownError
from dress_rehearsal.reports.pools import POOL_NAMES
from dress_rehearsal.reports.schema import (
    Audit,
    Census,
    Fairness,
    GateResult,
    Generator,
    Latency,
    Measured,
    Number,
    Part,
    Pool,
)
from dress_rehearsal.reports.words import NOT_MEASURED, percent, quantity, written

_PATH = re.compile(r"(\w+)(?:\[(.*)\])?\.(\w+)")
_WORDS = {"name", "diagnosis", "limited"}
"""Fields of the verdict that are no numbers."""

BEGINNINGS = ("saturated_at_s", "since_s")
"""Fields that say when something saturated: of what was measured, null means never."""


def known_metrics() -> list[str]:
    """Return every path that a gate may name."""
    plain: dict[str, type[Part]] = {
        "census": Census,
        "audit": Audit,
        "fairness": Fairness,
        "generator": Generator,
    }
    paths = [f"{table}.{field}" for table, part in plain.items() for field in part.model_fields]
    paths += [f"latency_ms[{step}].{field}" for step in STEPS for field in Latency.model_fields]
    paths += [f"pools[{name}].{field}" for name in POOL_NAMES for field in Pool.model_fields]
    paths.append("bottleneck.since_s")
    return [path for path in paths if path.rpartition(".")[2] not in _WORDS]


def check_metric_names(plan: Plan) -> None:
    """Check all gates of a plan before anything starts.

    Raises:
        MetricUnknownError: a gate names a number that no verdict holds, or limits it in a unit
            that it does not have.
    """
    problems = []
    for position, gate in enumerate(plan.gates):
        where = f"gates.{position}"
        if gate.metric not in known_metrics():
            problems.append(
                f"{where}.metric = {gate.metric!r}: there is no such metric; {_near(gate.metric)}"
            )
        elif wrong := _wrong_unit(gate.metric, parse_limit(gate.limit)):
            problems.append(f"{where}.limit = {gate.limit!r}: {gate.metric} is {wrong}")
    if problems:
        raise MetricUnknownError(problems)


def metric_value(measured: Measured, path: str) -> Number | None:
    """Return the number that a path names, None when it was not measured or never happened.

    Raises:
        MetricUnknownError: no verdict holds such a number.
    """
    match = _PATH.fullmatch(path)
    if match is None or path not in known_metrics():
        raise MetricUnknownError([f"There is no metric {path!r}; {_near(path)}"])
    table, key, field = match.groups()
    part: Any = getattr(measured, table)
    if table == "latency_ms":
        part = part.get(key)
    elif table == "pools":
        part = next((pool for pool in part if pool.name == key), None)
    value: Number | None = None if part is None else getattr(part, field)
    return value


def never_happened(measured: Measured, path: str) -> bool:
    """Return whether a path names the beginning of a saturation that was watched for in vain."""
    table, _, field = path.partition(".")
    if field not in BEGINNINGS or metric_value(measured, path) is not None:
        return False
    pools = {f"pools[{pool.name}]" for pool in measured.pools}
    return table in pools or (table == "bottleneck" and bool(pools))


def unit_of(path: str) -> str:
    """Return the unit that a metric's number is kept in: ms, s, or none for a count or a share."""
    field = path.rpartition(".")[2]
    if field.endswith("_s"):
        return "s"
    felt = path.startswith("latency_ms[") and field != "count"
    return "ms" if felt or field.endswith("_ms") else ""


def in_unit_of(limit: Limit, path: str, value: Number, measured: Measured) -> float:
    """Express a metric's value in the unit that its limit is written in."""
    if limit.unit == "share" and path.startswith("census."):
        return value / max(measured.census.students, 1)
    if limit.unit == "ms" and path.endswith("_s"):
        return value * 1e3
    return float(value)


def gate_words(result: GateResult, students: int) -> str:
    """Return the number that a gate was held against, as `value_words` does."""
    return value_words(result.metric, result.limit, result.value, students, never=result.never)


def value_words(
    metric: str, limit: str, value: Number | None, students: int, *, never: bool = False
) -> str:
    """Return a gate's number in the unit that its limit is written in.

    Args:
        students: what a share of the census is a share of.
        never: it stands for something that was watched for and never happened.
    """
    if value is None:
        return "never" if never else NOT_MEASURED
    if parse_limit(limit).unit != "share":
        return quantity(value, unit_of(metric))
    if metric.startswith("census."):
        share = percent(value, max(students, 1))
        return f"{written(value)} of {written(students)} students ({share})"
    return percent(value)


def _wrong_unit(path: str, limit: Limit) -> str | None:
    """Return which unit the limit should have, None when it fits."""
    timed = bool(unit_of(path))
    shared = path.startswith(("census.", "pools[cpu]."))
    if timed:
        bare_zero = limit.unit == "count" and limit.value == 0
        return None if limit.unit == "ms" or bare_zero else 'a time: write it as in "<= 3s".'
    if limit.unit == "ms":
        return 'no time: write the limit without a unit, such as "== 0".'
    if limit.unit == "share" and not shared:
        return 'no share: write the limit without "%".'
    return None


def _near(path: str) -> str:
    close = difflib.get_close_matches(path, known_metrics(), n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return "known are census, latency_ms[step], audit, pools[name], generator and fields."
