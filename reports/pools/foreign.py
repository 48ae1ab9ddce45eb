"""Pools of somebody else's app, judged: how full, how long waited for, since when, and why.

Where neither how long nor how many wait is told, a full pool is not known to be waited for, and
not healthy.
"""

import errno
import os
from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from dress_rehearsal.plans.hosts import is_loopback
from dress_rehearsal.records.collectors.pool_metrics import UP
from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.samples import label, level_on
from dress_rehearsal.reports.numbers import rounded, whole
from dress_rehearsal.reports.pools.client import (
    PoolFinding,
    mean_hold_ms,
    told_second,
    wait_p99,
    waited_words,
)
from dress_rehearsal.reports.pools.diagnosis import (
    LONG_HOLD_MS,
    Circumstances,
    Judgement,
    Saturated,
    diagnose,
    first_saturated,
    intervals,
    saturations,
    standstill_s,
    standstill_words,
)
from dress_rehearsal.reports.pools.foreign_series import ForeignPool, read_foreign_pools
from dress_rehearsal.reports.pools.implausible import stands_still
from dress_rehearsal.reports.pools.leaks import leaked_at_rest
from dress_rehearsal.reports.pools.unread import matches
from dress_rehearsal.reports.schema import Pool
from dress_rehearsal.reports.words import (
    agreeing,
    milliseconds,
    percent,
    written,
)

_NOBODY: Final = os.strerror(errno.ECONNREFUSED)
_HELD_UNKNOWN: Final = (
    f"only answers are counted, not how many got a connection: by the purchases alone each may "
    f"have been held for {milliseconds(LONG_HOLD_MS)} or longer"
)
_USED_UP: Final = {
    "cpu": "its processors were all busy, and nothing tells who had to wait for one",
    "server": "all of its connections were taken, and nothing tells of any that was turned away",
}
_SILENT_S: Final = 2.0
"""How much longer than usual nothing may have been heard of a pool that is called healthy."""


def find_foreign_pools(evidence: Evidence) -> list[PoolFinding]:
    """Return a finding for each pool that the plan's `[[metrics]]` tell of, or should have.

    A preset that matched nothing, or an address that gave no metrics, is a pool that was not
    measured.
    """
    pools = read_foreign_pools(evidence)
    active = _server_active(pools)
    found = [_judged(evidence, pool, active) for pool in pools]
    known = {pool.entry for pool in pools}
    for metrics in evidence.plan.metrics:
        missing = [name for name, number, _ in matches(evidence, metrics) if not number]
        named: list[str] = list(metrics.presets)
        presets = [name for name in missing if name in named]
        if metrics.name not in known and not presets:
            presets = named or ["pool"]
        found += [_unmeasured(f"{metrics.name}.{name}") for name in presets]
    return found


def _judged(evidence: Evidence, pool: ForeignPool, active: pd.Series | None) -> PoolFinding:
    """Return how full the pool was, how long it was waited for, since when, and why."""
    frame = pool.frame
    first = first_saturated(frame)
    around = _circumstances(evidence, pool, active)
    leaked = leaked_at_rest(evidence, frame, pool.workers) if pool.kind == "client" else None
    beside = ""
    diagnosis, why = diagnose(frame, first, leaked, around)
    if diagnosis == "undersized" and not pool.returns_told and _may_be_held(evidence, frame):
        diagnosis, why = None, _HELD_UNKNOWN
    if pool.kind != "client":
        diagnosis, why = ("healthy", None) if first is None else _why_short(pool)
    elif first is not None and diagnosis is None and (still_s := standstill_s(frame, around)):
        beside = f"; {standstill_words(still_s)}"
    if diagnosis == "healthy" and (_unseen(evidence, pool) or _full_unknown(pool)):
        diagnosis = "not_measured"
    words = partial(told_second, frame, evidence.t0_ns, partial(_figures, pool))
    saturated = intervals(frame["t_ns"], frame["saturated"])
    return PoolFinding(
        Pool(
            name=pool.name,
            max=whole(frame["max"].max()),
            peak_used=_level(pool, frame["used"].max()),
            peak_pending=whole(frame["pending"].max()),
            **wait_p99(pool.wait),
            wait_mean_ms=rounded(_mean_wait_ms(pool)),
            timeouts=int(frame["timeouts"].sum()) if pool.timeouts_told else None,
            **saturations(saturated, evidence.t0_ns),
            leaked=leaked,
            hold_mean_ms=mean_hold_ms(frame) if pool.kind == "client" and pool.holds_told else None,
            diagnosis=diagnosis,
            undecided=why,
        ),
        "" if first is None else words(first) + beside,
        saturated,
        frame,
        words,
        beside,
    )


def _may_be_held(evidence: Evidence, frame: pd.DataFrame) -> bool:
    """Return whether connections may have been held for long, where only answers are counted: some
    of these needed none, so by the purchases alone each may have been held for longer."""
    bought = evidence.requests[evidence.latency["role"] == PURCHASE]
    done = np.sort(bought.loc[bought["status"].fillna(0) > 0, "done_ns"].dropna().to_numpy("int64"))
    times = frame["t_ns"].to_numpy()
    hit = frame["saturated"].to_numpy(dtype=bool)
    number = np.diff(np.searchsorted(done, times, side="right"), prepend=0)[hit].sum()
    held_s = float(frame["use_s"][hit].sum()) / max(int(number), 1)
    return 1e3 * held_s >= LONG_HOLD_MS


