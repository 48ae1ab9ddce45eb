"""Every pool of a run: the app's connection pools, then all else that requests wait for."""

from collections.abc import Iterable

import pandas as pd

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.pools import client as client_pools
from dress_rehearsal.reports.pools import shared as shared_resources
from dress_rehearsal.reports.pools.client import PoolFinding, client_pool, judge_client_pool
from dress_rehearsal.reports.samples import Samples
from dress_rehearsal.reports.schema import Bottleneck

POOL_NAMES = (*client_pools.NAMES, *shared_resources.NAMES)
"""Every pool that a verdict may hold; one that was not measured is left out of it."""


def find_pools(evidence: Evidence, samples: Samples, frame: pd.DataFrame) -> list[PoolFinding]:
    """Judge every pool that was measured, in the order of `POOL_NAMES`.

    Args:
        frame: the run's `latency_frame`.
    """
    seen = [client_pool(evidence, samples, name) for name in client_pools.NAMES]
    found = [judge_client_pool(evidence, samples, pool) for pool in seen if pool is not None]
    return found + shared_resources.find_shared(evidence, samples, frame)


def find_bottleneck(found: Iterable[PoolFinding]) -> Bottleneck | None:
    """Return the pool that saturated first; of several at once the one waited for longest.

    None when nothing was waited for, or when there was no T-0 to count from.
    """
    first: tuple[float, float] | None = None
    bottleneck = None
    for finding in found:
        since_s = finding.pool.saturated_at_s
        if since_s is None:
            continue
        rank = (since_s, -(finding.pool.wait_p99_ms or 0.0))
        if first is None or rank < first:
            first = rank
            bottleneck = Bottleneck(
                resource=finding.pool.name,
                since_s=since_s,
                evidence=f"{finding.evidence[0].upper()}{finding.evidence[1:]}.",
            )
    return bottleneck
