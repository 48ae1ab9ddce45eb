"""The search: which load to try next. It doubles or halves from the plan's own number until it has
one that passes and one that does not, then bisects between them, then tries both again.

It knows nothing of rehearsals: it is told what a try came to, and says what to try.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.reports.capacity.standing import (
    MOST_UNDECIDED,
    Outcome,
    edge_of,
    is_settled,
    standing,
    standings,
)

DOUBLINGS: Final = 4
"""Where nothing else bounds it, loads of 1/16 to 16 times the plan's own are searched."""
HEADROOM: Final = 1.5
"""Rehearsals of what is to come are done at so many times the plan's own number."""
REPEATS: Final = 3
"""How often a load near the edge is tried at most, where nobody says otherwise."""
WITHIN: Final = 0.1
"""To what share of the load the edge is to be known, where nobody says otherwise."""
_MOST_TRIED_OUT: Final = 400
"""For how many capacities it is tried out at most how many tries the search would take."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is searched: whole numbers all, of students or of users.

    Attributes:
        own: the plan's own number, which is tried first.
        least, most: no load beyond these is tried.
        within: to what share of the load the edge is to be known, such as 0.1.
        repeats: how often a load near the edge is tried at most; most of them must pass.
    """

    own: int
    least: int
    most: int
    within: float
    repeats: int

    @property
    def spare(self) -> int:
        """How many tries there may be besides those that a quiet machine needs: for what decided
        nothing, and for loads whose tries contradict each other."""
        return max(2, self.repeats)


class Search:
    """What was tried so far, and what is to be tried next."""

    def __init__(self, asked: Asked, tried: Mapping[int, Sequence[Outcome]] | None = None) -> None:
        self._asked = asked
        self.tried: dict[int, list[Outcome]] = {
            load: list(outcomes) for load, outcomes in (tried or {}).items()
        }

    def record(self, load: int, outcome: Outcome) -> None:
        """Take down what a try came to."""
        self.tried.setdefault(load, []).append(outcome)

    def next(self) -> int | None:
        """Return the load to try next; None where nothing more is to be found out."""
        asked, repeats = self._asked, self._asked.repeats
        if not self.tried:
            return min(max(asked.own, asked.least), asked.most)
        known = standings(self.tried, repeats)
        again = [load for load, each in known.items() if each == "open"]
        if again:
            return again[0]
        low, above = edge_of(known)
        if above is None:
            assert low is not None  # something was tried, and nothing did not pass
            return self._unless_settled(low) if low == asked.most else min(2 * low, asked.most)
        if low is None:
            if above == asked.least:
                return self._unless_settled(above)
            return max(above // 2, asked.least)
        if is_close(low, above, asked.within):
            unsettled = (self._unless_settled(load) for load in (low, above))
            return next((load for load in unsettled if load is not None), None)
        return between(low, above, asked)

    @property
    def number(self) -> int:
        """How many tries there were."""
        return sum(map(len, self.tried.values()))

    def at_most(self) -> int:
        """Return how many tries there will have been at most, those that there were included.

        It is tried out: every capacity that may still be true is searched for, each with a machine
        that decides everything at once; then some to spare.
        """
        used = max(self.number - self._needed(), 0)
        worst = max(self._tries_until(edge) for edge in self._possible())
        return worst + max(self._asked.spare - used, 0)

    def _needed(self) -> int:
        """Return how many of the tries a machine would have needed that decides all at once."""
        enough = self._asked.repeats // 2 + 1
        wanted = 0
        for outcomes in self.tried.values():
            said = standing(outcomes, self._asked.repeats)
            if said in ("pass", "fail", "limited"):
                agreeing = outcomes.count(said) + (said == "fail") * outcomes.count("wrong")
                wanted += min(agreeing, enough)
        return wanted

    def _possible(self) -> Iterator[float]:
        """Yield capacities that what is known leaves open, evenly on a logarithmic scale."""
        asked = self._asked
        low, above = edge_of(standings(self.tried, asked.repeats))
        begin = math.log(low) if low else math.log(asked.least) - 0.1
        end = math.log(above) if above else math.log(asked.most) + 0.1
        # Two for each answer that the search may end with.
        number = min(math.ceil(2 * (end - begin) / math.log1p(asked.within)) + 1, _MOST_TRIED_OUT)
        for step in range(number + 1):
            yield math.exp(begin + (end - begin) * step / number)

    def _tries_until(self, capacity: float) -> int:
        trial = Search(self._asked, self.tried)
        return trial.carried_out(lambda load: "pass" if load <= capacity else "fail")

    def carried_out(self, oracle: Callable[[int], Outcome], most: int = 1000) -> int:
        """Search with an oracle that says what a try comes to; return how many tries there were."""
        while (load := self.next()) is not None and self.number < most:
            self.record(load, oracle(load))
        return self.number

    def _unless_settled(self, load: int) -> int | None:
        outcomes = self.tried[load]
        enough = is_settled(outcomes, self._asked.repeats)
        return None if enough or outcomes.count("undecided") >= MOST_UNDECIDED else load


def is_close(low: int, above: int, within: float) -> bool:
    """Return whether there is nothing to be tried between two loads for what is asked."""
    return above - low <= 1 or above <= low * (1 + within)


def between(low: int, above: int, asked: Asked) -> int:
    """Return a load that halves what lies between two, in proportion; a round number.

    What is asked about beside the edge, 1.5 times the plan's own number, is tried itself where it
    lies well between them.
    """
    headroom = round(HEADROOM * asked.own)
    if low * (1 + asked.within) <= headroom <= above / (1 + asked.within):
        return headroom
    step = 10 ** max(math.floor(math.log10(max((above - low) / 10, 1))), 0)
    rounded: int = round(math.sqrt(low * above) / step) * step
    return min(max(rounded, low + 1), above - 1)
