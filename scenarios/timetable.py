"""The timetable: who acts when, relative to T-0, drawn once from the plan's seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.records.tables import JOURNEYS, NS_PER_S
from dress_rehearsal.scenarios.habits import late_course, late_tail, slots_s, wrong_clocks

EAGER, LATE, OUTSIDER, DOUBLE_CLICKER, MULTI_DEVICE, QUEUE_JUMPER, BOT = range(len(JOURNEYS))
"""Positions in `records.tables.JOURNEYS`."""

_DRAWS: Final = 32
_WEIBULL_SHAPE: Final = 1.5
_HUMAN_SIGMA: Final = 0.5
_MANY_DEVICES: Final = 1 / 6
"""Of those with several devices: five or six; the others have two."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """Per-student columns of length `students`; times are seconds relative to T-0.

    Drawing everything beforehand keeps a student's luck independent of how the others'
    answers interleave, and leaves no random work for T-0 itself.
    """

    journey: NDArray[np.int8]
    enrolled: NDArray[np.bool_]
    arrival_s: NDArray[np.float64]
    login_before: NDArray[np.bool_]
    login_at_s: NDArray[np.float64]
    """When those who did not log in before do so, after T-0."""
    click_s: NDArray[np.float64]
    """When those waiting click; late students click once they are logged in."""
    patience_s: NDArray[np.float64]
    """From the first click until giving up; infinite for the patient."""
    copies: NDArray[np.int8]
    """Extra copies of the click a double-clicker sends."""
    devices: NDArray[np.int8]
    """How many devices a student rushes from, each with a session of its own."""
    draws: NDArray[np.float32]
    """Standard normal draws, shape (students, 32), for human delays."""
    chances: NDArray[np.float32]
    """Uniform draws, shape (students, 32), for decisions."""
    enters: NDArray[np.bool_]
    """Who goes to the entrance with a ticket; it depends on the sale who gets one."""
    screenshot: NDArray[np.bool_]
    """Who of those lends the code to a friend at another entrance."""

    def without_draws(self) -> "Timetable":
        """Return it without anybody's draws, which are most of it: 256 bytes a student."""
        nobodys = np.empty((0, _DRAWS), dtype=np.float32)  # no part of theirs: that would keep them
        return replace(self, draws=nobodys, chances=nobodys)


def draw_timetable(plan: Plan, people: Sequence[Person]) -> Timetable:
    """Return every student's timetable, drawn from the plan's seed: the same plan, the same one."""
    n = plan.event.students
    students = plan.students
    rng = np.random.default_rng(plan.seed)
    enrolled = np.array([person.enrolled for person in people[:n]], dtype=np.bool_)
    journey, devices = _journeys(plan, enrolled, rng)
    lead, slot_s = plan.schedule.lead, slots_s(plan)
    sale = plan.schedule.sale - students.last_slot_s(n)

    waiting_s = rng.uniform(-lead, -0.2 * lead, n)
    # Exponential, cut at 80 % of the sale so that everybody can finish a purchase.
    reach = 1 - math.exp(-0.8 * sale / students.late_mean) if students.late_mean else 0.0
    # Not numpy's: that ends in another bit on another kind of CPU, and a seed means one rush.
    logs = map(math.log1p, (-reach * rng.uniform(0, 1, n)).tolist())
    late_s = -students.late_mean * np.fromiter(logs, np.float64, n)
    scale = students.patience / math.log(2) ** (1 / _WEIBULL_SHAPE)
    patience_s = np.maximum(scale * rng.weibull(_WEIBULL_SHAPE, n), 1.0)
    patience_s[rng.uniform(0, 1, n) < students.patient] = np.inf
    # The order of the draws is part of what a seed means: what came later (`scenarios.habits`)
    # draws from streams of its own, and only where the plan has it.
    login_before = rng.uniform(0, 1, n) < students.login_before
    login_at_s = rng.uniform(0, students.login_at_open, n)
    click_s = wrong_clocks(plan, rng.normal(students.click_offset, students.click_spread, n))
    bots = journey == BOT
    late_s = late_tail(plan, late_course(plan, late_s, 0.8 * sale), 0.8 * sale)
    arrival_s = np.where(journey == LATE, late_s, waiting_s)
    return Timetable(
        journey=journey,
        enrolled=enrolled,
        arrival_s=arrival_s + slot_s,
        login_before=login_before | bots,
        login_at_s=login_at_s + slot_s,
        click_s=np.where(bots, 0.0, click_s) + slot_s,
        patience_s=patience_s,
        copies=np.where(journey == DOUBLE_CLICKER, rng.integers(1, 4, n), 0).astype(np.int8),
        devices=devices,
        draws=rng.standard_normal((n, _DRAWS), dtype=np.float32),
        chances=rng.random((n, _DRAWS), dtype=np.float32),
        **_at_the_entrance(plan, rng),
    )


