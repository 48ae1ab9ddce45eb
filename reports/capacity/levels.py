"""Levels: stretches of a run in which one load lasted, and whether throughput was steady in them.

A rush at one instant has none: what comes of it is a queue that is emptied. Students who come by
rates have one for each rate, and the users of a Locust file one from when the last was begun.

Steady is a level in which neither the answers a second nor the requests under way have a trend: the
straight line through their seconds (least squares) changes by no more than a tenth of the mean from
one end to the other, or by no more than chance makes of such a line. The first fifth of a stretch,
in which what was before still shows, is left out. Where more comes than is answered, what is under
way grows: that is no level, however even the answers are.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.plans import Plan
from dress_rehearsal.reports.capacity.schema import Level
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import rounded

_LEFT_OUT: Final = 0.2
_LATEST: Final = 0.8
"""Who arrives after T-0 does so within this share of the sale (`scenarios.timetable`)."""
_MOST_ARE_LATE: Final = 0.9
"""From this share of students on that come by rates, the others are no load of their own."""
_FEWEST_S: Final = 5
_TREND: Final = 0.1
_SURE: Final = 2.5
"""A slope of so many standard errors is no chance: about 95% for some ten seconds."""

Floats = NDArray[np.float64]


class Levels(NamedTuple):
    """The steady levels of a run, and how many stretches were not steady."""

    steady: tuple[Level, ...]
    not_steady: int


def levels_of(evidence: Evidence) -> Levels:
    """Return the steady levels of a run; none where it never began, or no load lasted."""
    if evidence.t0_ns is None or evidence.requests.empty:
        return Levels((), 0)
    sent_s, over_s, answered = _times(evidence)
    steady, others = [], 0
    for begin_s, end_s in stretches(evidence.plan):
        seconds = np.arange(begin_s + _LEFT_OUT * (end_s - begin_s), end_s + 1e-6, 1.0)
        if len(seconds) <= _FEWEST_S:
            others += 1
            continue
        answers = np.histogram(over_s[answered], seconds)[0].astype(np.float64)
        under_way = _under_way(sent_s, over_s, seconds)
        if not answers.any() or has_trend(answers) or has_trend(under_way):
            others += 1
            continue
        steady.append(
            Level(
                run=evidence.run,
                from_s=rounded(seconds[0]) or 0.0,
                until_s=rounded(seconds[-1]) or 0.0,
                in_flight=rounded(float(under_way.mean()), 4) or 0.0,
                answers_per_s=rounded(float(answers.mean())) or 0.0,
            )
        )
    return Levels(tuple(steady), others)


def stretches(plan: Plan) -> Iterator[tuple[float, float]]:
    """Yield from when to when the same load lasts by the plan, in seconds from T-0 (of a Locust
    file, from its start)."""
    if plan.load is not None:
        begun_s = (plan.load.users or 1) / (plan.load.spawn_rate or 1.0)
        if plan.load.run_time is not None and begun_s < plan.load.run_time:
            yield begun_s, plan.load.run_time
        return
    habits = plan.students
    if not habits.late_rates or habits.late * (1 - habits.late_tail) < _MOST_ARE_LATE:
        return
    open_s = plan.schedule.sale - habits.last_slot_s(plan.event.students)
    _, by_s = habits.late_course(_LATEST * open_s)
    yield from pairwise(by_s)


def has_trend(values: Floats) -> bool:
    """Return whether the straight line through values at even distances rises or falls by more than
    a tenth of their mean, and by more than chance makes of it."""
    number = len(values)
    x = np.arange(number) - (number - 1) / 2
    slope = float(x @ values) / float(x @ x)
    changes = abs(slope) * (number - 1)
    if changes <= _TREND * abs(float(values.mean())):
        return False
    left = values - values.mean() - slope * x
    error = float(np.sqrt(left @ left / (number - 2) / (x @ x)))
    return abs(slope) > _SURE * error


def _times(evidence: Evidence) -> tuple[Floats, Floats, Any]:
    """Return of every request that was sent when that was and when it was over (s from zero; never:
    infinity), and which were answered."""
    rows, timeline = evidence.requests, evidence.timeline
    sent_s = timeline.seconds(rows["sent_ns"])
    over_s = timeline.seconds(rows["done_ns"].fillna(rows["read_ns"]))
    answered = evidence.latency["answered"].to_numpy(dtype=bool) & ~np.isnan(over_s)
    there = ~np.isnan(sent_s)
    return sent_s[there], np.nan_to_num(over_s[there], nan=np.inf), answered[there]


def _under_way(sent_s: Floats, over_s: Floats, seconds: Floats) -> Floats:
    """Return how many requests were under way in each second, on average over it."""
    begun, over = np.sort(sent_s), np.sort(over_s)
    return np.array(
        [
            _time_since(begun, begin_s, end_s) - _time_since(over, begin_s, end_s)
            for begin_s, end_s in pairwise(seconds)
        ]
    ) / np.diff(seconds)


def _time_since(moments_s: Floats, begin_s: float, end_s: float) -> float:
    """Return how much of a span lies after each moment, added up over the moments."""
    first, last = np.searchsorted(moments_s, [begin_s, end_s])
    inside = moments_s[first:last]
    return float(first * (end_s - begin_s) + (end_s - inside).sum())
