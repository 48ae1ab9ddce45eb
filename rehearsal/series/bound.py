"""How long runs one after the other take: before the first, and as far as is known then."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.reports.words import agreeing, counted, seconds, written

_AROUND_S: Final = {"embedded": 30.0, "external": 30.0, "docker": 90.0}
"""[A] What setting the stage, clearing it and judging take beside the plan's schedule."""
_AROUND_A_CELL_S: Final = 2.0
"""[A] What settling, judging and clearing the sale take of a matrix' cell, whose stage stays."""
_MINUTES_FROM_S: Final = 180.0


@dataclass(slots=True)
class TimeBound:
    """How much time a search may take.

    Attributes:
        scheduled_s: how long a run lasts by the plan.
        around_s: what comes on top, assumed.
        given_s: what the user lets it take; None: as long as was told.
        told_s: how long it takes at most, as told before it began; None: not yet. Never more from
            then on, whatever larger loads take.
        took_s: how long each run took that there was.
    """

    scheduled_s: float
    around_s: float
    given_s: float | None
    told_s: float | None = None
    took_s: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, plan: Plan, given_s: float | None) -> "TimeBound":
        """Return the bound for runs of a plan.

        Raises:
            PlanError: not even one run fits what the user lets it take.
        """
        bound = cls(_scheduled_s(plan), _AROUND_S[plan.target.stage], given_s)
        if given_s is not None and given_s < bound.each_s:
            raise PlanError(
                f"--at-most {seconds(given_s)} is not enough for one run of this plan, which takes "
                f"about {seconds(bound.each_s)}: give more, or shorten its schedule."
            )
        return bound

    @property
    def each_s(self) -> float:
        """How long a run takes: as long as the longest did, or as is assumed of the first."""
        return max(self.took_s) if self.took_s else self.scheduled_s + self.around_s

    def whole_s(self, tries: int) -> float:
        """Return how long so many tries take at most: no longer than was told before."""
        ahead_s = (tries - len(self.took_s)) * self.each_s
        whole_s = sum(self.took_s) + max(ahead_s, 0.0)
        return min(whole_s, self.most_s)

    @property
    def most_s(self) -> float:
        """How long the search may take: as the user gives, or as was told before it began."""
        if self.given_s is not None:
            return self.given_s
        return math.inf if self.told_s is None else self.told_s

    def lets_another(self, passed_s: float) -> bool:
        """Return whether one more run would end in time, so many seconds after the beginning."""
        return passed_s + self.each_s <= self.most_s

    def told(self, tries: int) -> str:
        """Return the bound as it is told, "at most 14 runs of about 75 s each …", and keep to the
        first that was."""
        how = (
            f"the first took {seconds(round(self.took_s[0]))}"
            if self.took_s
            else f"{seconds(round(self.scheduled_s, 1))} by the plan, and "
            f"{seconds(self.around_s)} assumed for the stage and the judging"
        )
        whole_s = self.whole_s(tries)
        in_all = f"{long_words(whole_s)} in all at most"
        if whole_s == self.given_s:
            in_all += ", as --at-most says"
        elif self.given_s is not None:
            most = long_words(self.given_s)
            in_all = f"{long_words(whole_s)} in all, and {most} at most, as --at-most says"
        elif whole_s == self.told_s:
            in_all += ", as was told before"
        if self.told_s is None:
            self.told_s = whole_s
        return (
            f"at most {counted(tries, 'run')} of about {seconds(round(self.each_s))} each ({how}), "
            f"{in_all}"
        )