def _mean_wait_ms(pool: ForeignPool) -> float:
    """Return the mean of all waits, NaN where they are not told or there were none."""
    number = float(pool.frame["acquired"].sum())
    if not pool.sums_told or not number:
        return float("nan")
    return 1e3 * float(pool.frame["wait_s"].sum()) / number


def _level(pool: ForeignPool, level: float) -> int | float | None:
    return rounded(level, 2) if pool.kind == "cpu" else whole(level)


def _why_short(pool: ForeignPool) -> Judgement:
    """Return what is said of processors or a server's connections that ran short.

    Throttled ones, and a server that turned connections away, are too few by definition.
    """
    frame = pool.frame[pool.frame["saturated"]]
    throttled = pool.kind == "cpu" and frame["wait_s"].sum() > 0 and frame["max"].notna().any()
    if throttled or (frame["timeouts"] > 0).any():
        return Judgement("undersized")
    return Judgement(None, _USED_UP[pool.kind])


def _full_unknown(pool: ForeignPool) -> bool:
    """Return whether it was full, or may have been, and nothing tells if anybody waited."""
    used, most = pool.frame["used"], pool.frame["max"]
    unlimited = most.isna().all() and pool.kind != "client"
    may_be_full = bool((used >= most).any()) or used.isna().all()
    return (may_be_full and not pool.waiting_told) or unlimited


def _unseen(evidence: Evidence, pool: ForeignPool) -> bool:
    """Return whether too long nothing new was heard of it in the seconds that matter.

    Where nobody listens, a process is not there, as while it is put up again: nor is its pool.
    """
    if evidence.decisive_ns is None:
        return False
    metrics = next(each for each in evidence.plan.metrics if each.name == pool.entry)
    if stands_still(evidence, metrics):
        return True
    from_ns, until_ns = evidence.decisive_ns
    most_ns = (max(metrics.interval, evidence.plan.collect.interval) + _SILENT_S) * NS_PER_S
    up = evidence.samples.named(UP, pool.entry)
    for position in range(len(metrics.addresses)):
        own = up[(up["source"] == metrics.source(position)) & up["t_ns"].between(from_ns, until_ns)]
        absent = label(own, "why") == _NOBODY
        heard = own[(own["value"] > 0) | absent] if (own["value"] > 0).any() else own[:0]
        inside = heard["t_ns"].to_numpy()
        if np.diff([from_ns, *inside, until_ns]).max() > most_ns:
            return True
    return False


def _circumstances(
    evidence: Evidence, pool: ForeignPool, active: pd.Series | None
) -> Circumstances:
    """Return what else was to be seen at the pool's intervals."""
    grid = pool.frame["t_ns"].to_numpy()
    unknown = np.full(len(grid), np.nan)
    cpu = unknown
    if _is_here(evidence):
        cpu = level_on(grid, evidence.samples.series("machine_cpu_used_ratio", "kernel"))
    busy = (
        unknown if active is None else np.interp(grid, active.index.to_numpy(), active.to_numpy())
    )
    return Circumstances(
        loop_lag_ms=unknown,
        cpu=cpu,
        lock_waiting=unknown,
        active=busy,
        open_idle=unknown,
        workers=pool.workers,
        pool_timeout_s=None,
    )


def _is_here(evidence: Evidence) -> bool:
    """Return whether the target is on this machine, so that its processors are ours."""
    target = evidence.plan.target
    return target.ours or is_loopback(urlsplit(target.url or "").hostname or "")


def _figures(pool: ForeignPool, second: pd.DataFrame) -> str:
    used, most, pending = (second[name].max() for name in ("used", "max", "pending"))
    said = []
    if pool.kind == "cpu" and not np.isnan(used):
        of = "" if np.isnan(most) else f", {percent(used / most)} of {written(round(most, 2))}"
        said.append(f"{written(round(used, 2))} {agreeing(round(used, 2), 'core')} busy{of}")
    elif not np.isnan(used):
        said.append(f"{written(used)}{'' if np.isnan(most) else f' of {written(most)}'} in use")
    if pending > 0:
        said.append(f"{written(pending)} waiting")
    number, waited_s = second["acquired"].sum(), second["wait_s"].sum()
    if second["waited"].sum() > 0 and not pool.cut:
        said.append(waited_words(second, pool.wait))
    elif number > 0 and waited_s > 0:
        mean = milliseconds(rounded(1e3 * waited_s / number, 1))
        said.append(f"{mean} waited on average by {written(number)}")
    if pool.kind == "client" and pool.returns_told and second["returned"].sum() > 0:
        held_ms = rounded(1e3 * second["use_s"].sum() / second["returned"].sum(), 1)
        about = "" if pool.holds_told else "about "
        said.append(f"each held for {about}{milliseconds(held_ms)} in that second")
    if second["timeouts"].sum() > 0:
        what = "connections turned away" if pool.kind == "server" else "waits timed out"
        said.append(f"{written(second['timeouts'].sum())} {what}")
    return ", ".join(said)


def _unmeasured(name: str) -> PoolFinding:
    nothing = dict.fromkeys(
        field for field in Pool.model_fields if field not in ("name", "diagnosis")
    )
    return PoolFinding(Pool(name=name, diagnosis="not_measured", **nothing), "", Saturated((), ()))


def _server_active(pools: Sequence[ForeignPool]) -> pd.Series | None:
    """Return how many connections the servers behind the app work on, less the one that asks."""
    known = [pool.frame.set_index("t_ns")["active"] for pool in pools if pool.kind == "server"]
    known = [each for each in known if each.notna().any()]
    if not known:
        return None
    return (known[0].ffill().fillna(0.0) - 1).clip(lower=0)
