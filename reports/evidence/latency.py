"""Latency: what students felt at each step, free of coordinated omission, and where it went.

felt = done - intended, always split in generator = sent - intended and system = done - sent;
read lag = read - done is part of none of them. All in milliseconds. When a request was done, and
which requests count in percentiles, is for `records.requests.latency` to say: all that somebody
waited for, those that failed too; a connection never made is in the system's part as well, for
`sent_ns` is then its first packet. The requests that were answered well have a percentile of their
own.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.tables import ABANDONED
from dress_rehearsal.reports.evidence.interval import AT_ONCE, Interval, percentile_interval
from dress_rehearsal.reports.evidence.latency_table import LatencyTable
from dress_rehearsal.reports.numbers import (
    few_beyond,
    integers,
    known,
    percentile,
    percentiles,
    rounded,
    span_ms,
)
from dress_rehearsal.reports.part import StepAnswers
from dress_rehearsal.reports.schema import Latency

_Name = TypeVar("_Name")

FELT: Final = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99_9": 99.9, "max": 100.0}
"""The percentiles of what students felt, by their names in the verdict."""

ESTIMATES: Final = {
    "p50": Fraction(1, 2),
    "p90": Fraction(9, 10),
    "p99": Fraction(99, 100),
    "p99_9": Fraction(999, 1000),
    "system_p99": Fraction(99, 100),
    "good_p99": Fraction(99, 100),
}
"""The numbers of `Latency` that chance has a part in, each with the share it is the percentile of.
The maximum is none: it happened."""

_ABOUT_P99: Final = ("system_p99", "p99_low", "p99_high")
"""Numbers of `Latency` that say something about a p99 with given-up requests in it."""

_NEVER_MS: Final = 1e16
"""What stands for a request that is waited for for ever; more than any run takes."""

_AT_ONCE: Final = 1 << 18
"""Rows that are worked out together: of millions each step would take as much room again."""

_OF_A_STEP: Final = ["student", "felt_ms", "system_ms", "answered"]
"""What a step's numbers are taken from."""

PARTS: Final = (
    "queue",
    "pool",
    "db_connect",
    "db",
    "redis_connect",
    "redis",
    "external",
    "app",
)
"""Server-Timing's parts; `app` is the total in the app, the others are within or before it."""


