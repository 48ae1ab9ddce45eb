"""Leaks: connections that were taken from a pool and never given back.

Two kinds of evidence (the field's a and d):

at rest   the students have their answers, no request is under way in the app, and for most of a
          second more connections are still in use than the fewest that ever were
residual  a leaked connection is in the gauge of used ones and never in the histogram of use times.
          What has been checked out and not been given back has an age: (connection-seconds in use
          - seconds of use that ended) / connections in use. Connections that are out for
          `LONG_USE_S` and longer while the database sees most of them neither busy nor in a
          transaction are gone, and in any case those out for longer than a wait for the pool may
          last. So a leak is seen in a run without rest, and one that has filled the pool while
          requests still wait for it.
"""

from typing import Any

import numpy as np
import pandas as pd

from reports.diagnosis import Circumstances
from reports.evidence import Evidence
from reports.quantities import NS_PER_S
from reports.samples import Samples, level_on

REST_NS = 3 * NS_PER_S // 4
"""How long a pool must have been seen at rest for what is still used to count as leaked."""

LONG_USE_S = 3.0
"""The least age from which on connections that are out count as gone."""

_AGES = 10.0
"""… and this many times the mean use, as HikariCP's leak detection is usually set."""


def leaked_connections(
    evidence: Evidence, samples: Samples, frame: pd.DataFrame, around: Circumstances
) -> int | None:
    """Give how many connections of a pool were never given back, None when that was not seen.

    Args:
        frame: the pool's intervals, see `reports.client_pools.ClientPool`.
        around: what else was to be seen at its intervals.
    """
    requests = evidence.requests
    last = requests["done_ns"].fillna(requests["read_ns"]).max()
    first = requests["intended_ns"].min()
    if pd.isna(last) or pd.isna(first):
        return None
    fewest = frame.loc[frame["t_ns"] <= int(last), "used"].min()
    always = 0 if pd.isna(fewest) else int(fewest)
    active = samples.named("http_server_active_requests", "app")
    resting = (frame["t_ns"] > int(last)) & frame["used"].notna()
    if len(active):
        resting &= ~(level_on(frame["t_ns"].to_numpy(), active) > 0)
    rest = frame[resting]
    if len(rest) > 1 and rest["t_ns"].iloc[-1] - rest["t_ns"].iloc[0] >= REST_NS:
        return max(int(rest["used"].min()) - always, 0)
    return _by_age(frame, int(first), always, around) or None


def _by_age(frame: pd.DataFrame, first_ns: int, always: int, around: Circumstances) -> int:
    """Give the connections that have been out for too long by the end of the record."""
    frame = frame.assign(working=around.active + around.open_idle)
    rows = frame[(frame["t_ns"] > first_ns) & frame["used"].notna()]
    if len(rows) < 2:
        return 0
    interval_s = np.diff(rows["t_ns"].to_numpy(), prepend=first_ns) / NS_PER_S
    taken_s: Any = np.cumsum((rows["used"] - always).clip(lower=0).to_numpy() * interval_s)
    out_s = taken_s[-1] - rows["use_s"].sum()
    used = int(rows["used"].iloc[-1]) - always
    if used <= 0:
        return 0
    returned = rows["returned"].sum()
    mean_s = rows["use_s"].sum() / returned if returned else 0.0
    long_s = max(LONG_USE_S, _AGES * mean_s)
    end_ns = rows["t_ns"].iloc[-1]
    long = rows[rows["t_ns"] > end_ns - long_s * NS_PER_S]
    if not (long["working"] < long["used"] / 2).all():  # what was not measured is not idle
        long_s = max(long_s, 1.25 * around.pool_timeout_s)
    if out_s / used < long_s:
        return 0
    lately = rows[rows["t_ns"] > end_ns - REST_NS]
    return max(int(lately["used"].min()) - always, 0)
