"""The decomposition: where each request's time went, in parts that add up to what was felt.

generator    from when the student meant to act until the request left: the generator's lateness
connect      making the connection: an accept queue that was full shows here, as packets sent again
app_loop     waiting for a worker, and what the app's late event loops added to everything else
postgres …   waiting for a connection of that pool (`records.tables.CLIENT_POOLS`)
lock_wait    waiting in PostgreSQL for a lock that another transaction holds
postgres_connect, redis_connect: making a connection to the store, where the pool had none
database     in PostgreSQL otherwise
redis_server in Redis
external     in a neighbour of the app: the enrolment API, the queue service
app_code     in the app's own code
target       in somebody else's app, whose answers do not say where, beside its pools
unanswered   nobody said: there was no answer, or one of our own app without `Server-Timing`, and it
             was in none of the places below
rest         the network, and the answer's way back

Each pool of somebody else's app, by its name in the report, is a part of its own, estimated from
what the pool tells (`reports.cause.foreign_waits`).

They are what the generator recorded and what the answer's `Server-Timing` says, or the app's log of
an answer that came too late. Of a request that neither tells of only its time is known: it is
shared out by where the requests under way were
meanwhile (waiting for a worker, for each pool, for a lock, in PostgreSQL). That is an estimate, and
wherever it is shown it says so. Three things are set right that a request cannot know of itself:

- An event loop that is late makes everything long that is awaited in it. So much of each awaited
  part as the loops were late while it lasted is the loop's. The gauge tells of the latest timer,
  and a transaction awaits a few times.
- Waiting for a connection is waiting for those who hold one. By Little's law the share of them
  that wait for a lock is the share of the wait that the lock made, and the same goes for those
  whose connection is still being made, for long holds that PostgreSQL works on, and for the
  loops' part of a hold. What is left is the pool's
  own: too small, leaked, or held while its holder did something else. Of a wait that is itself
  only estimated no more is passed on than PostgreSQL bears out: the loops' and Redis' share stays
  the pool's.
- The reference app tells each part once. Where an app tells one that is within another twice (Redis
  asked while a connection is held), what is more than its own total is taken off the outer one,
  PostgreSQL's; what such parts hide of the app's own code nobody can tell.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import CLIENT_POOLS
from dress_rehearsal.reports.cause.load import Load, PoolLoad
from dress_rehearsal.reports.cause.server_timing import (
    AT_ONCE,
    RECORDED,
    read_answers,
    rows_told,
    waited_for,
)
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import integers

PARTS: Final = (
    "generator",
    "connect",
    "app_loop",
    *CLIENT_POOLS,
    "lock_wait",
    "postgres_connect",
    "database",
    "redis_connect",
    "redis_server",
    "external",
    "app_code",
    "target",
    "unanswered",
    "rest",
)
LONG_HOLD_S: Final = 0.05
"""A hold that is no trouble in any rush (see `reports.pools.diagnosis`)."""
LATE_LOOP_S: Final = 0.02
"""A loop that is later than this adds to what is awaited in it; below, every machine's is."""
_AWAITS: Final = {
    "db_connect": 2.0,
    "db": 2.0,
    "redis_connect": 2.0,
    "redis": 1.0,
    "external": 1.0,
    "own": 2.0,
}
"""How many times the loops' lateness may be in a part: what it awaits, by the gauge's worst."""


_RECORDED: Final = ("student", "intended_ns", "sent_ns", "worker", "outcome", *RECORDED)
"""What is read of a request itself; the rest is in `evidence.latency`."""

_BESIDE: Final = ("felt_ms", "sent_ns", "done_ns", "student", "worker", "outcome", "silent", "step")
"""Columns of a decomposition that are no parts."""

RECORDED_PARTS: Final = ("generator", "connect", "unanswered", "target", "rest")
"""Parts that are never estimated: recorded, or what is left."""
_MUCH: Final = 0.1
"""Of a part of which more is estimated it is said."""

