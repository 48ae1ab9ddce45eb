"""The diagnosis: why a connection pool was waited for, told apart by what else was to be seen.

leak            connections were never given back (see `reports.pools.leaks`)
nested_acquire  every connection of a worker was in use, at least as many requests waited, none was
                given back for as long as a wait may last, and meanwhile none did anything in the
                database: each holder waits for a second connection from the same pool. To tell
                it from a leak: the holders gave up when their wait ran out, and gave back
slow_holder     connections were held for long: at least `LONG_HOLD_MS` on average, `SLOWER` times
                as long as when nobody had waited yet, and much longer than the app's event loops
                were late (a late loop makes every hold long: that is the loop's saturation)
lock_wait       most of the connections in use waited for a lock in the database
undersized      everything in use with waiters, and holding times as ever, while event loops and
                CPUs had time to spare: only then would a larger pool have helped
None            undecidable: waited for, but for none of these reasons; or the record ends while
                nothing is given back, before a wait may last: leak and nested acquire look alike

Waiting for a lock is not holding: it is the others' doing. By Little's law the share of the
connections in use that wait for a lock is the share of the holding time spent so, and it is taken
off; else every sale behind one row lock would be called a slow holder.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.part import Diagnosis
from dress_rehearsal.reports.schema import Pool
from dress_rehearsal.reports.words import counted, milliseconds, percent, seconds, written

MIN_ACQUIRED = 5
"""An interval with fewer acquisitions says nothing about how long connections are held."""

LONG_HOLD_MS = 50.0
"""A hold that is no trouble in any rush: a transaction takes a few ms, with a busy CPU 20 ms."""

SLOWER = 3.0
"""Holds have become long when they are this many times as long as before."""

_LATE_LOOPS = 3.0
"""A hold of fewer loop lags than this may be the loop's doing: each await costs up to one."""

RUSH_FROM_S = -1.0
"""From here on, on T-0's axis, requests to buy belong to the rush (`cause.slowest.BEFORE_T0_S`)."""

SPARE_LAG_MS = 50.0
BUSY_CPU = 0.95
"""A loop later than this, or CPUs busier, leave no time for more connections to be of use."""

_STALL_SHARE = (0.6, 1.3)
"""A deadlock within a pool lasts as long as a wait may: shorter is slow, longer is a leak."""

_LEAST_STALL_S = 1.0
_UNKNOWN_STALL_S = 2.0
"""The shortest stall of a pool of which nobody knows how long it may be waited for."""


def first_saturated(frame: pd.DataFrame) -> int | None:
    """Return the row of the first interval in which the pool was saturated."""
    hit = np.flatnonzero(frame["saturated"].to_numpy())
    return int(hit[0]) if len(hit) else None


class Saturations(TypedDict):
    """Fields of a verdict's pool."""

    saturated_at_s: float | None
    saturated_in_rush_s: float | None


class Saturated(NamedTuple):
    """When the intervals or moments in which a pool was saturated began and ended, in any order."""

    begun_ns: Any
    ended_ns: Any

    def meets(self, from_ns: int, until_ns: int) -> bool:
        """Return whether any of it lies within a span (Unix ns)."""
        begun_ns, ended_ns = map(np.asarray, self)
        return bool(((begun_ns <= until_ns) & (ended_ns >= from_ns)).any())


def saturations(saturated: Saturated, t0_ns: int | None) -> Saturations:
    """Return when a pool saturated, as fields of a verdict's pool, in seconds from T-0: first of
    all, and first from `RUSH_FROM_S` on; None: never, or nobody knows.

    An interval that began before the rush and ended in it is of both: it saturated the rush from
    its beginning on, for all that anybody saw.
    """
    begun_ns, ended_ns = map(np.asarray, saturated)
    if t0_ns is None or not len(begun_ns):
        return {"saturated_at_s": None, "saturated_in_rush_s": None}
    rush_ns = t0_ns + round(RUSH_FROM_S * NS_PER_S)
    in_rush_ns = np.maximum(begun_ns, rush_ns)[(begun_ns >= rush_ns) | (ended_ns > rush_ns)]
    first_ns = (own.min() if len(own) else None for own in (begun_ns, in_rush_ns))
    at_s, in_rush_s = (
        None if ns is None else rounded((int(ns) - t0_ns) / NS_PER_S, 2) for ns in first_ns
    )
    return {"saturated_at_s": at_s, "saturated_in_rush_s": in_rush_s}


def is_saturated(pool: Pool, *, has_t0: bool = True) -> bool:
    """Return whether a pool saturated, which without T-0 has no moment that could be told.

    A leak may be one of a pool that never did, so without T-0 it is not known of that.
    """
    if pool.saturated_at_s is not None or pool.undecided is not None:
        return True
    if pool.diagnosis is None:
        return not has_t0
    return pool.diagnosis not in ("healthy", "not_used", "not_measured", "leak")


