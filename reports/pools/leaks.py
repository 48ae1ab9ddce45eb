"""Leaks: connections that were taken from a pool and never given back.

Two kinds of evidence (the field's a and d):

at rest   the students have their answers, no request is under way in the app nor waits for a
          connection, and for most of a second more are still in use than the fewest that ever were,
          and than are given back and taken again meanwhile
residual  a leaked connection is in the gauge of used ones and never in the histogram of use times.
          What has been checked out and not been given back has an age: (connection-seconds in use
          - seconds of use that ended) / connections in use. Connections that are out for
          `LONG_USE_S` and longer while the database sees most of them neither busy nor in a
          transaction are gone, and so are, unless it is busy, those out for longer than a request
          that holds one may wait for a second. So a leak is seen in a run without rest, and one
          that has filled the pool while requests still wait for it.

None is claimed while an event loop is late: what it has not got round to is not lost.

Whoever holds a connection and waits for a second (`nested_acquire`) is among those who wait. So as
many connections in use as there are waiters may be held like that, and their wait is no age. They
give up and give back when the wait runs out, which a leak never does: before that, nobody can tell.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.samples import level_on
from dress_rehearsal.reports.pools.diagnosis import Circumstances

REST_NS = 3 * NS_PER_S // 4
"""How long a pool must have been seen at rest for what is still used to count as leaked."""

LONG_USE_S = 3.0
"""The least age from which on connections that are out count as gone."""

LATE_LOOP_MS = 250.0
"""A loop that is so late may have answers in hand, and connections to give back."""

_AGES = 10.0
"""… and this many times the mean use, as HikariCP's leak detection is usually set."""

_LOOKS = 3
_STILL_S = 2.0
_HOLDS = 3.0
"""How often, how long, and how many mean holds long what is out of somebody else's pool must have
stood still."""

ASKS_AGAIN_S = 1.0
"""Who needs a second connection asks for it no later than this after getting the first."""


def leaked_connections(
    evidence: Evidence, frame: pd.DataFrame, around: Circumstances
) -> int | None:
    """Return how many connections of a pool were never given back, None when that was not seen.

    Args:
        frame: the pool's intervals, see `reports.pools.client.ClientPool`.
        around: what else was to be seen at its intervals.
    """
    requests = evidence.requests
    last = requests["done_ns"].fillna(requests["read_ns"]).max()
    first = requests["intended_ns"].min()
    if pd.isna(last) or pd.isna(first):
        return None
    fewest = frame.loc[frame["t_ns"] <= int(last), "used"].min()
    always = 0 if pd.isna(fewest) else int(fewest)
    active = evidence.samples.series("http_server_active_requests", "app")
    late = np.asarray(around.loop_lag_ms >= LATE_LOOP_MS, dtype=bool)
    resting = ~late & (frame["t_ns"] > int(last)) & frame["used"].notna() & ~(frame["pending"] > 0)
    if active:
        resting &= ~(level_on(frame["t_ns"].to_numpy(), active) > 0)
    rest = frame[resting]
    if len(rest) > 1 and rest["t_ns"].iloc[-1] - rest["t_ns"].iloc[0] >= REST_NS:
        return _still_out(rest, always)
    return _by_age(frame, int(first), always, around) or None


def leaked_at_rest(
    evidence: Evidence, frame: pd.DataFrame, workers: Sequence[pd.DataFrame]
) -> int | None:
    """Return how many connections of somebody else's pool were out all through a rest after the
    rush, more than ever before were the fewest; None when no such rest was seen.

    Who is still at work gives back sooner or later: so their number must have stood still for two
    seconds and three looks at least, and for three times the mean hold.

    Args:
        frame: the pool's intervals, see `reports.pools.foreign.ForeignPool`.
        workers: of each instance the same: its own t_ns, used, pending, process and levels.
    """
    requests = evidence.requests
    last = requests["done_ns"].fillna(requests["read_ns"]).max()
    if pd.isna(last):
        return None
    rush = frame[frame["used"].notna() & (frame["t_ns"] <= int(last))]
    held_s = float(rush["use_s"].sum() / max(rush["returned"].sum(), 1.0))
    left = [_left_out(worker, int(last), held_s) for worker in workers]
    if all(each is not None for each in left) and left:
        return sum(each or 0 for each in left)
    return sum(each or 0 for each in left) or None


