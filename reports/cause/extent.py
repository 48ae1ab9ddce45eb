"""The extent: whether a loss is one worker's alone or one route's, or that of several.

What was lost to a part is compared between the workers, and between the routes, by the slowest
tenth of each one's own requests while the part dominated. Whoever lost less than a third
(`workers.LITTLE`) of what the worst lost to it is spared; only where all others were is the loss
one's, and its alone where they lost next to nothing. Nothing is said of who had fewer than
`workers.FEWEST_TO_TELL` requests then.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import STREAM
from dress_rehearsal.records.tables import CLIENT_POOLS
from dress_rehearsal.reports.cause.decomposition import decompose
from dress_rehearsal.reports.cause.load import Load
from dress_rehearsal.reports.cause.slowest import Slowest
from dress_rehearsal.reports.cause.workers import (
    FEWEST_TO_TELL,
    LITTLE,
    UNEVEN,
    share_of_all,
)
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.words import counted, milliseconds, percent, written

NEGLIGIBLE_MS: Final = 50.0
"""Who lost less lost nothing to speak of."""
_ANSWERED_SHARE: Final = 0.8
"""So much of a loss has to be of requests whose worker is known, to say whose it is."""
_OF_WORKERS: Final = (
    "app_loop",
    "app_queue",
    "app_code",
    "postgres_connect",
    "redis_connect",
    *CLIENT_POOLS,
)
"""What every worker has of its own, so that all may lose by it, each for itself."""
_BEHIND_WORKERS: Final = ("lock_wait", "database", "redis_server", "external", "network")
"""What the workers share: worth a word only where one of them alone has trouble with it."""
_OF_ROUTES: Final = (
    "app_code",
    "postgres_connect",
    "redis_connect",
    "lock_wait",
    "database",
    "redis_server",
    "external",
)
"""What a route may do that others do not."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Whose the loss is.

    Attributes:
        worker: the pid, where the loss is one worker's alone, or far more than any other's.
        where: words to follow the resource's, such as " in both workers"; empty: nothing to say.
        counts: what those words rest on, empty where they need nothing.
    """

    worker: str | None = None
    where: str = ""
    counts: str = ""


def extent_of(
    evidence: Evidence,
    load: Load,
    slow: Slowest,
    part: str,
    resource: str,
    span_ns: tuple[int, int],
) -> Extent:
    """Return whose the loss of a part is, within a span of Unix ns in which it dominated."""
    during = slow.every[slow.every["sent_ns"].between(*span_ns)]
    by_worker = _workers(slow, during, part, resource)
    if resource not in _OF_ROUTES:
        return by_worker
    by_route = _routes(evidence, load, slow, part, span_ns)
    return Extent(by_worker.worker, by_worker.where + by_route, by_worker.counts)


def _workers(slow: Slowest, during: pd.DataFrame, part: str, resource: str) -> Extent:
    if resource not in (*_OF_WORKERS, *_BEHIND_WORKERS) or not _known(slow, part):
        return Extent()
    losses = _losses(during[during["worker"] != ""], "worker", part)
    if len(losses) < 2:
        return _the_busy_one(during, resource)
    worst = losses["ms"].idxmax()
    hit = losses["ms"] >= LITTLE * losses.at[worst, "ms"]
    if hit.sum() == 1:
        return _alone(str(worst), losses)
    if resource not in _OF_WORKERS:
        return Extent()
    return Extent(where=f" in {_of_all(int(hit.sum()), len(hit))} workers")


def _alone(worst: str, losses: pd.DataFrame) -> Extent:
    """Return what to say of the one worker that lost."""
    others = losses.drop(worst)
    share = float(losses.at[worst, "requests"] / losses["requests"].sum())
    busy = (
        ", which answered " + percent(share) + " of the requests"
        if share > UNEVEN / len(losses)
        else ""
    )
    most_ms = milliseconds(rounded(float(others["ms"].max()), 1))
    counts = (
        f"in the slowest tenth of its {counted(int(losses.at[worst, 'requests']), 'request')} "
        f"{milliseconds(rounded(float(losses.at[worst, 'ms']), 1))} each, in that of the "
        f"{'other' if len(others) == 1 else 'others'}'s {written(int(others['requests'].sum()))} "
        f"{'' if len(others) == 1 else 'at most '}{most_ms}"
    )
    spared = float(others["ms"].max()) < NEGLIGIBLE_MS
    how = "alone" if spared else f"far more than in the {'other' if len(others) == 1 else 'others'}"
    return Extent(worst, f" in worker {worst} {how}{busy}", counts)


def _the_busy_one(during: pd.DataFrame, resource: str) -> Extent:
    """Return what to say where all the others answered too little to be compared with."""
    shares = share_of_all(during["worker"])
    if resource not in _OF_WORKERS or len(shares) < 2 or shares.iloc[0] <= UNEVEN / len(shares):
        return Extent()
    pid, share = str(shares.index[0]), percent(float(shares.iloc[0]))
    return Extent(pid, f" in worker {pid}, which answered {share} of the requests")


def _known(slow: Slowest, part: str) -> bool:
    lost = slow.rows[part]
    return float(lost[slow.rows["worker"] != ""].sum()) >= _ANSWERED_SHARE * float(lost.sum())


def _routes(
    evidence: Evidence, load: Load, slow: Slowest, part: str, span_ns: tuple[int, int]
) -> str:
    """Return at which routes a part was lost to, empty where there is nothing to compare with."""
    latency = evidence.latency
    sent = evidence.requests["sent_ns"].fillna(evidence.requests["intended_ns"])
    chosen = sent.between(*span_ns) & latency["felt_ms"].notna() & ~latency["abandoned"]
    chosen &= latency["step"].notna() & (latency["role"] != STREAM)
    every = decompose(evidence, load, chosen.to_numpy(dtype=bool), (part, "felt_ms"))
    every = every.assign(step=latency.loc[chosen, "step"].to_numpy())
    losses = _losses(every, "step", part)
    if len(losses) < 2 or slow.step not in losses.index:
        return ""
    hit = losses["ms"] >= LITTLE * losses.at[slow.step, "ms"]
    if hit.sum() == 1:
        spared = float(losses["ms"].drop(slow.step).max()) < NEGLIGIBLE_MS
        return f" at {slow.step} {'alone' if spared else 'far more than elsewhere'}"
    return f" at {_of_all(int(hit.sum()), len(hit))} routes"


def _losses(rows: pd.DataFrame, of: str, part: str) -> pd.DataFrame:
    """Return, for each worker or route with enough requests, how many and what they lost.

    Returns:
        Index the worker or step; columns requests, ms (the mean of the slowest tenth's).
    """
    found = {}
    for name, own in rows.groupby(of):
        if len(own) >= FEWEST_TO_TELL:
            last = own.sort_values("felt_ms", kind="stable").tail(math.ceil(len(own) / 10))
            found[str(name)] = len(own), float(np.mean(last[part]))
    return pd.DataFrame.from_dict(found, orient="index", columns=["requests", "ms"])


def _of_all(hit: int, every: int) -> str:
    if hit < every:
        return f"{hit} of {every}"
    return "both" if every == 2 else f"all {every}"
