"""The axis: what a search makes larger or smaller, and what of a plan goes with it.

Whatever is searched, in the end so many people act: students, or users of a Locust file. Where
students come by rates, a load is told as the rate that so many of them come at in the same time.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.reports.capacity.unit import UNITS, Over, load_verb, load_words
from dress_rehearsal.reports.words import counted, written
from dress_rehearsal.scenarios.kind import has_shape

_LATEST: Final = 0.8
"""Who arrives after T-0 does so within this share of the sale (`scenarios.timetable`)."""
_AMOUNT: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Axis:
    """What is searched.

    Attributes:
        own: how many people act by the plan as it is.
        each: how much of the axis' unit one of them is: 1, or arrivals a second at the most.
    """

    over: Over
    plan: Plan
    own: int
    each: Fraction

    @property
    def unit(self) -> str:
        """What a load is counted in."""
        return UNITS[self.over]

    def value(self, people: int) -> float:
        """Return a load in its unit."""
        return float(people * self.each)

    def words(self, people: int) -> str:
        """Return a load as a sentence names it: "6,000 students", "120 arrivals a second"."""
        return load_words(self.over, self.value(people))

    def agreeing(self, people: int, one: str, many: str) -> str:
        """Return the verb that goes with a load as a sentence names it."""
        return load_verb(self.over, self.value(people), one, many)

    def details(self, people: int) -> str:
        """Return what else a load comes to, as "(2,500 tickets)"; empty where that is nothing."""
        parts = [] if self.over != "arrivals" else [counted(people, "student")]
        parts += [f"{written(value)} {_CALLED[key]}" for key, value in self._shares(people)]
        return f" ({', '.join(parts)})" if parts else ""

    def overrides(self, people: int) -> list[str]:
        """Return what has to be set in the plan for so many people."""
        if self.plan.load is not None:
            rate = (self.plan.load.spawn_rate or 1.0) * people / self.own
            return [f"load.users={people}", f"load.spawn_rate={rate:.6g}"]
        shares = [f"{key}={value}" for key, value in self._shares(people)]
        if self.plan.event.invited is not None:
            invited = round(people / self.plan.students.show_up)
            shares = [f"event.invited={invited}", *shares]
        return [*shares, f"event.students={people}"]

    def remarks(self) -> Iterator[str]:
        """Yield in sentences what goes with the load and what does not."""
        plan, event = self.plan, self.plan.event
        if plan.load is not None:
            yield "Users are begun faster in proportion, so that all are there after the same time."
            return
        if self.over == "arrivals":
            yield "They come for as long as in the plan: a higher rate means more students."
        shared = [f"{key} ({written(value)} of {written(self.own)})" for key, value in self._own()]
        if shared:
            keep = "keep their shares" if len(shared) > 1 else "keeps its share"
            yield f"{' and '.join(shared)} {keep} of the students."
        if not plan.target.ours:
            yield (
                f"event.tickets stays {written(event.tickets)}: how many there are, the target "
                f"itself says."
            )

    def people(self, text: str, option: str) -> int:
        """Return how many people a load is that an option gives in the axis' unit.

        Raises:
            PlanError: it is no number above 0.
        """
        amount = Fraction(text) if _AMOUNT.fullmatch(text) else Fraction(0)
        people = round(amount / self.each)
        if people < 1:
            raise PlanError(f"{option}: give a number of {self.unit} above 0, such as 300.")
        return people

    def _own(self) -> Iterator[tuple[str, int]]:
        """Yield what of the plan counts people besides, and grows with them."""
        if self.plan.target.ours and self.plan.event.tickets:
            yield "event.tickets", self.plan.event.tickets
        if self.plan.students.slot_size:
            yield "students.slot_size", self.plan.students.slot_size

    def _shares(self, people: int) -> list[tuple[str, int]]:
        if self.plan.load is not None:
            return []
        # Slots are rounded up, so that there are no more of them than in the plan.
        return [(key, max(math.ceil(value * people / self.own), 1)) for key, value in self._own()]


_CALLED: Final = {"event.tickets": "tickets", "students.slot_size": "a slot"}


def axis_of(plan: Plan, over: str | None) -> Axis:
    """Return what a plan is searched over.

    Args:
        over: as given; none: users of a Locust file, the rate where students come by rates, else
            how many students there are.

    Raises:
        PlanError: the plan has nothing of the kind.
    """
    if over is not None and over not in UNITS:
        raise PlanError(f"--over: give one of {', '.join(UNITS)}, or leave it out.")
    if plan.load is not None:
        return _users(plan, over)
    if over == "load.users":
        raise PlanError(
            "--over load.users is for a plain Locust file; this plan has students: give "
            "event.students, or leave --over out."
        )
    students = plan.event.students
    habits = plan.students
    come = habits.late * (1 - habits.late_tail) > 0 and _rates_last_s(plan) > 0
    by_rates = bool(habits.late_rates) and come
    if over == "arrivals" and not by_rates:
        raise PlanError(
            "--over arrivals is for a plan whose students come by rates (students.late_rates), "
            "such as steps; here they come at T-0: give event.students, or leave --over out."
        )
    if by_rates and over != "event.students":
        return Axis("arrivals", plan, students, _rate_of_one(plan))
    return Axis("event.students", plan, students, Fraction(1))


def _users(plan: Plan, over: str | None) -> Axis:
    if over not in (None, "load.users"):
        raise PlanError(
            f"--over {over} is for students, and a plain Locust file has users: give load.users, "
            f"or leave --over out."
        )
    assert plan.load is not None
    if plan.scenario.file is not None and has_shape(Path(plan.scenario.file)):
        raise PlanError(
            "The Locust file has a LoadTestShape, which says by itself how many users act: load."
            "users would change nothing. Search with a file without one."
        )
    return Axis("load.users", plan, plan.load.users or 1, Fraction(1))


def _rate_of_one(plan: Plan) -> Fraction:
    """Return how many arrivals a second one student is, in the busiest part of the rates."""
    habits = plan.students
    share = Fraction(habits.late) * (1 - Fraction(habits.late_tail))
    part_s = Fraction(_rates_last_s(plan)) / len(habits.late_rates)
    return share * Fraction(max(habits.late_rates), sum(habits.late_rates)) / part_s


def _rates_last_s(plan: Plan) -> float:
    """Return how long students come by the plan's rates; 0 where all of them come at T-0."""
    habits = plan.students
    open_s = plan.schedule.sale - habits.last_slot_s(plan.event.students)
    return min(habits.late_over, _LATEST * open_s)
