"""Who suffered: what came of students, and how long buying took them, by what they have in common.

Five questions about one crowd, each answered by groups that add up to it: which journey they took,
on how many devices, whether they had logged in before T-0, when they came (in tenths of equal
size), and whether they clicked too early. What differs between groups is a fact and no accusation:
who comes after the last ticket went gets none, and who is not enrolled is refused.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any, Final, NamedTuple

import numpy as np

from dress_rehearsal.records.steps import LOGIN, PAGE, PURCHASE
from dress_rehearsal.records.tables import JOURNEYS, NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.interval import AT_ONCE, percentile_interval
from dress_rehearsal.reports.numbers import integers, least_of, percentile, rounded
from dress_rehearsal.reports.part import Group, InCommon
from dress_rehearsal.reports.students.census import GOOD_ENDS
from dress_rehearsal.reports.words import offset

AFTER_T0: Final = (1, 2)
"""Places of the groups that first logged in from T-0 on."""
NEVER: Final = "never"
"""The group that never asked to log in."""
NOT_KNOWN: Final = "not known"
"""The group of which nothing is on record that it could be told by."""
TOO_EARLY: Final = "too_early"
"""What a click is answered before the sale is open."""
FEWEST: Final = 100
"""Of fewer requests the p99 is the slowest one: no percentile is given."""
_ONE_BY_ONE: Final = 500
"""Of more students, only those who may decide a p99 are drawn again: there are dozens of groups."""
_TENTHS: Final = 10
_MOST_DEVICES: Final = 3
NEVER_NS: Final = np.iinfo("int64").max
"""When those came who never did."""
_SEVERAL: Final = "multi-device"
_P99: Final = Fraction(99, 100)


class Crowd(NamedTuple):
    """The students of a run, a row each, in the order of their numbers."""

    student: Any
    outcome: Any
    journey: Any
    arrival_ns: Any
    clicked_s: Any
    """When each first clicked to buy (s from zero); NaN: never."""


class Grouping(NamedTuple):
    """Who is in which group: a place in `names` for each student, -1 for none of them."""

    by: InCommon
    names: Sequence[str]
    places: Any


class _Asked(NamedTuple):
    """What of the students' requests to buy is asked about.

    Attributes:
        sent: how many each student sent.
        tried: how many of these began a try: the others were its further steps.
        waited: whose each request was that counts, as a place among the students.
        felt_ms: how long each of these took.
        given_up: which of these nobody waited for any longer (bool).
    """

    sent: Any
    tried: Any
    waited: Any
    felt_ms: Any
    given_up: Any


def find_groups(evidence: Evidence) -> tuple[Group, ...]:
    """Return what came of the students by what they have in common; nothing without students."""
    if evidence.plan.load is not None or evidence.students.empty:
        return ()
    crowd = crowd_of(evidence)
    asked = _requests_to_buy(evidence, crowd)
    told_apart = [
        (grouping, place)
        for grouping in groupings(evidence, crowd)
        for place in range(len(grouping.names))
        if (grouping.places == place).any()
    ]
    seed = evidence.plan.seed
    with ThreadPoolExecutor(AT_ONCE) as beside:  # numpy reckons without the GIL
        return tuple(beside.map(lambda own: _group(crowd, asked, own[0], own[1], seed), told_apart))


def crowd_of(evidence: Evidence) -> Crowd:
    """Return the students on record, those alone whose number is known."""
    rows = evidence.students.drop_duplicates("student")
    rows = rows[rows["student"].notna()].sort_values("student", kind="stable")
    return Crowd(
        integers(rows["student"]),
        rows["outcome"].astype("object").to_numpy(),
        rows["journey"].astype("object").to_numpy(),
        integers(rows["arrival_ns"], missing=NEVER_NS),
        evidence.timeline.seconds(rows["clicked_ns"]),
    )


def groupings(evidence: Evidence, crowd: Crowd) -> tuple[Grouping, ...]:
    """Return the crowd's groups, each student in one of each kind."""
    return (
        _by_journey(crowd),
        _by_devices(evidence, crowd),
        _by_login(evidence, crowd),
        _by_arrival(evidence, crowd),
        _by_early_click(evidence, crowd),
    )


def _requests_to_buy(evidence: Evidence, crowd: Crowd) -> _Asked:
    buying = (evidence.requests["role"] == PURCHASE).to_numpy(dtype=bool)
    sent = buying & evidence.requests["sent_ns"].notna().to_numpy(dtype=bool)
    frame = evidence.latency.loc[
        buying & evidence.latency["counts"].to_numpy(dtype=bool),
        ["student", "felt_ms", "given_up"],
    ]
    waited = _places(crowd.student, frame["student"].to_numpy())
    known = waited >= 0

    def number(which: Any) -> Any:
        own = integers(evidence.requests.loc[which, "student"], missing=-1)
        places = _places(crowd.student, own)
        return np.bincount(places[places >= 0], minlength=len(crowd.student))

    return _Asked(
        number(sent),
        number(sent & evidence.buying.begins),
        waited[known],
        frame["felt_ms"].to_numpy()[known],
        frame["given_up"].to_numpy(dtype=bool)[known],
    )


def _places(known: Any, asked: Any) -> Any:
    """Return where each number stands among those known, which ascend; -1: it is none of them."""
    if not len(known):
        return np.full(len(asked), -1)
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return np.where(known[place] == asked, place, -1)


