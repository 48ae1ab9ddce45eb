"""The bottleneck: what saturated first, with the figures that show it."""

from collections.abc import Iterable

from reports.client_pools import PoolFinding
from reports.document import Bottleneck


def find_bottleneck(found: Iterable[PoolFinding]) -> Bottleneck | None:
    """Give the pool that saturated first; of several at once the one waited for longest.

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
