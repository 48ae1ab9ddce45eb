"""Habits that not every crowd has: who has which, each drawn from a random stream of its own.

What a plan leaves out draws nothing and changes nothing, and what one habit draws is the same
whatever others there are: a seed keeps its meaning when habits are added.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.plans import Plan

_Times = NDArray[np.float64]


class _Stream(IntEnum):
    """Random streams, by number: part of what a seed means, so new ones go to the end."""

    WRONG_CLOCKS = 1
    LATE_TAIL = 2
    SLOTS = 3
    REFRESHERS = 4
    QR_REFETCH = 5
    LATE_RATES = 6


@dataclass(frozen=True, slots=True)
class Habits:
    """Per-student columns of length `students`."""

    slot_s: _Times
    """When each student's slot begins, in seconds from T-0."""
    refreshes: NDArray[np.bool_]
    """Who, of those who wait for the opening, reloads the page until it answers."""
    refetches: NDArray[np.bool_]
    """Who of the holders opens the code a second time."""


def habits_of(plan: Plan) -> Habits:
    """Return who has which habit, by the plan's seed: the same plan, the same ones."""
    students = plan.students
    return Habits(
        slots_s(plan),
        _some(plan, _Stream.REFRESHERS, students.refreshers),
        _some(plan, _Stream.QR_REFETCH, students.qr_refetch),
    )


def slots_s(plan: Plan) -> _Times:
    """Return when each student's slot begins, in seconds from T-0: 0 where there are no slots.

    Who is in which slot is drawn; all but the last slot are full.
    """
    n, students = plan.event.students, plan.students
    starts_s = np.zeros(n)
    if students.slot_size:
        order = _stream(plan, _Stream.SLOTS).permutation(n)
        starts_s[order] = np.arange(n) // students.slot_size * students.slot_every
    return starts_s


def wrong_clocks(plan: Plan, click_s: _Times) -> _Times:
    """Return clicks with the error of their clicker's clock, where that has one.

    The clicks are a mixture: most by the right time, a share by clocks that are off by a normal
    distribution around it (`students.clock_error`).
    """
    students = plan.students
    if not students.wrong_clocks:
        return click_s
    rng = _stream(plan, _Stream.WRONG_CLOCKS)
    is_wrong = rng.random(len(click_s)) < students.wrong_clocks
    return click_s + np.where(is_wrong, rng.normal(0, students.clock_error, len(click_s)), 0.0)


def late_course(plan: Plan, late_s: _Times, latest_s: float) -> _Times:
    """Return arrivals of the late by the plan's rates, where it has some.

    Drawn by the inverse of the share that has come by each moment: a Poisson process of those
    rates, given how many come in all.

    Args:
        latest_s: nobody comes later, so that everybody can finish a purchase.
    """
    students = plan.students
    if not students.late_rates:
        return late_s
    chances = _stream(plan, _Stream.LATE_RATES).random(len(late_s))
    shares, by_s = students.late_course(latest_s)
    return np.interp(chances, shares, by_s)


def late_tail(plan: Plan, late_s: _Times, latest_s: float) -> _Times:
    """Return arrivals of the late with the share among them that comes evenly, for long.

    Args:
        latest_s: nobody comes later, so that everybody can finish a purchase.
    """
    students = plan.students
    if not students.late_tail:
        return late_s
    rng = _stream(plan, _Stream.LATE_TAIL)
    is_tail = rng.random(len(late_s)) < students.late_tail
    even_s = rng.uniform(0, min(students.late_tail_over, latest_s), len(late_s))
    return np.where(is_tail, even_s, late_s)


def _some(plan: Plan, stream: _Stream, share: float) -> NDArray[np.bool_]:
    n = plan.event.students
    if not share:
        return np.zeros(n, dtype=np.bool_)
    return _stream(plan, stream).random(n) < share


def _stream(plan: Plan, stream: _Stream) -> np.random.Generator:
    return np.random.default_rng((plan.seed, int(stream)))
