"""The forecast: when a plan's timetable will send requests, and in which moment most of them.

First tries only, on every device, by the medians of human delays and as if every answer came at
once: what is tried again, polled for after a purchase or followed is up to the target's answers
and comes on top.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.scenarios.habits import Habits, habits_of
from dress_rehearsal.scenarios.timetable import BOT, LATE, Timetable, draw_timetable

_NEAR_S: Final = 1.0
_LAST_MINUTE_S: Final = 60.0
Times = NDArray[np.float64]
"""Moments, in seconds from T-0."""
TOGETHER: Final = "together"


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of every student's way: how often it comes, and its busiest span.

    Attributes:
        name: the scenario's method, such as `buy`.
        peak: how many in the busiest span.
        peak_s: when that span begins, from T-0.
    """

    name: str
    count: int
    peak: int
    peak_s: float


def forecast(plan: Plan, people: Sequence[Person]) -> list[Moment]:
    """Return the moments of a rush in their order, and all of them together as `together`."""
    return [busiest(name, when) for name, when in planned_times(plan, people).items()]


def planned_times(plan: Plan, people: Sequence[Person]) -> dict[str, Times]:
    """Return when requests are planned, by the scenario's method; all of them as `together`.

    `reload` is `arrive` once more, in a refresh storm. Methods that a plan has no use for are left
    out.
    """
    timetable, habits = draw_timetable(plan, people), habits_of(plan)
    students, late = plan.students, timetable.journey == LATE
    devices = timetable.devices.astype(np.int64)
    arrive = timetable.arrival_s
    ready = arrive + students.typing
    log_in = np.where(timetable.login_before | late, ready, np.maximum(timetable.login_at_s, ready))
    buy = np.where(late, log_in, np.maximum(timetable.click_s, log_in))
    is_room = plan.app.waiting_room != "off"
    reloads = ~late & (timetable.journey != BOT) & habits.refreshes & (not is_room)
    times = {
        "arrive": np.repeat(arrive, devices),
        "reload": _reloads(plan, timetable, habits, reloads),
        "log_in": np.repeat(log_in, devices),
        "wait": np.empty(0) if is_room else _waiting(plan, timetable, habits, reloads),
        "join": np.repeat(log_in, devices) if is_room else np.empty(0),
        "buy": np.repeat(_let_in(plan, log_in, buy), devices + timetable.copies),
    }
    named = {name: when for name, when in times.items() if when.size}
    return {**named, TOGETHER: np.concatenate([np.empty(0), *named.values()])}


def busiest(name: str, when: Times, span_s: float = _NEAR_S) -> Moment:
    """Return how often a moment comes, and its busiest span of so many seconds."""
    if not when.size:
        return Moment(name, 0, 0, 0.0)
    begin = np.floor(when / span_s + 1e-9).astype(np.int64)
    spans, counts = np.unique(begin, return_counts=True)
    most = int(np.argmax(counts))
    return Moment(name, len(when), int(counts[most]), round(float(spans[most]) * span_s, 6))


def _let_in(plan: Plan, log_in: Times, buy: Times) -> Times:
    """Return when students click: behind a waiting room one after another, from T-0 on."""
    if plan.app.waiting_room == "off":
        return buy
    order = np.argsort(log_in, kind="stable")
    turn_s = np.empty_like(buy)
    turn_s[order] = np.arange(len(buy)) / plan.app.admission_rate
    return np.maximum(buy, turn_s)


def _waiting(plan: Plan, timetable: Timetable, habits: Habits, reloads: NDArray[np.bool_]) -> Times:
    """Return when those who wait ask how long it still is: until they reload, or until T-0."""
    students, opens = plan.students, habits.slot_s
    waits = timetable.journey != LATE
    bots = timetable.journey == BOT
    until = opens - np.where(reloads, students.refresh_from, np.where(bots, students.bots_from, 0))
    arrive = timetable.arrival_s
    slow = until if students.last_poll is None else np.minimum(until, opens - _LAST_MINUTE_S)
    parts = [_asked(arrive[waits], slow[waits], students.countdown_poll)]
    if students.last_poll is not None:
        begin = np.maximum(arrive, slow)
        parts.append(_asked(begin[waits], until[waits], students.last_poll))
    begin = np.maximum(arrive, until)
    parts.append(_asked(begin[bots], opens[bots], students.bot_pause))
    return np.concatenate(parts)


def _reloads(plan: Plan, timetable: Timetable, habits: Habits, who: NDArray[np.bool_]) -> Times:
    """Return when pages are reloaded: from before T-0 until the first one after it."""
    students = plan.students
    phase_s = timetable.chances[who, 0] * students.refresh_every
    opens = habits.slot_s[who]
    begin = np.maximum(timetable.arrival_s[who], opens - students.refresh_from) + phase_s
    return _asked(begin, opens + students.refresh_every, students.refresh_every)


def _asked(begin: Times, until: Times, every_s: float) -> Times:
    """Return when somebody asks who does so in turns, from a begin to an end of each own."""
    counts = np.maximum(np.ceil((until - begin) / every_s), 0).astype(np.int64)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    turn = np.arange(counts.sum()) - first
    return np.repeat(begin, counts) + turn * every_s
