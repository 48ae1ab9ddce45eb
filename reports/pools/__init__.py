"""Every pool of a run: the app's connection pools, then all else that requests wait for."""

from collections.abc import Iterable

from dress_rehearsal.records.tables import CLIENT_POOLS
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.pools.client import PoolFinding, find_client_pools, run_grid
from dress_rehearsal.reports.pools.shared import SHARED_POOLS, find_shared_pools
from dress_rehearsal.reports.schema import Bottleneck

POOL_NAMES = (*CLIENT_POOLS, *SHARED_POOLS)
"""Every pool that a verdict may hold; one that was not measured is left out of it."""


def find_pools(evidence: Evidence) -> list[PoolFinding]:
    """Return a finding for every pool that was measured, in the order of `POOL_NAMES`."""
    grid = run_grid(evidence)
    return find_client_pools(evidence, grid) + find_shared_pools(evidence, grid)


def find_bottleneck(found: Iterable[PoolFinding]) -> Bottleneck | None:
    """Return the pool that saturated first; of several at once the one waited for longest.

    None when nothing was waited for, or when there was no T-0 to count from.
    """
    saturated = [
        (finding.pool.saturated_at_s, -(finding.pool.wait_p99_ms or 0.0), finding)
        for finding in found
        if finding.pool.saturated_at_s is not None
    ]
    if not saturated:
        return None
    since_s, _, first = min(saturated, key=lambda ranked: ranked[:2])
    said = f"{first.evidence[0].upper()}{first.evidence[1:]}."
    return Bottleneck(resource=first.pool.name, since_s=since_s, evidence=said)
