"""Metrics at first contact: which preset's series are there, and what the pools hold now."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.records.collectors.pool_metrics import PoolMetrics, pool_metrics
from dress_rehearsal.records.collectors.pool_series import FOUND, NO_NUMBER
from dress_rehearsal.records.http import NoAnswerError
from dress_rehearsal.records.samples import SourceUnreadableError
from dress_rehearsal.rehearsal.first_contact.candidates import candidates
from dress_rehearsal.rehearsal.terminal.sheet import Sheet
from dress_rehearsal.reports.words import counted, written

_SHOWN: Final = (
    ("db_client_connections", "used"),
    ("pool_busy_seconds_total", "busy, seconds so far"),
    ("db_client_connection_max", "max"),
    ("db_client_connection_pending_requests", "waiting"),
    ("db_client_connection_wait_time_seconds_count", "waits so far"),
    ("db_client_connection_timeouts_total", "time-outs so far"),
)
"""What of a pool is shown, and in which words."""
_WAITS: Final = ("pending_requests", "wait_time_seconds")


def tell_metrics(sheet: Sheet, plan: Plan) -> list[str]:
    """Ask every entry of `[[metrics]]` and show its pools; return what is wrong, in sentences."""
    wrongs: list[str] = []
    if not plan.metrics:
        sheet.line("none: no pool of the app is watched", 2)
    for source in pool_metrics(plan.metrics):
        with contextlib.closing(source):
            wrongs += _tell_source(sheet, source)
    return wrongs


def _tell_source(sheet: Sheet, source: PoolMetrics) -> list[str]:
    try:
        reading = source.read()
    except SourceUnreadableError as error:
        sheet.line(str(error), 2, style="red")
        return [str(error)]
    pools: dict[str, dict[str, float]] = defaultdict(dict)
    missing: list[str] = []
    for series, value in zip(reading.series, reading.values, strict=True):
        labels: Mapping[str, str] = json.loads(series.labels)
        if series.name == FOUND:
            missing += _tell_found(sheet, source.name, labels, int(value))
        elif "pool" in labels:
            pools[labels["pool"]].setdefault(series.name, value)
    for pool, values in sorted(pools.items()):
        told = [f"{words} {written(values[name])}" for name, words in _SHOWN if name in values]
        sheet.line(f"{pool}: {', '.join(told)}", 4)
        if not any(part in name for name in values for part in _WAITS):
            sheet.line("nobody says who waits: full, it will be not known, never healthy", 6)
    if missing:
        _tell_candidates(sheet, source)
    return missing


def _tell_candidates(sheet: Sheet, source: PoolMetrics) -> None:
    """Show which of its series may be a pool's, where the named ones are not there."""
    with contextlib.suppress(NoAnswerError, ValueError, PlanError, OSError):  # it had answered
        found = candidates(source.text())
        if found:
            sheet.line("guessed from their names, these may be a pool's:", 4)
        for candidate in found:
            sheet.line(str(candidate), 6)


def _tell_found(sheet: Sheet, name: str, labels: Mapping[str, str], number: int) -> list[str]:
    """Show whether the series of a preset, or of a name of the plan's map, are there."""
    what, near = labels.get("of", ""), labels.get("near", "")
    if number:
        sheet.line(f"{name}: {what}: {counted(number, 'series', 'series')}", 2)
        return []
    if near == NO_NUMBER:
        sheet.line(f"{name}: {what}: it is there, and says no number (NaN)", 2, style="red")
        return [f"The metrics {name} say no number for {what} (NaN): nothing is known by it."]
    hint = f"; the nearest there: {near}" if near else ""
    sheet.line(f"{name}: {what}: no series{hint}", 2, style="red")
    return [f"The metrics {name} have no series of {what}{hint}: give the preset or the names."]
