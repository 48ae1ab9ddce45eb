"""What is said of pools in a verdict, beside their numbers."""

from collections.abc import Iterable

from dress_rehearsal.plans.names import pool_words
from dress_rehearsal.reports.pools.client import PoolFinding
from dress_rehearsal.reports.words import (
    agreeing,
    counted,
    written,
)


def leaks(pools: Iterable[PoolFinding]) -> list[str]:
    """Return which pools' connections were never given back."""
    return [
        f"Leak: {counted(leaked, 'connection')} of {written(finding.pool.max)} in the "
        f"{pool_words(finding.pool.name)} {agreeing(leaked, 'was', 'were')} never given back."
        for finding in pools
        if (leaked := finding.pool.leaked)
    ]


def late_rows(pools: Iterable[PoolFinding]) -> list[str]:
    """Return a sentence where tickets were promised long before they were written.

    No purchase waits for the write-back, so it is never why one is slow.
    """
    return [
        f"Tickets were written late: {finding.evidence}. Until then they are only promised."
        for finding in pools
        if finding.pool.name == "write_back" and finding.pool.saturated_at_s is not None
    ]
