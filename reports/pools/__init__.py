"""Every pool of a run: the app's connection pools, then all else that requests wait for."""

from dress_rehearsal.records.tables import CLIENT_POOLS
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.pools.client import PoolFinding, find_client_pools, run_grid
from dress_rehearsal.reports.pools.shared import SHARED_POOLS, find_shared_pools

__all__ = ["POOL_NAMES", "PoolFinding", "find_pools", "run_grid"]

POOL_NAMES = (*CLIENT_POOLS, *SHARED_POOLS)
"""Every pool that a verdict may hold; one that was not measured is left out of it."""


def find_pools(evidence: Evidence) -> list[PoolFinding]:
    """Return a finding for every pool that was measured, in the order of `POOL_NAMES`."""
    grid = run_grid(evidence)
    return find_client_pools(evidence, grid) + find_shared_pools(evidence, grid)