def read_lag_ms(requests: pd.DataFrame) -> NDArray[np.float64]:
    """Return how long after its arrival each answer was read, in ms; NaN where that is not known.

    It is no column of the table: no latency has it in it, and hardly anybody asks.
    """
    lag_ms = np.empty(len(requests))
    for first in range(0, len(lag_ms), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        own = (requests[name].iloc[part] for name in ("read_ns", "done_ns"))
        lag_ms[part] = span_ms(*(integers(each, missing=-1) for each in own))
    return lag_ms


def part_ms(requests: pd.DataFrame, part: str) -> NDArray[np.float64]:
    """Return what each request spent on one of `PARTS`, in ms; NaN where the target did not say."""
    column = requests[f"{part}_us"]
    spent: NDArray[np.float64] = column.to_numpy("float64", copy=True, na_value=np.nan)
    spent /= 1e3
    return spent


def latency_by_step(frame: LatencyTable, seed: int, steps: Steps) -> dict[str, Latency]:
    """Return the exact percentiles of every step of the scenario, then of any others.

    Args:
        seed: of the draws behind the 95% interval of p99.
    """
    words, counts = pd.Categorical(frame["step"]), frame["counts"].to_numpy(dtype=bool)
    codes = {str(step): code for code, step in enumerate(words.categories)}
    every = np.bincount(words.codes[counts & (words.codes >= 0)], minlength=len(codes))
    asked = [step for step, code in codes.items() if every[code]]

    def of_step(step: str) -> Latency:
        return _latency(step, frame, counts & (words.codes == codes.get(step, -2)), seed)

    named = steps.in_order(asked)
    with ThreadPoolExecutor(AT_ONCE) as beside:  # numpy reckons without the GIL
        return dict(zip(named, beside.map(of_step, named), strict=True))


def latency_within(frame: LatencyTable, begin_s: float | None, end_s: float | None) -> LatencyTable:
    """Return the requests that were meant from one moment up to another, in seconds from T-0.

    Args:
        begin_s, end_s: None: that end is open. Without a T-0 no request is within.
    """
    meant_s = frame.values("intended_s")
    within = ~np.isnan(meant_s)
    if begin_s is not None:
        within &= meant_s >= begin_s
    if end_s is not None:
        within &= meant_s < end_s
    return frame.within(within)


def latency_of(frame: LatencyTable, step: str, seed: int) -> Latency:
    """Return one step's percentiles, those of `latency_by_step`."""
    return _latency(step, frame, _counting(frame, step), seed)


def latency_interval(frame: LatencyTable, step: str, field: str, seed: int) -> Interval | None:
    """Return the 95% interval of one of a step's `ESTIMATES` in ms, None where there is none."""
    rows = frame.loc[frame["counts"] & (frame["step"] == step), _OF_A_STEP]
    return _interval(step, rows, field, seed)


def requests_behind(latency: Latency, field: str) -> int:
    """Return how many requests one of a step's numbers is taken from."""
    return latency.count - latency.failed if field == "good_p99" else latency.count


def requests_needed(field: str) -> int:
    """Return of how many requests at least one of a step's numbers is more than their maximum."""
    return math.ceil(1 / (1 - ESTIMATES[field])) if field in ESTIMATES else 1


def at_least(latency: Latency, field: str, end: float | None = None) -> bool:
    """Return whether one of a step's numbers is a lower bound: as much as a request took that was
    given up, or more.

    Had that one been waited for, the number might be larger: given up need not be the slowest, for
    the end of the run cuts those that were sent last. Of a latency that a version of before wrote,
    which does not say how long they were waited for, they are taken for the slowest.

    Args:
        end: is taken for the number: an end of its interval.
    """
    share = _share(field)
    if share is None or not latency.given_up:
        return False
    if latency.given_up_least is None:
        return _has_no_end(latency, share)
    system = field == "system_p99"
    # None: those given up had not been sent, and are in no number of the system's part.
    least = latency.given_up_system_least if system else latency.given_up_least
    value = getattr(latency, field) if end is None else end
    return least is not None and value is not None and bool(least <= value)


def _has_no_end(latency: Latency, share: float) -> bool:
    """Return whether a percentile, in per cent, might be without end: had the requests that were
    given up been waited for for ever, it would be one of them."""
    rank = math.ceil(share / 100 * (latency.count - 1) - 1e-9)
    return latency.given_up > 0 and rank >= latency.count - latency.given_up


def _share(field: str) -> float | None:
    """Return in per cent the share that a number which has given-up requests in it is of."""
    return FELT.get("p99" if field in _ABOUT_P99 else field)


def if_never_answered(
    frame: LatencyTable, step: str, field: str, seed: int
) -> tuple[float, Interval | None]:
    """Return one of a step's `ESTIMATES` in ms and its 95% interval, had the requests that were
    given up been waited for for ever: infinite where it falls among them.

    It is as large as it can be then; as it was measured it is as small as it can be.
    """
    rows = frame.loc[frame["counts"] & (frame["step"] == step), [*_OF_A_STEP, "given_up"]]
    own = _felt(rows, field)
    times = own["system_ms" if field == "system_p99" else "felt_ms"]
    values = times.mask(own["given_up"], _NEVER_MS).to_numpy()
    students = own["student"].to_numpy()
    interval = _interval_of(step, values, students, field, seed)
    most = rounded(percentile(values, float(100 * ESTIMATES[field])))
    assert most is not None
    ends = None if interval is None else (_endless(interval[0]), _endless(interval[1]))
    return _endless(most), ends


def _endless(value: float) -> float:
    """Return a time of which `_NEVER_MS` is any part as infinite."""
    return math.inf if value > _NEVER_MS / 1e4 else value


def grows_by_waiting(field: str) -> bool:
    """Return whether one of a step's numbers might be larger had given-up requests been waited
    for."""
    return _share(field) is not None


def slowest_step(latency_ms: Mapping[_Name, Latency]) -> _Name | None:
    """Return the step with the largest p99, None where none has one: before all others one whose
    p99 might be without end, for how slow that is nobody knows. Another lower bound is as slow as
    it is known to be: a single request that was cut makes it one."""

    def slow(step: _Name) -> tuple[bool, float]:
        own = latency_ms[step]
        return _has_no_end(own, FELT["p99"]), own.p99 or 0.0

    known = (step for step, own in latency_ms.items() if own.p99 is not None)
    return max(known, key=slow, default=None)


def says_little(latency: Latency, field: str) -> bool:
    """Return whether a percentile has too few requests beyond it: fewer than five."""
    behind = requests_behind(latency, field)
    return behind > 0 and field in ESTIMATES and few_beyond(behind, ESTIMATES[field])


def answers_by_step(frame: LatencyTable, steps: Steps) -> dict[str, StepAnswers]:
    """Return what came of the requests of every step of the scenario, then of any others."""
    words, wanted = pd.Categorical(frame["step"]), ~frame["abandoned"].to_numpy(dtype=bool)
    wanted &= words.codes >= 0
    bad = wanted & ~frame["answered"].to_numpy(dtype=bool)
    sent, failed = (_by_word(words, which) for which in (wanted, bad))
    return {step: _answers(sent.get(step, 0), failed.get(step, 0)) for step in steps.in_order(sent)}


def system_ms(frame: LatencyTable, step: str, field: str) -> float | None:
    """Return a felt percentile's counterpart in the system's part alone, None without requests.

    Args:
        field: one of `FELT`, or `good_p99`; for `p99` this is the verdict's `system_p99`.
    """
    rows = frame.loc[frame["counts"] & (frame["step"] == step), _OF_A_STEP]
    rows = _felt(rows, field)
    share = FELT["p99" if field == "good_p99" else field]
    return rounded(percentile(rows["system_ms"].dropna().to_numpy(), share))


def unanswered_by_step(frame: LatencyTable, steps: Steps) -> pd.DataFrame:
    """Count the requests of each step that got no good answer: columns failed, unknown, abandoned.

    Abandoned are those whose student needed the answer no more: a countdown poll at T-0, a login
    when the student's other device had its answer. The others that are unknown had been wanted.
    """
    words = ["failed", "unknown", ABANDONED]
    bad = frame.loc[frame["outcome"].isin(words), ["step", "outcome", "abandoned"]]
    bad = bad.astype({"step": "object", "outcome": "object"})
    ends = bad["outcome"].mask(bad["abandoned"], ABANDONED)
    table = pd.crosstab(bad["step"], ends) if len(bad) else pd.DataFrame()
    names = list(steps.in_order(table.index))
    return table.reindex(index=names, columns=words, fill_value=0).astype(int)


def server_parts(
    frame: LatencyTable, requests: pd.DataFrame, shares: Sequence[float]
) -> list[pd.DataFrame]:
    """Return percentiles of each part that the server says its time went to, a row a step.

    Percentiles of parts do not add up to the percentile of the whole.

    Returns:
        A frame for each percentile: index step; columns queue_ms … app_ms, NaN where none is said.
    """
    columns = [f"{part}_ms" for part in PARTS]
    words, counted = pd.Categorical(frame["step"]), frame["counts"].to_numpy(dtype=bool)
    places = (
        np.flatnonzero(counted & (words.codes == code)).astype(np.int32)
        for code in range(len(words.categories))
    )
    rows = {step: own for step, own in zip(words.categories, places, strict=True) if len(own)}
    steps = sorted(rows, key=lambda step: rows[step][0])
    found = np.full((len(shares), len(steps), len(columns)), np.nan)
    for column, part in enumerate(PARTS):
        spent_us: Any = requests[f"{part}_us"].array
        if spent_us.isna().all():
            continue
        for place, step in enumerate(steps):
            own = spent_us[rows[step]].dropna().to_numpy("int64")
            if len(own):
                found[:, place, column] = [us / 1e3 for us in percentiles(own, shares)]
    return [pd.DataFrame(each, index=pd.Index(steps), columns=columns) for each in found]


def latency_spectrum(frame: LatencyTable, step: str) -> pd.DataFrame:
    """Return the percentile spectrum of one step, from the median out to ever more nines.

    Returns:
        Columns nines (-log10 of what is above; the maximum counts as one in all), felt_ms,
        system_ms. Empty without requests.
    """
    which = _counting(frame, step)
    number = int(which.sum())
    if not number:
        return pd.DataFrame(columns=["nines", "felt_ms", "system_ms"], dtype=float)
    deepest = max(np.log10(number), 0.31)
    nines = np.append(np.arange(0.0, deepest, 0.05), deepest)
    shares = 100 * (1 - 10.0**-nines)
    felt, system = (
        percentiles(known(frame.values(name, which)), shares) for name in ("felt_ms", "system_ms")
    )
    return pd.DataFrame({"nines": nines, "felt_ms": felt, "system_ms": system})


def _counting(frame: LatencyTable, step: str) -> NDArray[np.bool_]:
    """Return which requests of a step belong in percentiles."""
    which: NDArray[np.bool_] = (frame["counts"] & (frame["step"] == step)).to_numpy(dtype=bool)
    return which


def _latency(step: str, frame: LatencyTable, which: NDArray[np.bool_], seed: int) -> Latency:
    """Return one step's percentiles, of some rows: a column after the other, for each is large."""
    felt, students = frame.values("felt_ms", which), frame.values("student", which)
    interval = _interval_of(step, felt, students, "p99", seed)
    del students
    low, high = (None, None) if interval is None else interval
    felt_at = percentiles(felt, [*FELT.values()])
    answered = frame.values("answered", which)
    good_p99 = percentile(felt if answered.all() else felt[answered], 99)
    given_up = frame.values("given_up", which)
    given_up_least = _least(felt[given_up])
    del felt
    system = frame.values("system_ms", which)
    given_up_system_least = _least(known(system[given_up]))
    system_p99 = percentile(known(system), 99)
    return Latency(
        count=len(answered),
        failed=int((~answered).sum()),
        given_up=int(given_up.sum()),
        given_up_least=given_up_least,
        given_up_system_least=given_up_system_least,
        **{field: rounded(value) for field, value in zip(FELT, felt_at, strict=True)},
        p99_low=low,
        p99_high=high,
        good_p99=rounded(good_p99),
        system_p99=rounded(system_p99),
    )


def _least(values: NDArray[np.float64]) -> float | None:
    return rounded(float(values.min())) if len(values) else None


def _felt(rows: pd.DataFrame, field: str) -> pd.DataFrame:
    """Return those of a step's counting requests that one of its numbers is taken from."""
    if field == "system_p99":
        return rows[rows["system_ms"].notna()]
    return rows[rows["answered"]] if field == "good_p99" else rows


def _interval(step: str, rows: pd.DataFrame, field: str, seed: int) -> Interval | None:
    if field not in ESTIMATES:
        return None
    own = _felt(rows, field)
    values = own["system_ms" if field == "system_p99" else "felt_ms"].to_numpy()
    return _interval_of(step, values, own["student"].to_numpy(), field, seed)


def _interval_of(
    step: str, values: NDArray[np.float64], students: NDArray[np.int64], field: str, seed: int
) -> Interval | None:
    # A step's draws are its own, whichever other steps the run has.
    drawn_by = (seed, zlib.crc32(step.encode()))
    return percentile_interval(values, students, ESTIMATES[field], drawn_by)


def _by_word(words: pd.Categorical, which: NDArray[np.bool_]) -> dict[str, int]:
    """Return how often each word is among some of a column's, of which none is null."""
    often = np.bincount(words.codes[which], minlength=len(words.categories)).tolist()
    return {
        str(word): number for word, number in zip(words.categories, often, strict=True) if number
    }


def _answers(count: int, failed: int) -> StepAnswers:
    share = rounded(failed / count, 6) if count else None
    return StepAnswers(count=count, failed=failed, failed_share=share)
