"""Rounds: what was measured in turn, its median and spread, and the ratios within a round."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spread:
    """What several rounds have shown of one quantity."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return that of some values.

        Raises:
            ValueError: there are none.
        """
        if not values:
            raise ValueError("nothing was measured")
        return cls(median(values), min(values), max(values))


def ratios(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Spread | None:
    """Return the spread of ours / theirs over the rounds that have both; None: there is none.

    What else the machine did in a round met both alike, so it is the ratios that are compared.

    Args:
        ours, theirs: a quantity by round.
    """
    both = ours.keys() & theirs.keys()
    found = [ours[number] / theirs[number] for number in both if theirs[number]]
    return Spread.of(found) if found else None


def in_turn(things: Sequence[T], rounds: int) -> Iterator[tuple[int, T]]:
    """Yield each thing once a round, in another order each time; rounds are counted from 1.

    Each begins one round if there are as many rounds, and every other round goes backwards, so that
    who comes first, and who follows whom, is not always the same.
    """
    for number in range(rounds):
        start = number % max(len(things), 1)
        order = [*things[start:], *things[:start]]
        for thing in reversed(order) if number % 2 else order:
            yield number + 1, thing
