"""The forecast: how many requests a plan's timetable will send, and in which second most of them.

First tries only, on every device, by the medians of human delays: what is tried again, polled for
after a purchase or followed is up to the target's answers and comes on top.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.scenarios.timetable import LATE, draw_timetable

_NEAR_S: Final = 1.0
_Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of every student's way: how often it comes, and its busiest second.

    Attributes:
        name: the scenario's method, such as `buy`.
        peak: how many in the busiest second.
        peak_s: when that second begins, from T-0.
    """

    name: str
    count: int
    peak: int
    peak_s: float


def forecast(plan: Plan, people: Sequence[Person]) -> list[Moment]:
    """Return the moments of a rush in their order, and all of them together as `together`."""
    timetable = draw_timetable(plan, people)
    habits = plan.students
    devices = timetable.devices.astype(np.int64)
    arrive = timetable.arrival_s
    ready = arrive + habits.typing
    late = timetable.journey == LATE
    log_in = np.where(timetable.login_before | late, ready, np.maximum(timetable.login_at_s, ready))
    buy = np.where(late, log_in, np.maximum(timetable.click_s, log_in))
    clicks = devices + timetable.copies
    times = {
        "arrive": np.repeat(arrive, devices),
        "log_in": np.repeat(log_in, devices),
        "wait": _polls(np.repeat(arrive, devices), habits.countdown_poll),
        "buy": np.repeat(buy, clicks),
    }
    times["together"] = np.concatenate(list(times.values()))
    return [_moment(name, when) for name, when in times.items()]


def _polls(arrive: _Times, every_s: float) -> _Times:
    """Return when those who wait ask how long it still is: from their arrival to T-0."""
    waiting = arrive[arrive < 0]
    counts = np.maximum(np.ceil(-waiting / every_s), 0).astype(np.int64)
    begun = np.repeat(np.cumsum(counts) - counts, counts)
    turn = np.arange(counts.sum()) - begun
    return np.repeat(waiting, counts) + turn * every_s


def _moment(name: str, when: _Times) -> Moment:
    if not when.size:
        return Moment(name, 0, 0, 0.0)
    begin = np.floor(when / _NEAR_S).astype(np.int64)
    seconds, counts = np.unique(begin, return_counts=True)
    busiest = int(np.argmax(counts))
    return Moment(name, len(when), int(counts[busiest]), float(seconds[busiest]) * _NEAR_S)