def _by_journey(crowd: Crowd) -> Grouping:
    places = np.full(len(crowd.student), -1)
    for place, name in enumerate(JOURNEYS):
        places[crowd.journey == name] = place
    return Grouping("journey", JOURNEYS, places)


def _by_devices(evidence: Evidence, crowd: Crowd) -> Grouping:
    """Group by how many devices were seen: of those with one, connections have numbers too.

    Of one with several devices of whom no request is recorded, it is not known how many.
    """
    rows = evidence.requests
    several = (rows["journey"] == _SEVERAL).to_numpy(dtype=bool)
    several = several & rows["role"].isin([PAGE, PURCHASE]).to_numpy(dtype=bool)
    own = _places(crowd.student, integers(rows.loc[several, "student"], missing=-1))
    device = integers(rows.loc[several, "device"])
    seen = np.unique(np.stack([own, device])[:, own >= 0], axis=1)[0]
    devices = np.bincount(seen, minlength=len(crowd.student))
    places = np.clip(devices, 1, _MOST_DEVICES) - 1
    places[(devices == 0) & (crowd.journey == _SEVERAL)] = _MOST_DEVICES
    names = ("1 device", "2 devices", f"{_MOST_DEVICES} devices or more", NOT_KNOWN)
    return Grouping("devices", names, places)


def _by_login(evidence: Evidence, crowd: Crowd) -> Grouping:
    """Group by when each first asked to log in; a scenario may have no login at all."""
    t0_ns, rows = evidence.t0_ns, evidence.requests
    logins = (rows["role"] == LOGIN).to_numpy(dtype=bool)
    logins = logins & rows["intended_ns"].notna().to_numpy(dtype=bool)
    if t0_ns is None or not logins.any():
        return Grouping("login", (), np.full(len(crowd.student), -1))
    first_ns = least_of(
        integers(rows.loc[logins, "student"], missing=-1),
        integers(rows.loc[logins, "intended_ns"]),
        crowd.student,
        missing=NEVER_NS,
    )
    within_s = evidence.plan.students.login_at_open
    soon = f"T-0 to {offset(within_s)}"
    edges = np.array([t0_ns, t0_ns + round(within_s * NS_PER_S), NEVER_NS - 1])
    names = ("before T-0", soon, "later", NEVER)
    return Grouping("login", names, np.searchsorted(edges, first_ns, side="right"))


def _by_arrival(evidence: Evidence, crowd: Crowd) -> Grouping:
    """Group by tenths of those who came, the first first; who came at once stays together."""
    came, zero_ns = crowd.arrival_ns < NEVER_NS, evidence.timeline.zero_ns
    places = np.full(len(crowd.student), -1)
    if not came.any():
        return Grouping("arrival", (), places)
    since_s = (crowd.arrival_ns[came] - zero_ns) / NS_PER_S
    shares = np.arange(1, _TENTHS) / _TENTHS
    edges = np.quantile(since_s, shares, method="lower")
    places[came] = np.searchsorted(edges, since_s, side="left")
    names = []
    for place in range(_TENTHS):
        own = since_s[places[came] == place]
        first, last = (
            (round(float(end), 2) for end in (own.min(), own.max())) if len(own) else (0, 0)
        )
        names.append(f"{place + 1}: {offset(first)} to {offset(last)}")
    return Grouping("arrival", names, places)


def _by_early_click(evidence: Evidence, crowd: Crowd) -> Grouping:
    """Group by whether each was told too early when it clicked; no groups where nobody was."""
    rows = evidence.requests
    early = ((rows["role"] == PURCHASE) & (rows["error"] == TOO_EARLY)).to_numpy(dtype=bool)
    own = _places(crowd.student, integers(rows.loc[early, "student"], missing=-1))
    if not (own >= 0).any():
        return Grouping("early_click", (), np.full(len(crowd.student), -1))
    places = np.where(np.isnan(crowd.clicked_s), 2, 1)
    places[own[own >= 0]] = 0
    return Grouping("early_click", ("refused as too early", "none too early", "no click"), places)


def _group(crowd: Crowd, asked: _Asked, groups: Grouping, place: int, seed: int) -> Group:
    own = groups.places == place
    ends = {word: int((crowd.outcome[own] == word).sum()) for word in GOOD_ENDS}
    sent = asked.sent[own]
    clickers = int((sent > 0).sum())
    mine = own[asked.waited]
    felt, students = asked.felt_ms[mine], crowd.student[asked.waited[mine]]
    enough = len(felt) >= FEWEST
    drawn_by = (seed, _ORDER.index(groups.by), place)
    interval = percentile_interval(felt, students, _P99, drawn_by, _ONE_BY_ONE) if enough else None
    low, high = (None, None) if interval is None else interval
    given_up = felt[asked.given_up[mine]]
    least = float(given_up.min()) if len(given_up) else math.inf
    return Group(
        by=groups.by,
        group=groups.names[place],
        students=int(own.sum()),
        **ends,
        no_good_end=int(own.sum()) - sum(ends.values()),
        requests=int(sent.sum()),
        amplification=rounded(asked.tried[own].sum() / clickers) if clickers else None,
        waited=len(felt),
        p99=rounded(percentile(felt, 99)) if enough else None,
        p99_low=low,
        p99_high=None if high is None or least <= high else high,
        at_least=enough and least <= percentile(felt, 99),
    )


_ORDER: Final[tuple[InCommon, ...]] = ("journey", "devices", "login", "arrival", "early_click")
