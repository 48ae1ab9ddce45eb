"""Worse off: groups of which nobody, or plainly fewer than of the others, got a ticket; and those
of which plainly more came to no good end.

A group is told of where that is no chance (`_LUCK`) and no trifle (`_PLAINLY`). Whoever was told of
counts no more: who came late also logged in late, and stands in the last tenths, and a group that
is nearly made of them is not told of. What the plan has act late comes first, then what is least
by chance: where one tenth was left without tickets, fewer of all who logged in early got any.
It is a fact and no accusation, so the reason stands with it where the plan or the sale has one.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from dress_rehearsal.records.tables import JOURNEYS
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.part import InCommon
from dress_rehearsal.reports.schema import Sale
from dress_rehearsal.reports.students.census import GOOD_ENDS
from dress_rehearsal.reports.students.errors_met import ErrorsMet
from dress_rehearsal.reports.students.reasons import (
    again_words,
    error_words,
    late_words,
    left_words,
)
from dress_rehearsal.reports.students.suffered import (
    AFTER_T0,
    NEVER,
    NEVER_NS,
    NOT_KNOWN,
    Crowd,
    Grouping,
    crowd_of,
    groupings,
)
from dress_rehearsal.reports.words import counted, percent, written

_FEWEST: Final = 20
"""Of fewer students nothing is told."""
_LUCK: Final = math.log(1e-5)
"""What would come about by luck with a chance of less than this (ln) is none: some fifty questions
are asked of a run."""
_PLAINLY: Final = 2.0
"""So many times fewer tickets, or more bad ends, than of the others are plainly so."""
_LEAST_BAD: Final = 0.01
"""A smaller share of bad ends is not told of."""
_NEW: Final = 0.1
"""Of a group of which fewer were not told of yet, it has all been said."""
_SPREAD: Final = 4.0
"""By so many standard deviations a share may be off that each student is drawn into."""
_MAY_NOT_BUY: Final = "outsider"
_LATE: Final = "late"


class _Set(NamedTuple):
    """Students of one kind of group, of one or several of its groups.

    Attributes:
        own: who they are (a bool a student of the crowd): where it went well for nobody all of
            them, else those who were not told of before.
        rest: whom they are held against.
        luck: the chance of such a difference, or a larger one, by luck (ln).
        one, many: what they are called after their number.
    """

    by: InCommon
    places: Sequence[int]
    own: Any
    rest: Any
    luck: float
    one: str
    many: str


class _Told(NamedTuple):
    """Who was told of, and as what."""

    own: Any
    sets: list[_Set]

    def add(self, found: _Set) -> None:
        self.own[found.own] = True
        self.sets.append(found)


class _Question(NamedTuple):
    """What is asked about each group.

    Attributes:
        asked: about whom it is asked at all (a bool a student of the crowd).
        well: for whom it went well.
        plainly: whether a share for whom it did is plainly worse than that of the others.
    """

    asked: Any
    well: Any
    plainly: Callable[[float, float], bool]


def group_notes(evidence: Evidence, met: ErrorsMet, sale: Sale) -> Iterator[str]:
    """Yield a sentence for each set of students that fared plainly worse than the others.

    Args:
        met: the requests that met an error.
    """
    if evidence.plan.load is not None or evidence.students.empty:
        return
    crowd = crowd_of(evidence)
    kinds = groupings(evidence, crowd)
    everybody = np.ones(len(crowd.student), dtype=bool)
    tickets = _Question(crowd.journey != _MAY_NOT_BUY, crowd.outcome == "ticket", _far_fewer)
    ends = _Question(everybody, np.isin(crowd.outcome, GOOD_ENDS), _far_more_bad)
    empty, bad = (_Told(np.zeros(len(everybody), dtype=bool), []) for _ in range(2))
    while found := min(_worse(kinds, tickets, empty), key=_planned_first, default=None):
        left = left_words(evidence, crowd, found.own, sale, met)
        plan, explains = _plan_words(evidence, crowd, found)
        why = late_words(evidence, crowd, found.own, found.rest, sale, plan, explains)
        if left:
            why = f"{left}; {plan}" if plan else left
        yield f"{_tickets_words(found, tickets, empty)}{why}."
        empty.add(found)
        if left:
            bad.add(found)  # it says how they ended
    while found := min(_worse(kinds, ends, bad), key=lambda each: each.luck, default=None):
        error = error_words(crowd, found.own & ~ends.well, met)
        yield f"{_ends_words(found, ends)}{error}."
        bad.add(found)


def _planned_first(found: _Set) -> tuple[bool, bool, float]:
    """Return what sets are told of by, in order: those that the plan has come or log in late, the
    latecomers first."""
    late = found.by == "journey" and found.places == [JOURNEYS.index(_LATE)]
    logged_in_late = found.by == "login" and set(found.places) <= set(AFTER_T0)
    return not late, not logged_in_late, found.luck


def _far_fewer(share: float, other: float) -> bool:
    return _PLAINLY * share <= other


def _far_more_bad(share: float, other: float) -> bool:
    return 1 - share >= max(_LEAST_BAD, _PLAINLY * (1 - other))


def _worse(groupings: Sequence[Grouping], question: _Question, told: _Told) -> Iterator[_Set]:
    """Yield the sets that fared plainly worse: groups of a kind that are alike in that together."""
    asked, new = question.asked, question.asked & ~told.own
    for grouping in groupings:
        groups = [grouping.places == place for place in range(len(grouping.names))]
        lucks = [_luck(group, new, question) for group in groups]
        found = [
            place
            for place, name in enumerate(grouping.names)
            if name != NOT_KNOWN and lucks[place] < _LUCK
        ]
        nobody = [
            place
            for place, group in enumerate(groups)
            if (group & asked).sum() >= _FEWEST and not (group & asked & question.well).any()
        ]
        alike = [nobody if set(nobody) & set(found) else []]  # that nobody did is one fact
        alike.append([place for place in found if place not in nobody])
        if grouping.by == "journey":
            alike = [[place] for place in found]
        for places in filter(None, alike):
            every, none = np.isin(grouping.places, places), set(places) <= set(nobody)
            own = every & (asked if none else new)
            which = "may buy and " if (every & ~asked).any() else ""
            if (every & asked & ~own).any():
                which = f"are not told of above{', ' if which else ' and '}{which}"
            luck = min(lucks[place] for place in places)
            called = _called(grouping, places, which)
            yield _Set(grouping.by, places, own, new & ~every, luck, *called)


def _luck(group: Any, new: Any, question: _Question) -> float:
    """Return the chance (ln) of a group's new students faring so much worse than the other new ones
    by luck; 0 where it is not plainly worse, or too few are new."""
    mine, others = group & new, new & ~group
    students, rest = int(mine.sum()), int(others.sum())
    if students < max(_FEWEST, _NEW * int((group & question.asked).sum())) or not rest:
        return 0.0
    good, better = int((mine & question.well).sum()), int((others & question.well).sum())
    if not question.plainly(good / students, better / rest):
        return 0.0
    return by_luck(good, students, better, rest)


def by_luck(good: int, students: int, better: int, rest: int) -> float:
    """Return the chance (ln) of so few good ends, or fewer, were ends dealt out by lot.

    The lower tail of the hypergeometric distribution (Fisher's exact test, one-sided).

    Args:
        good: of so many students of a group.
        better: of the rest.
    """
    ends, everybody = good + better, students + rest

    def ways(whole: int, part: int) -> float:
        return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)

    least = max(0, students - (everybody - ends))
    each = [
        ways(ends, few) + ways(everybody - ends, students - few) for few in range(least, good + 1)
    ]
    most = max(each)
    return (
        most + math.log(math.fsum(math.exp(one - most) for one in each)) - ways(everybody, students)
    )


def _called(grouping: Grouping, places: Sequence[int], which: str) -> tuple[str, str]:
    """Return what students of some groups of a kind are called: one of them, and several.

    Args:
        which: what else they have in common, before that.
    """
    names = [grouping.names[place] for place in places]
    match grouping.by:
        case "journey":
            who = f" who {which.removesuffix(' and ')}" if which else ""
            return f"{names[0]} student{who}", f"{names[0]} students{who}"
        case "login":
            there = [place for place in AFTER_T0 if (grouping.places == place).any()]
            if there and set(there) <= set(places):
                others = [grouping.names[place] for place in places if place not in there]
                names = [*others[: -1 if NEVER in others else None], "after T-0"]
                names += [NEVER] if NEVER in others else []
            what = " or ".join(
                "never logged in" if name == NEVER else f"first logged in {name}" for name in names
            )
        case "arrival":
            tenths = " and ".join(str(place + 1) for place in places)
            if len(places) > 1 and places[-1] - places[0] == len(places) - 1:
                tenths = f"{places[0] + 1} to {places[-1] + 1}"
            what = f"came in {'tenth' if len(places) == 1 else 'tenths'} {tenths}"
        case "early_click":
            clicks = {"refused as too early": "were told that they clicked too early"}
            what = " or ".join(clicks.get(name, f"had {name}") for name in names)
        case "devices":
            what = f"used {' or '.join(names)}"
    return f"student who {which}{what}", f"students who {which}{what}"


def _tickets_words(found: _Set, question: _Question, told: _Told) -> str:
    """Return how few of a set got a ticket."""
    number = int(found.own.sum())
    who = counted(number, found.one, found.many)
    got = int((found.own & question.well).sum())
    if not got:
        return f"None of {who} got a ticket{_among(found, told)}"
    others = percent(int(question.well[found.rest].sum()), int(found.rest.sum()))
    return f"Only {written(got)} of {who} got a ticket ({percent(got, number)}, others {others})"


def _ends_words(found: _Set, question: _Question) -> str:
    """Return how many of a set came to no good end."""
    number = int(found.own.sum())
    bad = int((found.own & ~question.well).sum())
    others = percent(int((~question.well)[found.rest].sum()), int(found.rest.sum()))
    return (
        f"{written(bad)} of {counted(number, found.one, found.many)} had no good end "
        f"({percent(bad, number)}, others {others})"
    )


def _among(found: _Set, told: _Told) -> str:
    """Return who of a set was told of before, in brackets; empty where nobody was."""
    left, parts = found.own.copy(), []
    for earlier in told.sets:
        if number := int((left & earlier.own).sum()):
            parts.append(counted(number, earlier.one, earlier.many))
            left &= ~earlier.own
    return f" ({', '.join(parts)} among them)" if parts else ""


def _plan_words(evidence: Evidence, crowd: Crowd, found: _Set) -> tuple[str, bool]:
    """Return what the plan has to do with a set, as a clause, and whether it explains that they
    clicked late."""
    if found.by == "early_click":
        return again_words(evidence, crowd.student[found.own]), False
    late = crowd.journey == _LATE
    if found.by == "journey" and late[found.own].all():
        return "the plan has them come after T-0", True
    if found.by == "arrival" and evidence.t0_ns is not None:
        came_ns = crowd.arrival_ns[found.own]
        if ((came_ns >= evidence.t0_ns) & (came_ns < NEVER_NS)).all():
            return "the plan has them come after T-0", True
    if found.by != "login" or not set(found.places) <= set(AFTER_T0):
        return "", False
    planned = 1 - evidence.plan.students.login_before
    punctual, after = int((~late).sum()), int((found.own & ~late).sum())
    if after <= planned * punctual + _SPREAD * math.sqrt(planned * (1 - planned) * punctual):
        return "the plan has them log in only then (students.login_before)", True
    return (
        f"of those who are not late the plan has {percent(planned)} log in only then "
        f"(students.login_before), and {percent(after, punctual)} did"
    ), False
