"""The bound on a search's time: how long a run takes, before it is known and once it is."""

import math
from dataclasses import dataclass, field
from typing import Final

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.reports.words import counted, seconds, written

_AROUND_S: Final = {"embedded": 30.0, "external": 30.0, "docker": 90.0}
"""[A] What setting the stage, clearing it and judging take beside the plan's schedule."""
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
        schedule = plan.schedule
        scheduled_s = schedule.lead + schedule.sale + schedule.drain + schedule.settle
        bound = cls(scheduled_s, _AROUND_S[plan.target.stage], given_s)
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


def long_words(span_s: float) -> str:
    """Return a span of time that may be minutes: "95 s", "12.5 min"."""
    if span_s < _MINUTES_FROM_S:
        return seconds(round(span_s))
    return f"{written(round(span_s / 60, 1))} min"
