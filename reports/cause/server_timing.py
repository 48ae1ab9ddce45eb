"""What answers themselves say of where their requests' time went, in the decomposition's words.

Of the reference app the log says it too, where no student got the answer (`requests.logged`). The
parts of `Server-Timing`, beside what the generator recorded; they add up to what was felt too.
The decomposition starts from them and counts each to what made it long
(`reports.cause.decomposition`), so that the same milliseconds may have another name there:

app_loop     waiting for a worker (`queue`)
postgres …   waiting for a connection of that pool (`pool`)
database, redis_server: in the store (`db`, `redis`); postgres_connect, redis_connect: until a new
             connection to it was there
external     in a neighbour of the app
app_code     what is left of the app's total (`app`)
target, unanswered: the answer says nothing, or there was none and no log knows of one
generator, connect, rest: as in the decomposition
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from dress_rehearsal.records.requests.logged import UNSAID, request_keys
from dress_rehearsal.records.tables import CLIENT_POOLS
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import PARTS as SAID
from dress_rehearsal.reports.evidence.latency import part_ms
from dress_rehearsal.reports.numbers import integers

AT_ONCE: Final = 100_000
"""Requests that are looked at together: of millions each step would take as much room again."""
_INNER: Final = {
    "db": "database",
    "db_connect": "postgres_connect",
    "external": "external",
    "redis": "redis_server",
    "redis_connect": "redis_connect",
}
"""Server-Timing's parts within the app, but the pool's, in the decomposition's words."""
_OUTERMOST_FIRST: Final = (*_INNER, "pool")
RECORDED: Final = (
    *("connect_us", "new_connection", "pool", "status"),
    *(f"{part}_us" for part in SAID),
)
"""What is read of a request itself; felt_ms and generator_ms are in `evidence.latency`."""


class Answers(NamedTuple):
    """What is known of some requests by themselves: arrays in ms, a value a request.

    Attributes:
        silent: what is left of those whose answer says nothing, or that had none.
        queue: until the app took them up; rest: on the way back.
        inner: the app's own, by `Server-Timing`'s words and `own`: each counted once.
        answered: whether an answer says where the time went (bool).
        unsaid: whether it says nothing, but there was one, of somebody else's app (bool).
    """

    generator: Any
    connect: Any
    silent: Any
    queue: Any
    rest: Any
    inner: dict[str, Any]
    answered: Any
    unsaid: Any


def rows_told(evidence: Evidence, names: Sequence[str], places: Any) -> pd.DataFrame:
    """Return some columns of some requests, with what the app's log says of those that had no
    answer.

    Args:
        names: of columns; those of `RECORDED` at least.
        places: which rows of `evidence.requests`.
    """
    rows = evidence.requests[[*names]].iloc[places]
    logged = evidence.logged
    if not len(logged.keys):
        return rows
    asked = evidence.requests[["student", "seq"]].iloc[places]
    keys = request_keys(*(integers(asked[name]) for name in ("student", "seq")))
    found = np.where(rows["app_us"].isna(), logged.places(keys), UNSAID)
    own = np.flatnonzero(found != UNSAID)
    if not len(own):
        return rows
    made: dict[str, Any] = {}
    for name in (each for each in names if each in logged.columns):
        words = logged.columns[name].dtype == object
        made[name] = rows[name].astype("object").to_numpy(copy=True) if words else _us(rows[name])
        made[name][own] = logged.columns[name][found[own]]
    return rows.assign(**made)


def _us(column: "pd.Series[Any]") -> Any:
    return column.to_numpy("float64", copy=True, na_value=np.nan)


def read_answers(rows: pd.DataFrame, latency: pd.DataFrame, *, ours: bool) -> Answers:
    """Return what requests say of themselves; parts told twice are in the inner one alone, as far
    as they are more than the app's total.

    Of what took the app longer than anybody waited (as its log says) as much of each part counts as
    of the whole: in which order they came it does not say.

    Args:
        rows: the columns of `RECORDED`.
        latency: felt_ms and generator_ms, of the same rows.
        ours: whether the target is the reference app.
    """
    felt = latency["felt_ms"].to_numpy()
    generator = np.clip(np.nan_to_num(latency["generator_ms"].to_numpy()), 0, felt)
    left = felt - generator
    took = rows["connect_us"].to_numpy("float64", na_value=np.inf) / 1e3
    opened = rows["new_connection"].fillna(False).to_numpy(dtype=bool)
    connect = np.where(opened, np.minimum(took, left), 0.0)
    left = left - connect
    answered = rows["app_us"].notna().to_numpy(dtype=bool)
    unsaid = np.zeros(len(rows), dtype=bool)
    if not ours:
        unsaid = (rows["status"].fillna(0) > 0).to_numpy(dtype=bool)
    silent, left = np.where(answered, 0.0, left), np.where(answered, left, 0.0)
    queue = np.minimum(_told(rows, "queue"), left)
    whole = _told(rows, "app")
    app = np.minimum(whole, left - queue)
    waited = np.divide(app, whole, out=np.ones(len(rows)), where=whole > 0)
    inner = {name: _told(rows, name) * waited for name in _OUTERMOST_FIRST}
    too_much = sum(inner.values()) - app
    for name in _OUTERMOST_FIRST:
        less = np.clip(too_much, 0, inner[name])
        inner[name], too_much = inner[name] - less, too_much - less
    inner["own"] = np.clip(app - sum(inner.values()), 0, None)
    return Answers(generator, connect, silent, queue, left - queue - app, inner, answered, unsaid)


def waited_for(rows: pd.DataFrame) -> Any:
    """Return the name of the pool that each request's wait was for (object array)."""
    return rows["pool"].astype("object").fillna("postgres").to_numpy()


def said_parts(evidence: Evidence, places: Any) -> pd.DataFrame:
    """Return where some requests' time went as their answers say it.

    Args:
        places: which rows of `evidence.requests`.

    Returns:
        A row a request, in ms: `generator`, `connect`, `app_loop`, each pool, the stores and
        `external`, `app_code`, `target`, `unanswered`, `rest`; they add up to what was felt.
    """
    rows = rows_told(evidence, RECORDED, places)
    latency = evidence.latency.within(places)[["felt_ms", "generator_ms"]]
    told = read_answers(rows, latency, ours=evidence.plan.target.ours)
    pools = waited_for(rows)
    return pd.DataFrame(
        {
            "generator": told.generator,
            "connect": told.connect,
            "app_loop": told.queue,
            **{name: np.where(pools == name, told.inner["pool"], 0.0) for name in CLIENT_POOLS},
            **{word: told.inner[name] for name, word in _INNER.items()},
            "app_code": told.inner["own"],
            "target": np.where(told.unsaid, told.silent, 0.0),
            "unanswered": np.where(told.unsaid, 0.0, told.silent),
            "rest": told.rest,
        },
        copy=False,
    )


def said_means(evidence: Evidence, places: Any) -> dict[str, float]:
    """Return the mean of each of `said_parts` over some requests, in ms; empty without any."""
    sums = sum(_sums(evidence, places))
    return {} if isinstance(sums, int) else (sums / len(places)).to_dict()


def _sums(evidence: Evidence, places: Any) -> Iterator["pd.Series[float]"]:
    for begin in range(0, len(places), AT_ONCE):
        yield said_parts(evidence, places[begin : begin + AT_ONCE]).sum()


def _told(rows: pd.DataFrame, part: str) -> Any:
    return np.nan_to_num(part_ms(rows, part))
