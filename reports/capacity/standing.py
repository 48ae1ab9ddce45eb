"""What the tries of a load say of it together, and where the loads that pass end."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

Outcome = Literal["pass", "fail", "wrong", "limited", "undecided"]
"""What one try of a load came to. fail: limits broke, which another try may keep. wrong: it failed
by what no other try undoes, such as a student who was wronged. limited: the generator, or the
machine it runs on, was at its end. undecided: anything else that decides nothing, such as other
programs that took the CPU."""

Standing = Literal["pass", "fail", "limited", "undecided", "open"]
"""What all tries of a load come to; open: it has to be tried again to say."""

MOST_UNDECIDED: Final = 3
"""Tries of one load that may decide nothing: after so many it is left undecided."""


class Edge(NamedTuple):
    """The largest load that passes below every one that does not, and the smallest that does not;
    None where there is none."""

    passes: int | None
    above: int | None


def standing(outcomes: Sequence[Outcome], repeats: int) -> Standing:
    """Return what a load's tries say: what most of those say that decide something.

    Of as many tries as there may be of a load, and no majority, it does not pass. Nor does it where
    any of them went wrong.

    Args:
        repeats: how often a load may be tried near the edge.
    """
    if "wrong" in outcomes:
        return "fail"
    counts = Counter(_deciding(outcomes))
    given_up = outcomes.count("undecided") >= MOST_UNDECIDED
    if not counts:
        return "undecided" if given_up else "open"
    most = max(counts.values())
    leading = [each for each, count in counts.items() if count == most]
    if len(leading) == 1:
        return leading[0]
    if counts.total() < repeats:
        return "undecided" if given_up else "open"
    return "fail" if "fail" in leading else "limited"


def _deciding(outcomes: Sequence[Outcome]) -> list[Literal["pass", "fail", "limited"]]:
    return [each for each in outcomes if each != "undecided" and each != "wrong"]


def is_settled(outcomes: Sequence[Outcome], repeats: int) -> bool:
    """Return whether further tries of a load would not change what is said: as many agree as decide
    it, or there were as many that decide something as there may be, or one went wrong."""
    counts = Counter(_deciding(outcomes))
    most = max(counts.values(), default=0)
    return "wrong" in outcomes or most > repeats // 2 or counts.total() >= repeats


def standings(tries: Mapping[int, Sequence[Outcome]], repeats: int) -> dict[int, Standing]:
    """Return the standing of every load that was tried, the smallest load first."""
    return {load: standing(tries[load], repeats) for load in sorted(tries)}


def edge_of(standing_by_load: Mapping[int, Standing]) -> Edge:
    """Return where the loads that pass end.

    What passed above a load that does not is luck, and counts for nothing.
    """
    bad = [load for load, each in standing_by_load.items() if each not in ("pass", "open")]
    above = min(bad, default=None)
    good = [
        load
        for load, each in standing_by_load.items()
        if each == "pass" and (above is None or load < above)
    ]
    return Edge(max(good, default=None), above)
