"""The forecast: when a plan's timetable will send requests, and in which moment most of them.

First tries only, on every device, by the medians of human delays and as if every answer came at
once: what is tried again, polled for after a purchase or followed is up to the target's answers
and comes on top.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.plans import Person, Plan, PlanError
from dress_rehearsal.plans.sections.students import Students
from dress_rehearsal.scenarios.habits import habits_of
from dress_rehearsal.scenarios.kind import moments_of
from dress_rehearsal.scenarios.timetable import BOT, LATE, draw_timetable

_NEAR_S: Final = 1.0
_LAST_MINUTE_S: Final = 60.0
_RARER_POLLS: Final = 3
"""These are `scenarios.students.countdown`'s: in the last minute some ask more often, and further
devices ask so many times less often."""
_OPENED_APART: Final = 0.05
_CLICKS_APART_S: Final = 0.025
_COPIES_APART_S: Final = 0.175
"""And these the medians of what `scenarios.students.device` draws: how much later, as a share of
the lead, a further device opens the page; how much later it clicks; and a copy of a click."""
Times = NDArray[np.float64]
"""Moments, in seconds from T-0."""
TOGETHER: Final = "together"
_METHODS: Final = {"reload": "arrive"}
"""Of moments that are not called as their method is."""


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


def hedge(plan: Plan) -> str | None:
    """Return in a sentence what of a forecast the plan's scenario may not have; None: it has all
    of it."""
    if plan.bundled or _defined(plan) is not None:
        return None
    return (
        "Each of these as far as the scenario defines it, which is known once it runs: a method "
        "that it lacks is not played."
    )


def forecast(plan: Plan, people: Sequence[Person]) -> list[Moment]:
    """Return the moments of a rush in their order, and all of them together as `together`."""
    return [busiest(name, when) for name, when in planned_times(plan, people).items()]


def planned_times(plan: Plan, people: Sequence[Person]) -> dict[str, Times]:
    """Return when requests are planned, by the scenario's method; all of them as `together`.

    `reload` is `arrive` once more, in a refresh storm. Methods that a plan has no use for are left
    out, and so are those that the plan's scenario certainly lacks.
    """
    crowd, students, defined = _Crowd.of(plan, people), plan.students, _defined(plan)
    is_room = plan.app.waiting_room != "off" if defined is None else "queue" in defined
    waits = ~crowd.late & ~(crowd.before & is_room)  # else they wait in the queue
    reloads = waits & crowd.own & crowd.refreshes & ~crowd.bots
    reload_from = np.maximum(crowd.here, crowd.opens - students.refresh_from) + crowd.phase
    opened = reload_from + _turns(crowd.opens - reload_from, students.refresh_every)
    due = np.where(reloads, np.maximum(crowd.click, opened + students.typing / 4), crowd.click)
    due = np.maximum(due, crowd.here)
    log_in = np.where(crowd.late | crowd.before, crowd.arrive + students.typing, due)
    buy = np.where(crowd.before, due, log_in + students.typing / np.where(crowd.late, 2, 4))
    if is_room:
        buy = np.maximum(buy, _let_in(plan, log_in) + students.typing / 4)
    reload = _asked(reload_from[reloads], opened[reloads], students.refresh_every)
    asked_on = _asked_on(students, crowd, waits)
    can_wait = defined is None or "wait" in defined  # else bots ask for the page
    times = {
        "arrive": crowd.arrive,
        "reload": reload if can_wait else np.concatenate([reload, asked_on]),
        "log_in": log_in,
        "wait": np.concatenate([_waiting(students, crowd, waits, reloads), asked_on]),
        "join": log_in if is_room else np.empty(0),
        "buy": np.concatenate([buy, np.repeat(buy, crowd.copies) + _COPIES_APART_S]),
    }
    named = {
        name: when
        for name, when in times.items()
        if when.size and (defined is None or _METHODS.get(name, name) in defined)
    }
    return {**named, TOGETHER: np.concatenate([np.empty(0), *named.values()])}


def _defined(plan: Plan) -> frozenset[str] | None:
    """Return the methods that a scenario of the user's own may define; None: any, or it is ours."""
    if plan.scenario.file is None:
        return None
    try:
        return moments_of(Path(plan.scenario.file), plan.scenario.buyer)
    except PlanError:  # it cannot be read, which is for `plan check` to say
        return None


