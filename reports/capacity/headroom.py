"""Headroom: whether a load passes, how much more does, and how far either is known."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dress_rehearsal.reports.capacity.standing import (
    Edge,
    Outcome,
    Standing,
    edge_of,
    is_settled,
    standings,
)
from dress_rehearsal.reports.schema import Status
from dress_rehearsal.reports.words import counted, percent

_LARGER = {
    "undecided": "larger was tried, and is not decided",
    "limited": "larger cannot be sent from here",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the loads that were tried.

    Attributes:
        outcomes: what each try of a load came to.
        within: to what share of the load the edge was to be known.
        repeats: how often a load near the edge is tried at most.
        fails: the smallest load that fails beyond the largest that passes; None: none does.
        broken: whether the search ended because runs of a load had no verdict.
    """

    outcomes: Mapping[int, Sequence[Outcome]]
    standings: Mapping[int, Standing]
    edge: Edge
    fails: int | None
    within: float
    repeats: int
    broken: bool = False

    @classmethod
    def of(
        cls,
        outcomes: Mapping[int, Sequence[Outcome]],
        *,
        within: float,
        repeats: int,
        broken: bool = False,
    ) -> "Known":
        """Return what tries come to."""
        known = standings(outcomes, repeats)
        edge = edge_of(known)
        failing = [load for load, said in known.items() if said == "fail"]
        fails = min((load for load in failing if load > (edge.passes or 0)), default=None)
        return cls(outcomes, known, edge, fails, within, repeats, broken)

    @property
    def open_edge(self) -> str:
        """What goes with a sentence about the edge while further runs of a load there may move it;
        "" where they would not."""
        ends = (load for load in self.edge if load is not None)
        settled = all(is_settled(self.outcomes[load], self.repeats) for load in ends)
        return "" if settled else ", by an edge that is not settled"

    @property
    def is_found(self) -> bool:
        """Whether a load that fails lies as close above one that passes as was asked for."""
        passes, above = self.edge
        if passes is None or above is None or self.standings[above] != "fail":
            return False
        return above - passes <= 1 or above <= passes * (1 + self.within)

    @property
    def larger(self) -> str:
        """What is known beyond the largest load that passes, where none of those fails."""
        passes, above = self.edge
        if above is not None:
            return _LARGER[self.standings[above]]
        if any(load > (passes or 0) for load in self.standings):
            return _LARGER["undecided"]
        return "nothing larger has a verdict" if self.broken else "larger was not tried"

    def status(self, people: int) -> tuple[Status, int]:
        """Return whether a load passes, and by how many runs; a smaller one passes with a larger,
        and a larger one fails with a smaller."""
        passes, fails = self.edge.passes, self.fails
        if passes is not None and people <= passes:
            return "pass", self._runs("pass", people, passes)
        if fails is not None and people >= fails and self.standings.get(people) != "pass":
            return "fail", self._runs("fail", fails, people)
        return "inconclusive", 0

    def is_settled(self, status: Status, runs: int) -> bool:
        """Return whether further runs would not change what is said."""
        if status == "inconclusive":
            return True
        edge = self.edge.passes if status == "pass" else self.fails
        assert edge is not None
        return runs > self.repeats // 2 or is_settled(self.outcomes[edge], self.repeats)

    def _runs(self, outcome: Outcome, least: int, most: int) -> int:
        return sum(
            sum(each == outcome or (each, outcome) == ("wrong", "fail") for each in outcomes)
            for load, outcomes in self.outcomes.items()
            if least <= load <= most
        )


def headroom_of(people: int, known: Known) -> tuple[Status, str]:
    """Return whether a load passes, inconclusive where it is not settled, and the end of a
    sentence about it."""
    status, runs = known.status(people)
    if status == "inconclusive":
        return status, "is undecided" if people in known.standings else "was not tried"
    said = _passes(people, known) if status == "pass" else _fails(people, known)
    if known.is_settled(status, runs):
        return status, said
    by = "one run" if runs == 1 else counted(runs, "run")
    return "inconclusive", f"is not settled: by {by} it {said}"


def distance(passes: int, above: int) -> str:
    """Return how much larger a load is than another, a share that is rounded up."""
    return percent(math.ceil(1000 * (above - passes) / passes) / 1000)


def _passes(people: int, known: Known) -> str:
    passes, above = known.edge
    assert passes is not None
    more = math.floor(1000 * (passes - people) / people) / 1000
    if above is None or known.standings[above] != "fail":
        least = f", with at least {percent(more)} to spare" if more else ""
        return f"passes{least}; {known.larger}"
    if known.is_found and more:
        spare = percent(round(passes / people - 1, 3))
        return f"passes, with {spare} to spare{known.open_edge}"
    if above - people <= 1:
        return "passes, with nothing to spare"
    least = f"at least {percent(more)} and " if more else ""
    return f"passes, with {least}less than {distance(people, above)} to spare"


def _fails(people: int, known: Known) -> str:
    passes = known.edge.passes
    if passes is not None:
        share = percent(math.floor(1000 * passes / people) / 1000)
        if known.is_found:
            return f"does not pass: only {share} of it does{known.open_edge}"
        return f"does not pass; {share} of it does at least"
    if any(load < people for load in known.standings):
        return "does not pass, and nothing smaller that was tried does"
    return "does not pass; nothing smaller was tried"