def intervals(times_ns: Any, hit: Any, length: int = 1) -> Saturated:
    """Return the intervals of hits: a sample tells of the time since the one before.

    Args:
        length: of how many intervals up to its own each sample tells.
    """
    times_ns, ends = np.asarray(times_ns), np.flatnonzero(hit)
    return Saturated(times_ns[np.maximum(ends - length, 0)], times_ns[ends])


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else was to be seen at the pool's intervals; NaN where it was not measured.

    Attributes:
        loop_lag_ms: the latest event loop of any worker.
        cpu: the share of all CPUs in use.
        lock_waiting: connections that wait for a lock (only of the pool to the database).
        active: connections that do something in the database (only of that pool).
        open_idle: connections idle within a transaction (only of that pool).
        workers: each worker's own used, max, pending and returned, one frame a worker.
        pool_timeout_s: how long a request may wait for a connection; None where it is not known.
    """

    loop_lag_ms: Any
    cpu: Any
    lock_waiting: Any
    active: Any
    open_idle: Any
    workers: list[pd.DataFrame]
    pool_timeout_s: float | None


class Judgement(NamedTuple):
    """A diagnosis; where it is None, `why` says in words what it could not be told by."""

    diagnosis: Diagnosis | None
    why: str | None = None


def diagnose(
    frame: pd.DataFrame, first: int | None, leaked: int | None, around: Circumstances
) -> Judgement:
    """Return why a pool was waited for.

    Args:
        frame: the pool's intervals, see `reports.pools.client.ClientPool`.
        first: the position of the first saturated interval, None when nobody waited.
    """
    if leaked:
        return Judgement("leak")
    if first is None:
        return Judgement("healthy")
    if _deadlocked(frame, around):
        return Judgement("nested_acquire")
    own_ms = _own_hold_ms(frame, around)
    busy = frame["acquired"] >= MIN_ACQUIRED
    waited = (frame["saturated"] & own_ms.notna()).to_numpy(dtype=bool)
    held_ms = own_ms[waited].median()
    usual_ms = own_ms[busy & ~frame["saturated"] & (frame.index < first)].quantile(0.25)
    if pd.isna(usual_ms):
        usual_ms = own_ms[busy & ~frame["saturated"]].quantile(0.25)
    lag_ms = _median(around.loop_lag_ms[waited])
    # A hold that was long from the first purchase on has nothing shorter to be compared with.
    longer = pd.isna(usual_ms) or usual_ms >= LONG_HOLD_MS or held_ms >= SLOWER * usual_ms
    if held_ms >= max(LONG_HOLD_MS, _LATE_LOOPS * lag_ms) and longer:
        return Judgement("slow_holder")
    held_long = _held_long(held_ms, usual_ms, lag_ms) if held_ms >= LONG_HOLD_MS else None
    return _of_size(frame, around, held_long)


def _of_size(frame: pd.DataFrame, around: Circumstances, held_long: str | None) -> Judgement:
    """Return whether a larger pool would have helped.

    Args:
        held_long: words on connections that were held for long; None where they were not.
    """
    full = (frame["used"] >= frame["max"]) & (frame["pending"] > 0) & frame["saturated"]
    if not full.any():
        return Judgement(None, _never_full(frame))
    hit = full.to_numpy(dtype=bool)
    locked = _median((around.lock_waiting / frame["used"].where(frame["used"] > 0))[hit])
    if locked >= 0.5:
        return Judgement("lock_wait")
    if held_long:
        return Judgement(None, held_long)
    if still_s := standstill_s(frame, around):
        return Judgement(None, standstill_words(still_s))
    lag_ms, cpu = around.loop_lag_ms[hit], around.cpu[hit]
    if ((lag_ms >= SPARE_LAG_MS) | (cpu >= BUSY_CPU)).mean() >= 0.5:
        return Judgement(None, _no_time(lag_ms, cpu))
    return Judgement("undersized")


def _never_full(frame: pd.DataFrame) -> str:
    """Return why nobody knows that it was full while it was waited for."""
    words = {"used": "connections were in use", "max": "it has", "pending": "requests waited"}
    untold = [f"how many {words[name]}" for name in words if frame[name].isna().all()]
    if untold:
        return f"{' and '.join(untold)} was not measured, so nobody knows whether it was full"
    return (
        "it was waited for, but no look at it found every connection in use with somebody waiting, "
        "so its size is not known to be what was short"
    )


def _held_long(held_ms: float, usual_ms: float, lag_ms: float) -> str:
    """Return why connections that were held for long do not make it a slow holder."""
    held = (
        f"in the seconds in which it was waited for, each connection was held for {_ms(held_ms)} "
        f"(median)"
    )
    if held_ms < _LATE_LOOPS * lag_ms:
        return (
            f"{held}, while the latest event loop ran {_ms(lag_ms)} late (median of the same "
            f"seconds): whatever is awaited while it is held may take so much longer, so late "
            f"loops alone may be why it was held so long"
        )
    return (
        f"{held}, which is long, but not {written(SLOWER)} times as long as when nobody waited "
        f"({_ms(usual_ms)})"
    )


def _no_time(lag_ms: Any, cpu: Any) -> str:
    """Return why it is not known whether a larger pool would have helped."""
    seen = []
    if not np.isnan(lag_ms).all():
        late = written(int((lag_ms >= SPARE_LAG_MS).sum()))
        seen.append(f"event loops ran {_ms(SPARE_LAG_MS)} late or more in {late}")
    if not np.isnan(cpu).all():
        busy = written(int((cpu >= BUSY_CPU).sum()))
        seen.append(f"the CPUs were {percent(BUSY_CPU)} busy or more in {busy}")
    return (
        f"of {counted(len(cpu), 'look')} at which it was full and waited for, "
        f"{' and '.join(seen)}: more connections would have waited for those, so whether it is too "
        f"small, only a run tells in which loops and CPUs have time to spare"
    )


def standstill_words(still_s: float) -> str:
    """Return words on a record that ends too soon to tell a leak from a nested acquire."""
    return (
        f"nothing was given back in the last {seconds(still_s)} of the record, too short a time to "
        f"tell a leak from requests that wait for a second connection (nested acquire)"
    )


def _ms(value_ms: float) -> str:
    return milliseconds(rounded(value_ms, 1))


def standstill_s(frame: pd.DataFrame, around: Circumstances) -> float:
    """Return for how long nothing had been given back when the record ended, with waiters; else 0.

    The longest of any worker. Connections at work in the database are no standstill.
    """
    interval_s = _interval_s(frame)
    longest_s = 0.0
    for worker in around.workers:
        for start, end in runs(_still(worker)):
            working = around.active[start:end] >= worker["used"].to_numpy()[start:end]
            if end == len(worker) and working.mean() < 0.5:
                longest_s = max(longest_s, (end - start) * interval_s)
    return longest_s if longest_s >= _LEAST_STALL_S else 0.0


def _own_hold_ms(frame: pd.DataFrame, around: Circumstances) -> "pd.Series[float]":
    """Return the mean hold of each interval's returned connections, less their waiting for locks.

    Means are taken over the last second: what is held long is given back in few intervals.
    """
    interval_s = _interval_s(frame)
    steps = max(round(1.0 / interval_s), 1)
    held_s = frame["use_s"].rolling(steps, min_periods=1).sum()
    returned = frame["returned"].rolling(steps, min_periods=1).sum()
    mean_ms = 1e3 * held_s / returned.where(returned > 0)
    locked = pd.Series(around.lock_waiting, index=frame.index)
    share = (locked / frame["used"].where(frame["used"] > 0)).clip(0.0, 1.0)
    return mean_ms * (1.0 - share.rolling(steps, min_periods=1).mean().fillna(0.0))


def _deadlocked(frame: pd.DataFrame, around: Circumstances) -> bool:
    """Return whether a worker's pool stood still, its database idle, until holders gave up."""
    interval_s = _interval_s(frame)
    if around.pool_timeout_s is None:
        # Somebody else's pool: that waits ran out as the stall ended stands for their length.
        least, most = max(round(_UNKNOWN_STALL_S / interval_s), 2), len(frame)
    else:
        shortest_s, longest_s = (share * around.pool_timeout_s for share in _STALL_SHARE)
        least = max(round(max(shortest_s, _LEAST_STALL_S) / interval_s), 2)
        most = round(longest_s / interval_s) + 2
    for worker in around.workers:
        for start, end in runs(_still(worker)):
            if not least <= end - start <= most or end == len(worker):
                continue
            stall = worker[start:end]
            idle = around.active[start:end] < 1  # what was not measured is not idle
            all_wait = stall["pending"] >= stall["used"]
            ran_out = around.pool_timeout_s is not None or (
                frame["timeouts"].iloc[max(end - 1, 0) : end + 2].sum() >= stall["used"].max()
            )
            gave_back = worker["returned"].iloc[end] > 0
            if min(idle.mean(), all_wait.mean()) > 0.5 and gave_back and ran_out:
                return True
    return False


def _still(worker: pd.DataFrame) -> Any:
    """Return in which intervals a worker's pool was full and waited for, and gave nothing back."""
    full = (worker["used"] >= worker["max"]) & (worker["pending"] > 0)
    return (full & (worker["returned"] == 0)).to_numpy(dtype=bool)


def runs(hit: Any) -> list[tuple[int, int]]:
    """Return where each unbroken run of hits begins and ends (the first position after it)."""
    edges = np.flatnonzero(np.diff(np.asarray(hit, dtype=int), prepend=0, append=0))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _interval_s(frame: pd.DataFrame) -> float:
    times = frame["t_ns"]
    return float(times.iloc[1] - times.iloc[0]) / NS_PER_S if len(times) > 1 else 1.0


def _median(values: Any) -> float:
    """Return the median of what was measured, 0 without anything."""
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    return float(np.median(known)) if len(known) else 0.0
