"""Every pool of a run: the app's connection pools, then all else that requests wait for."""

import pandas as pd

from reports import client_pools, shared_resources
from reports.client_pools import PoolFinding, client_pool, judge_client_pool
from reports.evidence import Evidence
from reports.samples import Samples

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
