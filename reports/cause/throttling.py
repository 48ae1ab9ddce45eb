"""Throttling as what a part comes from: whose CPU limit kept it from running meanwhile.

What a request waits for in an app that is held back is not the app's code nor the machine's CPU.
A queue in front of it grows far faster than it is held back (a fifth of the time is a quarter more
work for whoever has no time to spare); time in its own work grows with it.
"""

from typing import Final

import numpy as np

from dress_rehearsal.records.tables import CLIENT_POOLS
from dress_rehearsal.reports.cause.load import Level
from dress_rehearsal.reports.cause.scene import Found, Scene
from dress_rehearsal.reports.evidence.containers import ContainerCpu, container_cpus
from dress_rehearsal.reports.pools.client import LOCKS
from dress_rehearsal.reports.pools.cpu_limits import HELD_BACK, throttling_words

_OF_WORK: Final = 1 / 3
"""Kept from running for so much of the time, work takes half as long again."""
_WAITS: Final = {
    "app_loop": ("app",),
    "unanswered": ("app", "nginx", "postgres", "redis"),
    "target": ("app",),
    "connect": ("nginx", "app"),
    "rest": ("nginx", "app"),
    "lock_wait": ("postgres", "app"),
    "external": ("neighbours", "sqs", "kafka"),
    "postgres_connect": ("postgres", "app"),
    "redis_connect": ("redis", "app"),
}
"""Whose CPU a part waits for, where it is a wait."""
_WORK: Final = {"app_code": ("app",), "database": ("postgres",), "redis_server": ("redis",)}
"""Whose own work a part is."""
_POOLS: Final = {
    "postgres": ("app", "postgres"),
    "redis": ("app", "redis"),
    "sqs": ("app", "sqs"),
    "kafka": ("app", "kafka"),
    "enrolment": ("app", "neighbours"),
}
"""Who is busy while a connection of a pool is held."""
_NOT_ITS_DOING: Final = ("leak", "nested_acquire", "undersized")
"""Diagnoses of pools that no CPU would have helped."""


def throttled(scene: Scene) -> Found | None:
    """Return the CPU limit that a part comes from, None where it is none's."""
    services, least = _asked(scene)
    if not services:
        return None
    grid = scene.load.grid_ns
    limited = [c for c in container_cpus(scene.evidence.samples, grid) if c.is_limited]
    shares = {
        service: _held_back(scene, [each for each in limited if each.service == service])
        for service in services
    }
    worst = max(services, key=lambda service: shares[service])
    if shares[worst] < least:
        return None
    during = (grid >= scene.from_ns) & (grid <= scene.until_ns)
    own = [each for each in limited if each.service == worst]
    return Found(f"{worst}_cpu_limit", throttling_words(worst, own, during))


def _asked(scene: Scene) -> tuple[tuple[str, ...], float]:
    """Return whose limits may be why, and for how much of the time they have to hold back."""
    part = scene.part
    if part in _WORK:
        return _WORK[part], _OF_WORK
    if part in (*CLIENT_POOLS, *scene.load.foreign.pools):
        found = scene.pools.get(part)
        told = found is not None and found.pool.diagnosis not in _NOT_ITS_DOING
        if part in LOCKS or not told:
            return (), 1.0
        return _POOLS.get(part, ("app",)), HELD_BACK
    return _WAITS.get(part, ()), HELD_BACK


def _held_back(scene: Scene, containers: list[ContainerCpu]) -> float:
    """Return for which share of the time lost to the part a service was kept from running.

    Of a request whose worker is known it is that of the worker's container.
    """
    if not containers:
        return 0.0
    grid, rows = scene.load.grid_ns, scene.slow.rows
    span = rows["sent_ns"].to_numpy(), rows["done_ns"].to_numpy()
    met = [Level(grid, each.held_back(grid)).mean(*span) for each in containers]
    share = np.mean(met, axis=0)
    workers = rows["worker"].to_numpy(dtype=object).astype(str)
    for each, own in zip(containers, met, strict=True):
        share = np.where(np.isin(workers, list(each.pids)), own, share)
    return float(np.average(share, weights=rows[scene.part].to_numpy() + 1e-6))