@dataclass(slots=True)
class SeriesTime:
    """How long a series takes in which every plan is performed, whatever comes of it.

    Attributes:
        scheduled_s: how long each run lasts by its plan, in their order.
        around_s: what comes on top of each, assumed.
        beside_s: what came on top of each run that there was.
    """

    scheduled_s: Sequence[float]
    around_s: float
    beside_s: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, plans: Sequence[Plan]) -> "SeriesTime":
        """Return it for runs of these plans, at least one."""
        around_s = max(_AROUND_S[plan.target.stage] for plan in plans)
        return cls([_scheduled_s(plan) for plan in plans], around_s)

    def told(self) -> str:
        """Return it as it is told before the first run: "10 runs of about 54 s each …"."""
        least, most = (round(pick(self.scheduled_s), 1) for pick in (min, max))
        spans = [seconds(round(each + self.around_s)) for each in (least, most)]
        by_plan = [seconds(each) for each in (least, most)]
        each, by = (" to ".join(dict.fromkeys(words)) for words in (spans, by_plan))
        number = len(self.scheduled_s)
        whole = f": {long_words(self._ahead_s(0))} in all" if number > 1 else ""
        return (
            f"{counted(number, 'run')} of about {each}{' each' if number > 1 else ''} ({by} by the "
            f"plan, and {seconds(self.around_s)} assumed for the stage and the judging){whole}."
        )

    def took(self, place: int, took_s: float) -> None:
        """Take down how long the run at a place took from its beginning until it was judged."""
        self.beside_s.append(took_s - self.scheduled_s[place])

    def ahead(self, done: int, passed_s: float) -> str:
        """Return how far the series is, and how long the rest takes; "" after the last run."""
        left = len(self.scheduled_s) - done
        if not left:
            return ""
        rest = "last takes" if left == 1 else f"other {written(left)} take"
        return (
            f"{written(done)} of {written(len(self.scheduled_s))} done, after "
            f"{long_words(passed_s)}; the {rest} "
            f"about {long_words(self._ahead_s(done))}."
        )

    def _ahead_s(self, done: int) -> float:
        beside_s = statistics.median(self.beside_s) if self.beside_s else self.around_s
        return sum(max(each + beside_s, 0.0) for each in self.scheduled_s[done:])


def lanes_told(
    beside: Sequence[Plan], alone: Sequence[Plan], lanes: int, quiet_within_s: float
) -> str:
    """Return how long the cells of a matrix take, as it is told before the first: "98 cells of …".

    Args:
        beside: the plans of cells that lanes carry out at the same time, in their order.
        alone: those of cells that are carried out one by one after them.
        lanes: each sets its stage once.
        quiet_within_s: how long each of the latter may wait until no other program is at work.
    """
    busy_s = [_AROUND_S["embedded"]] * lanes
    each_s = [
        _scheduled_s(plan) - plan.schedule.settle + _AROUND_A_CELL_S for plan in (*beside, *alone)
    ]
    for cell_s in each_s[: len(beside)]:
        busy_s[busy_s.index(min(busy_s))] += cell_s
    whole_s = max(busy_s) + sum(each_s[len(beside) :])
    least, most = (pick(each_s) for pick in (min, max))
    spans = " to ".join(dict.fromkeys(seconds(round(each)) for each in (least, most)))
    together = f", {lanes} at a time" if lanes > 1 else ""
    last = f", {written(len(alone))} of them alone at the end" if beside and alone else ""
    each = " each" if len(each_s) > 1 else ""
    quiet = f", and up to {seconds(quiet_within_s)} more before "
    quiet += "each cell that is alone" if len(alone) > 1 else "the cell that is alone"
    return (
        f"{counted(len(each_s), 'cell')} of about {spans}{each} (by the plan, and "
        f"{seconds(_AROUND_A_CELL_S)} assumed for settling and judging){together}{last}, and "
        f"{seconds(_AROUND_S['embedded'])} assumed for setting the {agreeing(lanes, 'stage')}: "
        f"{long_words(whole_s)} in all{f'{quiet} while others are at work' if alone else ''}."
    )


def _scheduled_s(plan: Plan) -> float:
    schedule = plan.schedule
    return schedule.lead + schedule.sale + schedule.drain + schedule.settle


def long_words(span_s: float) -> str:
    """Return a span of time that may be minutes: "95 s", "12.5 min"."""
    if span_s < _MINUTES_FROM_S:
        return seconds(round(span_s))
    return f"{written(round(span_s / 60, 1))} min"