_CONNECTS: Final = {"postgres": "postgres_connect", "redis": "redis_connect"}
_FAR_ENDS: Final = {"redis": "redis_server"} | dict.fromkeys(
    ("sqs", "kafka", "enrolment"), "external"
)


def decompose(
    evidence: Evidence, load: Load, chosen: Any, only: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return where the time of the chosen requests went.

    Args:
        chosen: which rows of `evidence.requests`, as a bool array.
        only: the columns that are wanted; None: all.

    Returns:
        A row a request: the columns of `PARTS`, and one a pool of somebody else's app, in ms, which
        add up to felt_ms; felt_ms, sent_ns, done_ns (int64), student, worker (pid as text, empty
        where unknown), outcome, and silent: whether neither an answer nor the app's log said where
        its time went, so that all but the generator's and the connection's part is estimated
        (bool).
    """
    places = np.flatnonzero(chosen)
    first = _decomposed(evidence, load, places[:AT_ONCE])
    names = list(first if only is None else only)
    if len(places) <= AT_ONCE:
        return first[names]
    whole = {name: np.zeros(len(places), first[name].to_numpy().dtype) for name in names}
    for begin in range(0, len(places), AT_ONCE):
        part = _decomposed(evidence, load, places[begin : begin + AT_ONCE]) if begin else first
        for name, column in whole.items():
            if column.dtype == object or part[name].any():  # memory of zeros takes no room
                column[begin : begin + len(part)] = part[name]
    return pd.DataFrame(whole, copy=False)


def _decomposed(evidence: Evidence, load: Load, chosen: Any) -> pd.DataFrame:
    """Return the decomposition of some requests, by their places."""
    rows = rows_told(evidence, _RECORDED, chosen)
    latency = evidence.latency.within(chosen)[["felt_ms", "generator_ms"]]
    felt = latency["felt_ms"].to_numpy()
    start_ns = integers(rows["intended_ns"])
    sent_ns = integers(rows["sent_ns"].fillna(rows["intended_ns"]))
    span = sent_ns, start_ns + np.nan_to_num(felt * 1e6).astype(np.int64)
    lag_ms = 1e3 * load.lag_s.mean(*span)
    lag_ms = np.where(lag_ms >= 1e3 * LATE_LOOP_S, lag_ms, 0.0)

    parts = {name: np.zeros(len(rows)) for name in PARTS}
    told = read_answers(rows, latency, ours=evidence.plan.target.ours)
    parts["generator"], parts["connect"], parts["rest"] = told.generator, told.connect, told.rest
    parts["app_loop"] += told.queue
    waits = _foreign(load, span, told.silent)
    silent = told.silent - sum(waits.values())
    inner = dict(told.inner)
    for name, times in _AWAITS.items():
        late = np.minimum(inner[name], times * lag_ms)
        parts["app_loop"] += late
        inner[name] = inner[name] - late
    postgres = load.pools.get("postgres")
    locked = postgres.locked.mean(*span) if postgres else np.zeros(len(rows))
    parts["lock_wait"] += inner["db"] * locked
    parts["database"] += inner["db"] * (1 - locked)
    parts["postgres_connect"] += inner["db_connect"]
    parts["redis_connect"] += inner["redis_connect"]
    parts["redis_server"] += inner["redis"]
    parts["external"] += inner["external"]
    parts["app_code"] += inner["own"]

    places = _whereabouts(load, span)
    awaited = waited_for(rows)
    late = evidence.requests["app_us"].iloc[chosen].isna().to_numpy(dtype=bool)
    """Those whose wait the log alone tells: it may have gone on after the student had left."""
    for name in CLIENT_POOLS:
        waited = np.where(awaited == name, inner["pool"], 0.0)
        inferred = silent * places.pop(name, 0.0) + np.where(late, waited, 0.0)
        waited = np.where(late, 0.0, waited)
        _share_out(parts, name, waited, inferred, load.pools.get(name), lag_ms / 1e3, span)
    for name, share in places.items():
        parts[name] += silent * share
    parts["target"] += np.where(told.unsaid, parts["unanswered"], 0.0)
    parts["unanswered"] = np.where(told.unsaid, 0.0, parts["unanswered"])
    return pd.DataFrame({**parts, **waits}, copy=False).assign(
        felt_ms=felt,
        sent_ns=span[0],
        done_ns=span[1],
        student=integers(rows["student"]),
        worker=rows["worker"].astype("object").fillna("").to_numpy(),
        outcome=rows["outcome"].astype("object").to_numpy(),
        silent=~told.answered & ~told.unsaid,
    )


def inferred_parts(decomposed: pd.DataFrame) -> list[str]:
    """Return the parts of which much is estimated, for the requests that had them were silent."""
    whole = decomposed[decomposed["silent"]]
    names = [name for name in parts_in(decomposed) if name not in RECORDED_PARTS]
    return [
        name
        for name in names
        if float(whole[name].sum()) > _MUCH * max(float(decomposed[name].sum()), 1e-9)
    ]


def parts_in(decomposed: pd.DataFrame) -> list[str]:
    """Return the parts that a decomposition has: `PARTS`, and pools of somebody else's app."""
    return [name for name in decomposed.columns if name not in _BESIDE]


def _foreign(load: Load, span: tuple[Any, Any], left: Any) -> dict[str, Any]:
    """Return the estimated waits for each pool of somebody else's app: together what is left, at
    most."""
    waits = {
        name: np.minimum(pool.estimate_ms(*span), left) for name, pool in load.foreign.pools.items()
    }
    total = sum(waits.values()) if waits else left
    fits = np.divide(left, total, out=np.ones(len(left)), where=total > left)
    return {name: wait * fits for name, wait in waits.items()}


def _whereabouts(load: Load, span: tuple[Any, Any]) -> dict[str, Any]:
    """Return where requests under way were in each span, as shares that add up to 1."""
    shares = {
        "app_loop": load.queued.mean(*span),
        "lock_wait": load.locked.mean(*span),
        "database": load.active.mean(*span),
        **{name: pool.pending.mean(*span) for name, pool in load.pools.items()},
    }
    over = np.maximum(sum(shares.values()), 1.0)  # the gauges are not of one instant
    shares = {name: share / over for name, share in shares.items()}
    return {**shares, "unanswered": 1 - sum(shares.values())}


def _share_out(
    parts: dict[str, Any],
    pool: str,
    told: Any,
    inferred: Any,
    load: PoolLoad | None,
    lag_s: Any,
    span: tuple[Any, Any],
) -> None:
    """Share the waits for a pool out among what its holders were busy with.

    Args:
        told: waits that answers told of.
        inferred: waits of requests that were never answered in time, in ms too.
    """
    wait = told + inferred
    if load is None or not wait.any():
        parts[pool] += wait
        return
    hold_s = load.hold_s.mean(*span)
    held = hold_s > 0
    loops = np.divide(2 * lag_s, hold_s, out=np.zeros(len(wait)), where=held).clip(0, 1)
    long = hold_s >= LONG_HOLD_S
    connecting = load.connecting.mean(*span) * (1 - loops)
    locked = np.minimum(load.locked.mean(*span) * (1 - loops), 1 - loops - connecting)
    working = np.where(long, load.active.mean(*span), 0.0) * (1 - loops)
    working = np.minimum(working, 1 - loops - connecting - locked)
    other = np.clip(1 - loops - connecting - locked - working, 0, None)
    parts["app_loop"] += told * loops
    parts[pool] += inferred * loops
    if pool in _CONNECTS:
        parts[_CONNECTS[pool]] += wait * connecting
    else:
        other = other + connecting
    parts["lock_wait"] += wait * locked
    parts["database"] += wait * working
    # Whoever holds the others' connections for long is at the far end.
    far = _FAR_ENDS.get(pool)
    if far is None:
        parts[pool] += wait * other
    else:
        parts[far] += np.where(long, told * other, 0.0)
        parts[pool] += np.where(long, inferred, wait) * other