@dataclass(slots=True)
class Luck:
    """One student's own draws, used in order and from the start again when used up.

    They stand in columns that all share: a part of an array costs as much as all else of this.
    """

    normals: NDArray[np.float32]
    uniforms: NDArray[np.float32]
    position: int = 0
    begin: int = 0
    """Where the student's own begin there."""

    def delay_ns(self, median_s: float) -> int:
        """Return a log-normal human delay (sigma 0.5) with this median in seconds, as ns."""
        self.position = (self.position + 1) % _DRAWS
        drawn = float(self.normals[self.begin + self.position])
        factor = math.exp(_HUMAN_SIGMA * drawn)
        return round(median_s * factor * NS_PER_S)

    def happens(self, share: float) -> bool:
        """Return whether this student does what this share of people does."""
        self.position = (self.position + 1) % _DRAWS
        return float(self.uniforms[self.begin + self.position]) < share

    def between(self, low: float, high: float) -> float:
        """Return a uniform draw: `low` or more, less than `high`."""
        self.position = (self.position + 1) % _DRAWS
        return low + (high - low) * float(self.uniforms[self.begin + self.position])


class Lots:
    """The draws of those who are played here.

    Args:
        students: who they are; None: everybody.
    """

    def __init__(self, timetable: Timetable, students: Sequence[int] | None = None) -> None:
        self._rows: dict[int, int] | None = None
        normals, uniforms = timetable.draws, timetable.chances
        if students is not None:
            self._rows = {student: row for row, student in enumerate(students)}
            normals, uniforms = normals[students], uniforms[students]
        self._normals, self._uniforms = normals.reshape(-1), uniforms.reshape(-1)

    def luck(self, student: int, position: int = 0) -> Luck:
        """Return a student's own draws, from a position on."""
        row = student if self._rows is None else self._rows[student]
        return Luck(self._normals, self._uniforms, position, row * _DRAWS)


def _journeys(
    plan: Plan, enrolled: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Assign exact shares, shuffled, and devices; people off the roster are the outsiders."""
    n, students = plan.event.students, plan.students
    journey = np.full(len(enrolled), EAGER, dtype=np.int8)
    journey[~enrolled] = OUTSIDER
    inside = rng.permutation(np.flatnonzero(enrolled))
    late, rest = np.split(inside, [round(n * students.late)])
    double, eager = np.split(rest, [round(n * students.double_clickers)])
    eager, bots = np.split(eager, [max(len(eager) - round(n * students.bots), 0)])
    several = round(len(eager) * students.multi_device)
    jumpers = round(len(eager) * students.queue_jumpers)
    journey[late] = LATE
    journey[double] = DOUBLE_CLICKER
    journey[bots] = BOT
    journey[eager[:several]] = MULTI_DEVICE
    journey[eager[several : several + jumpers]] = QUEUE_JUMPER
    devices = np.ones(len(enrolled), dtype=np.int8)
    devices[eager[:several]] = 2
    many = eager[: round(several * _MANY_DEVICES)]
    devices[many] = 5 + np.arange(len(many)) % 2
    return journey, devices


def _at_the_entrance(plan: Plan, rng: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    """Choose exact shares of everybody: who would go in, and who of those lends the code."""
    n, students = plan.event.students, plan.students
    order = rng.permutation(n)
    going = order[: round(n * students.entry)]
    enters, screenshot = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    enters[going] = True
    screenshot[going[: round(len(going) * students.screenshots)]] = True
    return {"enters": enters, "screenshot": screenshot}


def order_of_arrival(timetable: Timetable) -> list[int]:
    """Return the student indices, first to arrive first."""
    order: list[int] = np.argsort(timetable.arrival_s, kind="stable").tolist()
    return order
