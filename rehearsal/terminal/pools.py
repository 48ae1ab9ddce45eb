"""The pools of the live view: what of them is in use now, at most, and waited for."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.names import pool_words
from dress_rehearsal.plans.visible import visible
from dress_rehearsal.reports.pools.shared import is_asked
from dress_rehearsal.reports.words import written

if TYPE_CHECKING:  # only a run has one, which takes the stores' own libraries
    from dress_rehearsal.records.collectors.collector import Collector

Row = tuple[str, str, str, str]
"""A pool's name, how much of it is used, its most, and how many wait."""


def is_ours(plan: Plan | None) -> bool:
    """Return whether the target is this project's own app, whose pools have known names."""
    return plan is None or plan.target.ours


def newest_pools(plan: Plan | None, collector: "Collector") -> list[Row]:
    """Return a row a pool; somebody else's app has those that its plan's `[[metrics]]` tell of."""
    return [*(_ours(collector) if is_ours(plan) else _theirs(plan, collector))]


def _ours(collector: "Collector") -> Iterator[Row]:
    for pool in ("postgres", "redis"):
        yield _connections(collector, pool_words(pool), "app", pool)
    yield _accept_queue(collector)
    backlog = collector.highest("writeback_backlog", "writeback")  # each of several tells of all
    yield pool_words("write_back"), "-", "-", "-" if backlog is None else written(backlog)


def _theirs(plan: Plan | None, collector: "Collector") -> Iterator[Row]:
    for metrics in () if plan is None else plan.metrics:
        for pool in sorted(collector.by_label("db_client_connections", metrics.name, "pool")):
            yield _connections(collector, visible(pool), metrics.name, pool)
    queue = _accept_queue(collector)
    if queue[1] != "-":  # a target on another machine has one that is not ours to read
        yield queue


def _connections(collector: "Collector", words: str, source: str, pool: str) -> Row:
    prefix = "db_client_connection"
    return (
        words,
        _number(collector, f"{prefix}s", source, pool=pool, state="used"),
        _number(collector, f"{prefix}_max", source, pool=pool),
        _number(collector, f"{prefix}_pending_requests", source, pool=pool),
    )


def _accept_queue(collector: "Collector") -> Row:
    """Return the fullest of the target's accept queues: each listening socket has its own."""
    lengths = _by_socket(collector, "listen_queue_length")
    limits = _by_socket(collector, "listen_queue_limit")
    if not lengths:
        return pool_words("accept_queue"), "-", "-", "-"
    fullest = max(lengths, key=lambda socket: lengths[socket] / max(limits.get(socket, 1.0), 1.0))
    queued, most = written(lengths[fullest]), limits.get(fullest)
    return pool_words("accept_queue"), queued, "-" if most is None else written(most), queued


def _by_socket(collector: "Collector", name: str) -> dict[str, float]:
    """Return the newest values of a metric of listening sockets, by their labels."""
    return {
        series.labels: value
        for reading in collector.newest()
        for series, value in zip(reading.series, reading.values, strict=True)
        if series.name == name and is_asked(str(json.loads(series.labels).get("container", "")))
    }


def _number(collector: "Collector", name: str, source: str = "", **labels: str) -> str:
    value = collector.latest(name, source, **labels)
    return "-" if value is None else written(value)
