"""The bounds of a search: between which loads it may try, and why none is larger."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.plans import PlanError
from dress_rehearsal.rehearsal.capacity.axis import Axis
from dress_rehearsal.rehearsal.capacity.search import DOUBLINGS

_MOST_PEOPLE: Final = 1_000_000
Obstacle = Callable[[int], str | None]
"""Why so many people cannot act, in a sentence: by the plan, or because they do not fit this
machine. None: they can."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """No load beyond these is tried.

    Attributes:
        least, most: people, both included.
        why_most: why none is larger, the end of a sentence.
        by_machine: whether that is this machine, or the plan, of which more do not fit it.
    """

    least: int
    most: int
    why_most: str
    by_machine: bool = False


def bounds_of(
    axis: Axis,
    obstacle: Obstacle,
    *,
    on_roster: int | None,
    least: str | None = None,
    most: str | None = None,
) -> Bounds:
    """Return the smallest and the largest load that may be tried.

    Args:
        on_roster: how many people there are, where that is given.
        least, most: as given by --from and --to.

    Raises:
        PlanError: what is given is no number, or there is no load between the bounds.
    """
    far = 2**DOUBLINGS
    low = max(axis.own // far, 1) if least is None else axis.people(least, "--from")
    high, why = axis.own * far, f"{far} times the plan's own"
    if most is not None:
        high, why = axis.people(most, "--to"), "--to says so"
    if high > _MOST_PEOPLE:
        high, why = _MOST_PEOPLE, f"a plan has no more than {_MOST_PEOPLE:,}"
    if on_roster is not None and high > on_roster:
        high, why = on_roster, f"the roster holds no more than {on_roster:,} people"
    if low > high:
        raise PlanError(
            f"--from: {axis.words(low)} is more than may be tried at most, {axis.words(high)} "
            f"({why})."
        )
    reason = obstacle(high)
    if reason is None:
        return Bounds(low, high, why)
    fits, beyond = min(max(axis.own, low), high), high
    if (first := obstacle(fits)) is not None:
        raise PlanError(first)
    while beyond - fits > max(fits // 100, 1):  # the bound itself may be 1% off
        middle = (fits + beyond) // 2
        found = obstacle(middle)
        fits, beyond = (middle, beyond) if found is None else (fits, middle)
        reason = reason if found is None else found
    why = f"more do not fit: {reason.rstrip('.')}"
    return Bounds(min(low, fits), fits, why, by_machine=True)