@dataclass(frozen=True, slots=True)
class _Crowd:
    """Columns with a row a device; times are in seconds from T-0."""

    own: NDArray[np.bool_]
    """The device that its student looks at."""
    late: NDArray[np.bool_]
    bots: NDArray[np.bool_]
    refreshes: NDArray[np.bool_]
    before: NDArray[np.bool_]
    """Who of those waiting logs in before T-0."""
    opens: Times
    arrive: Times
    here: Times
    """When what comes before the wait is answered."""
    click: Times
    """When those waiting act: click, or log in if they have not yet."""
    phase: Times
    """From when somebody could reload until they first do."""
    copies: NDArray[np.int64]

    @classmethod
    def of(cls, plan: Plan, people: Sequence[Person]) -> "_Crowd":
        """Return those of a plan."""
        timetable, habits, students = draw_timetable(plan, people), habits_of(plan), plan.students
        who = np.repeat(np.arange(len(timetable.devices)), timetable.devices)
        own = np.diff(who, prepend=-1) > 0
        late = timetable.journey[who] == LATE
        before = timetable.login_before[who] & ~late
        arrive = timetable.arrival_s[who] + ~own * _OPENED_APART * plan.schedule.lead
        click = timetable.click_s[who] + ~own * _CLICKS_APART_S
        phase = timetable.chances[who, 0].astype(np.float64) * (4 / 3 * students.refresh_every)
        return cls(
            own=own,
            late=late,
            bots=timetable.journey[who] == BOT,
            refreshes=habits.refreshes[who],
            before=before,
            opens=habits.slot_s[who],
            arrive=arrive,
            here=arrive + before * students.typing,
            click=np.where(before, click, np.maximum(click, timetable.login_at_s[who])),
            phase=phase,
            copies=np.where(own, timetable.copies[who], 0).astype(np.int64),
        )


def busiest(name: str, when: Times, span_s: float = _NEAR_S) -> Moment:
    """Return how often a moment comes, and its busiest span of so many seconds."""
    if not when.size:
        return Moment(name, 0, 0, 0.0)
    begin = np.floor(when / span_s + 1e-9).astype(np.int64)
    spans, counts = np.unique(begin, return_counts=True)
    most = int(np.argmax(counts))
    return Moment(name, len(when), int(counts[most]), round(float(spans[most]) * span_s, 6))


def _let_in(plan: Plan, log_in: Times) -> Times:
    """Return when a waiting room lets students in: one after another, from T-0 on."""
    if plan.app.waiting_room == "off":  # a queue of the scenario's own, of no rate that is known
        return log_in
    order = np.argsort(log_in, kind="stable")
    turn_s = np.empty_like(log_in)
    turn_s[order] = np.arange(len(log_in)) / plan.app.admission_rate
    return np.maximum(log_in, turn_s)


def _waiting(
    students: Students, crowd: _Crowd, waits: NDArray[np.bool_], reloads: NDArray[np.bool_]
) -> Times:
    """Return when waiting pages ask how long it still is: until somebody reloads them, or acts, or
    a bot asks without pause."""
    until = np.where(reloads, crowd.opens - students.refresh_from, crowd.click)
    until = np.where(crowd.bots, crowd.opens - students.bots_from, until)
    parts: list[Times] = []
    for which, rarer in ((waits & crowd.own, 1), (waits & ~crowd.own, _RARER_POLLS)):
        parts += _polled(students, crowd.here[which], until[which], crowd.opens[which], rarer)
    return np.concatenate(parts)


def _asked_on(students: Students, crowd: _Crowd, waits: NDArray[np.bool_]) -> Times:
    """Return when bots ask without pause, until they click."""
    bots = waits & crowd.bots
    begin = np.maximum(crowd.here, crowd.opens - students.bots_from)[bots] + students.bot_pause
    return _asked(begin, crowd.click[bots] - students.bot_pause, students.bot_pause)


def _polled(
    students: Students, here: Times, until: Times, opens: Times, rarer: int
) -> Iterator[Times]:
    """Yield when pages ask that do so a while after each answer, the first time all of them do, the
    second, and so on."""
    while here.size:
        due = here + students.countdown_poll * rarer
        if students.last_poll is not None:
            last_minute = np.maximum(here, opens - _LAST_MINUTE_S)
            due = np.minimum(due, last_minute + students.last_poll * rarer)
        goes_on = due < until
        here, until, opens = due[goes_on], until[goes_on], opens[goes_on]
        yield here


def _turns(lasts: Times, every_s: float) -> Times:
    """Return how long somebody who asks in turns does so at least for so long."""
    turned: Times = np.maximum(np.ceil(lasts / every_s), 0) * every_s
    return turned


def _asked(first: Times, last: Times, every_s: float) -> Times:
    """Return when somebody asks who does so in turns, from a first time to a last of each own."""
    counts = np.maximum(np.ceil((last - first) / every_s - 1e-6), -1).astype(np.int64) + 1
    begun = np.repeat(np.cumsum(counts) - counts, counts)
    turn = np.arange(counts.sum()) - begun
    return np.repeat(first, counts) + turn * every_s
