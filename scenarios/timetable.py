"""The timetable: who acts when, relative to T-0, drawn once from the plan's seed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plans import Person, Plan
from records.tables import JOURNEYS

EAGER: Final = JOURNEYS.index("eager")
LATE: Final = JOURNEYS.index("late")
OUTSIDER: Final = JOURNEYS.index("outsider")
DOUBLE_CLICKER: Final = JOURNEYS.index("double-clicker")

_DRAWS: Final = 32
_WEIBULL_SHAPE: Final = 1.5
_HUMAN_SIGMA: Final = 0.5


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
    draws: NDArray[np.float32]
    """Standard normal draws, shape (students, 32), for human delays."""
    chances: NDArray[np.float32]
    """Uniform draws, shape (students, 32), for decisions."""


def draw_timetable(plan: Plan, people: Sequence[Person]) -> Timetable:
    """Draw every student's timetable from the plan's seed; the same plan gives the same one."""
    n = plan.event.students
    students = plan.students
    rng = np.random.default_rng(plan.seed)
    enrolled = np.array([person.enrolled for person in people[:n]], dtype=np.bool_)
    journey = _journeys(plan, enrolled, rng)
    lead, sale = plan.schedule.lead, plan.schedule.sale

    waiting_s = rng.uniform(-lead, -0.2 * lead, n)
    # Exponential, cut at 80 % of the sale so that everybody can finish a purchase.
    reach = 1 - math.exp(-0.8 * sale / students.late_mean) if students.late_mean else 0.0
    late_s = -students.late_mean * np.log1p(-reach * rng.uniform(0, 1, n))
    scale = students.patience / math.log(2) ** (1 / _WEIBULL_SHAPE)
    patience_s = np.maximum(scale * rng.weibull(_WEIBULL_SHAPE, n), 1.0)
    patience_s[rng.uniform(0, 1, n) < students.patient] = np.inf
    return Timetable(
        journey=journey,
        enrolled=enrolled,
        arrival_s=np.where(journey == LATE, late_s, waiting_s),
        login_before=rng.uniform(0, 1, n) < students.login_before,
        login_at_s=rng.uniform(0, students.login_at_open, n),
        click_s=rng.normal(students.click_offset, students.click_spread, n),
        patience_s=patience_s,
        copies=np.where(journey == DOUBLE_CLICKER, rng.integers(1, 4, n), 0).astype(np.int8),
        draws=rng.standard_normal((n, _DRAWS), dtype=np.float32),
        chances=rng.random((n, _DRAWS), dtype=np.float32),
    )


@dataclass(slots=True)
class Luck:
    """One student's own draws, used in order and from the start again when used up."""

    normals: NDArray[np.float32]
    uniforms: NDArray[np.float32]
    position: int = 0

    def delay_s(self, median_s: float) -> float:
        """Give a log-normal human delay (sigma 0.5) with this median, in seconds."""
        self.position = (self.position + 1) % _DRAWS
        return median_s * math.exp(_HUMAN_SIGMA * float(self.normals[self.position]))

    def happens(self, share: float) -> bool:
        """Decide something that this share of people does."""
        self.position = (self.position + 1) % _DRAWS
        return float(self.uniforms[self.position]) < share

    def between(self, low: float, high: float) -> float:
        """Give a uniform draw between two bounds."""
        self.position = (self.position + 1) % _DRAWS
        return low + (high - low) * float(self.uniforms[self.position])


def _journeys(
    plan: Plan, enrolled: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int8]:
    """Assign exact shares, shuffled; people off the roster are the outsiders."""
    journey = np.full(len(enrolled), EAGER, dtype=np.int8)
    journey[~enrolled] = OUTSIDER
    inside = rng.permutation(np.flatnonzero(enrolled))
    late = round(plan.event.students * plan.students.late)
    double = round(plan.event.students * plan.students.double_clickers)
    journey[inside[:late]] = LATE
    journey[inside[late : late + double]] = DOUBLE_CLICKER
    return journey


def order_of_arrival(timetable: Timetable) -> Iterator[int]:
    """Give the student indices, first to arrive first."""
    return iter(np.argsort(timetable.arrival_s, kind="stable").tolist())