def _left_out(worker: pd.DataFrame, last_ns: int, held_s: float) -> int | None:
    """Return how many connections of one instance were out all through a rest."""
    known = worker[worker["used"].notna()]
    before, after = known[known["t_ns"] <= last_ns], known[known["t_ns"] > last_ns]
    rest = after[~(after["pending"] > 0)]
    if before.empty or len(rest) < _LOOKS:
        return None
    always = _always_out(before, float(rest["levels"].iloc[-1]))
    used = rest["used"].to_numpy()
    still = rest[np.flip(np.logical_and.accumulate(np.flip(used == used[-1])))]
    lasted_s = float(still["t_ns"].iloc[-1] - still["t_ns"].iloc[0]) / NS_PER_S
    if len(still) < _LOOKS or lasted_s < max(_STILL_S, _HOLDS * held_s):
        return 0 if used[-1] <= always else None
    return max(int(used[-1]) - always, 0)


def _always_out(before: pd.DataFrame, levels: float) -> int:
    """Return the fewest that ever were out before.

    A process that has just begun anew has none out yet, though it will keep some for good: so the
    first one is asked, and of several at one address only while there were as many as in the end.

    Args:
        levels: of how many series the number is in the end; NaN where that is not told.
    """
    as_many = before[before["levels"].eq(levels)]
    asked = before if as_many.empty else as_many
    gap = np.cumsum(np.diff(asked.index.to_numpy(), prepend=asked.index[0]) > 1)
    first = (gap == 0) & asked["process"].fillna(0.0).eq(asked["process"].fillna(0.0).iloc[0])
    return int(asked.loc[first, "used"].min())


def _still_out(rest: pd.DataFrame, always: int) -> int:
    """Return the connections that were out all through a rest and were not given back in it.

    What goes on in the background without end, each use a long one, is out at every look, and given
    back all the same: by Little's law its connections are the seconds of use that ended a second.
    """
    lasted_s = float(rest["t_ns"].iloc[-1] - rest["t_ns"].iloc[0]) / NS_PER_S
    turned_over = float(rest["use_s"].iloc[1:].sum()) / lasted_s
    return max(round(float(rest["used"].min()) - max(always, turned_over)), 0)


def _by_age(frame: pd.DataFrame, first_ns: int, always: int, around: Circumstances) -> int:
    """Return the connections that have been out for too long by the end of the record."""
    frame = frame.assign(active=around.active, working=around.active + around.open_idle)
    rows = frame[(frame["t_ns"] > first_ns) & frame["used"].notna()]
    if len(rows) < 2:
        return 0
    interval_s = np.diff(rows["t_ns"].to_numpy(), prepend=first_ns) / NS_PER_S
    out: Any = (rows["used"] - always).clip(lower=0).to_numpy()
    used = int(out[-1])
    if used <= 0:
        return 0
    age_s = (np.sum(out * interval_s) - rows["use_s"].sum()) / used
    returned = rows["returned"].sum()
    mean_s = rows["use_s"].sum() / returned if returned else 0.0
    long_s = max(LONG_USE_S, _AGES * mean_s)
    wait_s = (around.pool_timeout_s or 0.0) + ASKS_AGAIN_S
    before_ns = rows["t_ns"].iloc[-1] - rows["t_ns"].to_numpy()
    waiting = np.minimum(rows["pending"].fillna(np.inf), out)  # what was not measured may wait
    waited_s = np.sum((waiting * interval_s)[before_ns < wait_s * NS_PER_S]) / used
    long = rows[before_ns < long_s * NS_PER_S]
    idle = (long["working"] < long["used"] / 2).all()  # what was not measured is not idle
    busy = (long["active"] >= long["used"] / 2).all()
    if not (idle and age_s - waited_s >= long_s) and (busy or age_s < max(long_s, wait_s)):
        return 0
    if (around.loop_lag_ms[frame.index.isin(long.index)] >= LATE_LOOP_MS).any():
        return 0
    lately = rows[before_ns < REST_NS]
    return max(int(lately["used"].min()) - always, 0)
