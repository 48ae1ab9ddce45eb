"""Every pool of a run: the app's connection pools, then all else that requests wait for."""

import dataclasses
from collections.abc import Collection
from typing import Final

from dress_rehearsal.records.tables import CLIENT_POOLS
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.pools.client import PoolFinding, find_client_pools, run_grid
from dress_rehearsal.reports.pools.cpu_limits import CPU_LIMITS, find_cpu_limits
from dress_rehearsal.reports.pools.foreign import find_foreign_pools
from dress_rehearsal.reports.pools.sentences import late_rows, leaks
from dress_rehearsal.reports.pools.shared import SHARED_POOLS, find_shared_pools
from dress_rehearsal.reports.pools.unread import foreign_notes

__all__ = [
    "POOL_NAMES",
    "PoolFinding",
    "find_pools",
    "foreign_notes",
    "late_rows",
    "leaks",
    "run_grid",
]

POOL_NAMES = (*CLIENT_POOLS, *SHARED_POOLS, *CPU_LIMITS)
"""Every pool of our own that a verdict may hold; one that was not measured is left out of it.

Those of somebody else's app are called as its `[[metrics]]` and its own labels say."""


_HEARD_FROM: Final = {
    **dict.fromkeys(CLIENT_POOLS, ("app",)),
    "write_back": ("writeback", "redis"),
    "accept_queue": ("kernel", "containers"),
    "max_connections": ("postgres",),
    "cpu": ("kernel",),
    "app_loop": ("app",),
    "generator_loop": ("generator",),
    **dict.fromkeys(CPU_LIMITS, ("containers",)),
}
"""Whose word each pool's numbers are: while they were silent, nobody knows of it."""


_NOTHING_BAD: Final = ("healthy", "not_used")
"""Diagnoses of pools of which nothing bad was seen."""


def find_pools(evidence: Evidence) -> list[PoolFinding]:
    """Return a finding for every pool that was measured, in the order of `POOL_NAMES`, and
    then for those of the plan's `[[metrics]]`.

    One whose sources were silent in the seconds that matter, or whose times do not compare for a
    clock was set, and of which nothing bad was seen, is not healthy but `not_measured`.
    """
    grid = run_grid(evidence)
    found = find_client_pools(evidence, grid) + find_shared_pools(evidence, grid)
    found += find_cpu_limits(evidence, grid)
    unknown = half_heard(evidence)
    own = [_unless_unknown(finding, unknown) for finding in found]
    return own + find_foreign_pools(evidence)


def half_heard(evidence: Evidence) -> set[str]:
    """Return the pools of which not all was heard: what was seen of them is true, but not all."""
    silent = {gap.source.partition(":")[0] for gap in evidence.gaps if not gap.planned}
    unknown = {name for name, sources in _HEARD_FROM.items() if silent & set(sources)}
    if evidence.clock_steps:
        unknown.add("write_back")  # how long rows waited is told by times of day
    return unknown


def _unless_unknown(finding: PoolFinding, unknown: Collection[str]) -> PoolFinding:
    pool = finding.pool
    if pool.diagnosis not in _NOTHING_BAD or pool.name not in unknown:
        return finding
    pool = pool.model_copy(update={"diagnosis": "not_measured"})
    return dataclasses.replace(finding, pool=pool)
