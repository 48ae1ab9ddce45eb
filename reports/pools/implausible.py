"""Metrics of somebody else's pools that cannot be right: they stand still, are swapped, below 0.

Of a page that stands still nothing is known, so a pool that it calls healthy was not measured. The
rest is said, and decides nothing: a pool may grow beyond its usual size.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from dress_rehearsal.plans.sections.metrics import Metrics
from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.samples import label, single_series
from dress_rehearsal.reports.words import (
    agreeing,
    counted,
    written,
)

_LEVEL = "db_client_connections"
_PREFIX = "db_client_connection_"
_COUNTERS = ("wait_time_seconds_count", "wait_time_seconds_bucket", "use_time_seconds_count")
_ENOUGH = 20
"""Of so many answers to purchases one at least took a connection."""


def stands_still(evidence: Evidence, metrics: Metrics) -> bool:
    """Return whether none of an entry's numbers ever changed while purchases were answered.

    Only where it counts who got a connection: how many are in use may well be 0 at every look.
    """
    counters = [
        rows for name in _COUNTERS if len(rows := _rows(evidence, metrics, f"{_PREFIX}{name}"))
    ]
    if not counters:
        return False
    told = pd.concat([*counters, _rows(evidence, metrics, _LEVEL)])
    if any(len(np.unique(each.values)) > 1 for each in single_series(told)):
        return False
    since_ns, until_ns = int(told["t_ns"].min()), int(told["t_ns"].max())
    bought = evidence.requests.loc[evidence.requests["role"] == PURCHASE, ["status", "done_ns"]]
    done = bought.loc[bought["status"].fillna(0) > 0, "done_ns"].dropna()
    return int(done.between(since_ns, until_ns).sum()) >= _ENOUGH


def implausible(evidence: Evidence, metrics: Metrics) -> Iterator[str]:
    """Yield a sentence on what an entry says that cannot be."""
    if stands_still(evidence, metrics):
        looks = _rows(evidence, metrics, _LEVEL)["t_ns"].nunique()
        yield (
            f"The metrics of {metrics.name} stand still: nothing in them changed in "
            f"{counted(looks, 'look')} while purchases were answered, so nothing is known of its "
            f"pools. Perhaps a copy is kept somewhere between."
        )
        return
    yield from _below_none(evidence, metrics)
    used = _rows(evidence, metrics, _LEVEL, state="used")
    limits = _rows(evidence, metrics, f"{_PREFIX}max")
    for pool in sorted(set(label(used, "pool"))):
        yield from _levels(
            f"{metrics.name}.{pool.removeprefix(f'{metrics.name}.')}",
            used[label(used, "pool") == pool],
            limits[label(limits, "pool") == pool],
            evidence.t0_ns,
        )


def _below_none(evidence: Evidence, metrics: Metrics) -> Iterator[str]:
    """Yield a sentence where fewer than no connections are in use, or wait."""
    for what, name in (("in use", _LEVEL), ("awaited", f"{_PREFIX}pending_requests")):
        rows = _rows(evidence, metrics, name)
        below = rows[rows["value"] < 0]
        if not below.empty:
            yield (
                f"The metrics of {metrics.name} say that {written(below['value'].min())} "
                f"connections are {what}, which cannot be: one is given back, or counted so, more "
                f"often than it is taken. Such numbers are taken as not known."
            )


def _levels(
    name: str, used: pd.DataFrame, limits: pd.DataFrame, opens_ns: int | None
) -> Iterator[str]:
    """Yield a sentence where one instance's pool is fuller than full, or full before the sale."""
    for source, own in used.groupby("source"):
        most = limits.loc[limits["source"] == source, "value"].max()
        if pd.isna(most) or own.empty:
            continue
        peak, first = own["value"].max(), own["value"].iloc[0]
        if peak > most:
            yield (
                f"The pool {name} has {written(peak)} of {written(most)} "
                f"{agreeing(most, 'connection')} in use: its names are swapped, or it may "
                f"grow beyond what it says is its most."
            )
            return
        before = opens_ns is not None and own["t_ns"].iloc[0] < opens_ns
        if most > 1 and before and first >= most > own["value"].min():
            yield (
                f"The pool {name} was all in use before the sale opened, and less so afterwards: "
                f"perhaps it tells of idle connections."
            )
            return


def _rows(evidence: Evidence, metrics: Metrics, name: str, **labels: str) -> pd.DataFrame:
    return evidence.samples.named(name, metrics.name, **labels)
