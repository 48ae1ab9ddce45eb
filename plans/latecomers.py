"""Latecomers: students whom a plan's own timetable has click only after the sale has closed.

However fast the target is, they end as `in_flight`. The share is what is to be expected of the
draws (`scenarios.timetable`), by human delays alone.
"""

import math
from bisect import bisect_left
from itertools import product
from statistics import NormalDist, fmean
from typing import Final

from dress_rehearsal.plans.plan import Plan

_GRID: Final = tuple((step + 0.5) / 40 for step in range(40))
_ONE: Final = (0.5,)
_DELAYS: Final = tuple(math.exp(0.5 * NormalDist().inv_cdf(chance)) for chance in _GRID)
"""Human delays as multiples of their median: log-normal, sigma 0.5."""
_LATEST: Final = 0.8
"""Who arrives after T-0 does so within this share of the sale."""
_LONGEST_S: Final = 3600


def latecomers(plan: Plan, sale_s: float | None = None) -> float:
    """Return the share of the students who come to click after the close: 0 to 1.

    Args:
        sale_s: how long the sale is open; by default as long as the plan says.
    """
    if plan.load is not None:
        return 0.0
    habits, students = plan.students, plan.event.students
    close_s = plan.schedule.sale if sale_s is None else sale_s
    open_s = close_s - habits.last_slot_s(students)
    slots = habits.slots(students)
    looked_at = sorted({round(slots * chance - 0.5) for chance in (_GRID if slots > 1 else _ONE)})
    return fmean(_beyond(plan, open_s, close_s - slot * habits.slot_every) for slot in looked_at)


def _beyond(plan: Plan, open_s: float, close_s: float) -> float:
    """Return the share of one slot's students who click too late.

    Args:
        open_s: from the last slot to the close.
        close_s: from this one's.
    """
    habits, lead_s = plan.students, plan.schedule.lead
    latest_s = _LATEST * open_s
    reach = 1 - math.exp(-latest_s / habits.late_mean) if habits.late_mean else 0.0

    def beyond(begins_s: list[float], typing: float) -> float:
        delays = [typing * habits.typing * delay for delay in _DELAYS]
        return fmean(begin + delay > close_s for begin, delay in product(begins_s, delays))

    if habits.late_rates:
        shares, by_s = habits.late_course(latest_s)
        late = beyond([_between(chance, shares, by_s) for chance in _GRID], 1.5)
    else:
        late = beyond([-habits.late_mean * math.log1p(-reach * chance) for chance in _GRID], 1.5)
    tail_s = min(habits.late_tail_over, latest_s)
    tail = beyond([tail_s * chance for chance in _GRID], 1.5) if habits.late_tail else 0.0
    late = habits.late_tail * tail + (1 - habits.late_tail) * late
    at_open = beyond([habits.login_at_open * chance for chance in _GRID], 0.25)
    before = beyond([-lead_s * (0.2 + 0.8 * chance) for chance in _GRID], 1.0)
    waiting = habits.login_before * before + (1 - habits.login_before) * at_open
    return habits.late * late + (1 - habits.late) * waiting


def _between(chance: float, shares: list[float], by_s: list[float]) -> float:
    """Return by when a share has come, between the two moments that it lies between."""
    part = min(bisect_left(shares, chance), len(shares) - 1)
    before = shares[part - 1]
    return by_s[part - 1] + (by_s[part] - by_s[part - 1]) * (chance - before) / (
        shares[part] - before
    )


def sale_for_all(plan: Plan, share: float) -> int:
    """Return how many seconds a sale has to be open to have no more latecomers than this share."""
    first = math.ceil(plan.schedule.sale)
    open_s = range(first, first + _LONGEST_S)
    return first + bisect_left(open_s, True, key=lambda each: latecomers(plan, each) <= share)
