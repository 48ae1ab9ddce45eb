"""Who suffered: what came of students, and how long buying took them, by what they have in common.

Four questions about one crowd, each answered by groups that add up to it: which journey they took,
on how many devices, whether they had logged in before T-0, and when they came (in tenths of equal
size). What differs between groups is a fact and no accusation: who comes after the last ticket went
gets none, and who is not enrolled is refused.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any, Final, NamedTuple

import numpy as np

from dress_rehearsal.plans.names import ENDS
from dress_rehearsal.records.steps import LOGIN, PAGE, PURCHASE
from dress_rehearsal.records.tables import ABANDONED, JOURNEYS, NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.interval import AT_ONCE, percentile_interval
from dress_rehearsal.reports.numbers import integers, least_of, percentile, rounded
from dress_rehearsal.reports.part import Group, InCommon
from dress_rehearsal.reports.schema import Sale
from dress_rehearsal.reports.words import agreeing, counted, offset, written

FEWEST: Final = 100
"""Of fewer requests the p99 is the slowest one: no percentile is given."""
_FEWEST_STUDENTS: Final = 20
"""Of fewer students it is no news that none of them got a ticket."""
_ONE_BY_ONE: Final = 500
"""Of more students, only those who may decide a p99 are drawn again: there are dozens of groups."""
_TENTHS: Final = 10
_MOST_DEVICES: Final = 3
_NEVER_NS: Final = np.iinfo("int64").max
_GOOD_ENDS: Final = ("ticket", "sold_out", "refused")
_MAY_NOT_BUY: Final = "outsider"
_LATE: Final = "late"
_SEVERAL: Final = "multi-device"
_P99: Final = Fraction(99, 100)


class _Groups(NamedTuple):
    """Who is in which group: a place in `names` for each student, -1 for none of them."""

    by: InCommon
    names: Sequence[str]
    places: Any


class _Crowd(NamedTuple):
    """The students of a run, a row each, and what of their requests is asked about."""

    student: Any
    outcome: Any
    journey: Any
    arrival_ns: Any
    asked: Any
    """How often each sent a request to buy."""
    waited: Any
    """Whose each request to buy was that counts, as a place among the students."""
    felt_ms: Any
    given_up: Any
    """Which of these nobody waited for any longer (bool)."""


def find_groups(evidence: Evidence) -> tuple[Group, ...]:
    """Return what came of the students by what they have in common; nothing without students."""
    if evidence.plan.load is not None or evidence.students.empty:
        return ()
    crowd = _crowd(evidence)
    found = (
        _by_journey(crowd),
        _by_devices(evidence, crowd),
        _by_login(evidence, crowd),
        _by_arrival(evidence, crowd),
    )
    told_apart = [
        (groups, place)
        for groups in found
        for place in range(len(groups.names))
        if (groups.places == place).any()
    ]
    with ThreadPoolExecutor(AT_ONCE) as beside:  # numpy reckons without the GIL
        return tuple(
            beside.map(lambda own: _group(crowd, own[0], own[1], evidence.plan.seed), told_apart)
        )


def group_notes(evidence: Evidence, groups: Sequence[Group], sale: Sale) -> Iterator[str]:
    """Yield a sentence for each journey of which nobody got a ticket though others did."""
    journeys = [group for group in groups if group.by == "journey"]
    if not any(group.ticket for group in journeys):
        return
    for group in journeys:
        if group.ticket or group.students < _FEWEST_STUDENTS or group.group == _MAY_NOT_BUY:
            continue
        who = counted(group.students, f"{group.group} student")
        why = _when(evidence, group.group, sale) or _though_left(evidence, group.group, sale)
        yield f"None of {who} got a ticket{why}."


def _though_left(evidence: Evidence, journey: str, sale: Sale) -> str:
    """Return that tickets were left, how a journey's students ended and what error most of them
    met, as a clause; empty where none were left, or nobody knows."""
    places = evidence.plan.event.tickets
    if sale.granted is None or sale.granted >= places:
        return ""
    rows = evidence.students.drop_duplicates("student")
    mine = rows[(rows["journey"] == journey).to_numpy(dtype=bool)]
    counts = mine["outcome"].astype("object").value_counts()
    ends = ", ".join(
        f"{written(int(number))} {ENDS[str(word)].words}"
        for word, number in counts.items()
        if word in ENDS
    )
    were = agreeing(places - sale.granted, "was", "were")
    left = f", though {written(places - sale.granted)} of {counted(places, 'ticket')} {were} left"
    requests = evidence.requests
    bad = requests["outcome"].isin(["failed", "unknown"]) & (requests["error"] != ABANDONED).fillna(
        True
    )
    met = requests.loc[
        bad.to_numpy(dtype=bool) & requests["student"].isin(mine["student"]).to_numpy(dtype=bool),
        ["student", "step", "error"],
    ].drop_duplicates()
    most = met.groupby(["step", "error"], observed=True).size()
    if most.empty:
        return f"{left}; they ended: {ends}"
    step, error = most.idxmax()
    return f"{left}; they ended: {ends}; {written(int(most.max()))} met the error {error} at {step}"


def _when(evidence: Evidence, journey: str, sale: Sale) -> str:
    """Return when the last ticket went and when the first of a journey clicked, as a clause."""
    students, t0_ns = evidence.students, evidence.t0_ns
    clicked = students.loc[(students["journey"] == journey).to_numpy(dtype=bool), "clicked_ns"]
    clicked = clicked.dropna()
    if sale.sold_out_after_s is None or t0_ns is None or clicked.empty:
        return ""
    since_s = (integers(clicked) - t0_ns) / NS_PER_S
    before = int((since_s < sale.sold_out_after_s).sum())
    went = f": the last one went at {offset(sale.sold_out_after_s)}"
    if before:
        return f"{went}, and {written(before)} of them had clicked by then"
    first = offset(round(float(since_s.min()), 2))
    by_plan = "; the plan has them come after T-0, so this is no wrong" if journey == _LATE else ""
    return f"{went}, and the first of them clicked at {first}{by_plan}"


def _crowd(evidence: Evidence) -> _Crowd:
    rows = evidence.students.drop_duplicates("student")
    rows = rows[rows["student"].notna()].sort_values("student", kind="stable")
    student = integers(rows["student"])
    buying = (evidence.requests["role"] == PURCHASE).to_numpy(dtype=bool)
    sent = buying & evidence.requests["sent_ns"].notna().to_numpy(dtype=bool)
    asked = _places(student, integers(evidence.requests.loc[sent, "student"], missing=-1))
    frame = evidence.latency.loc[
        buying & evidence.latency["counts"].to_numpy(dtype=bool),
        ["student", "felt_ms", "given_up"],
    ]
    waited = _places(student, frame["student"].to_numpy())
    known = waited >= 0
    return _Crowd(
        student,
        rows["outcome"].astype("object").to_numpy(),
        rows["journey"].astype("object").to_numpy(),
        integers(rows["arrival_ns"], missing=_NEVER_NS),
        np.bincount(asked[asked >= 0], minlength=len(student)),
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


def _by_journey(crowd: _Crowd) -> _Groups:
    places = np.full(len(crowd.student), -1)
    for place, name in enumerate(JOURNEYS):
        places[crowd.journey == name] = place
    return _Groups("journey", JOURNEYS, places)


def _by_devices(evidence: Evidence, crowd: _Crowd) -> _Groups:
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
    names = ("1 device", "2 devices", f"{_MOST_DEVICES} devices or more", "not known")
    return _Groups("devices", names, places)


def _by_login(evidence: Evidence, crowd: _Crowd) -> _Groups:
    """Group by when each first asked to log in; a scenario may have no login at all."""
    t0_ns, rows = evidence.t0_ns, evidence.requests
    logins = (rows["role"] == LOGIN).to_numpy(dtype=bool)
    logins = logins & rows["intended_ns"].notna().to_numpy(dtype=bool)
    if t0_ns is None or not logins.any():
        return _Groups("login", (), np.full(len(crowd.student), -1))
    first_ns = least_of(
        integers(rows.loc[logins, "student"], missing=-1),
        integers(rows.loc[logins, "intended_ns"]),
        crowd.student,
        missing=_NEVER_NS,
    )
    within_s = evidence.plan.students.login_at_open
    soon = f"T-0 to {offset(within_s)}"
    edges = np.array([t0_ns, t0_ns + round(within_s * NS_PER_S), _NEVER_NS - 1])
    names = ("before T-0", soon, "later", "never")
    return _Groups("login", names, np.searchsorted(edges, first_ns, side="right"))


def _by_arrival(evidence: Evidence, crowd: _Crowd) -> _Groups:
    """Group by tenths of those who came, the first first; who came at once stays together."""
    came, zero_ns = crowd.arrival_ns < _NEVER_NS, evidence.timeline.zero_ns
    places = np.full(len(crowd.student), -1)
    if not came.any():
        return _Groups("arrival", (), places)
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
    return _Groups("arrival", names, places)


def _group(crowd: _Crowd, groups: _Groups, place: int, seed: int) -> Group:
    own = groups.places == place
    ends = {word: int((crowd.outcome[own] == word).sum()) for word in _GOOD_ENDS}
    asked = crowd.asked[own]
    clickers = int((asked > 0).sum())
    mine = own[crowd.waited]
    felt, students = crowd.felt_ms[mine], crowd.student[crowd.waited[mine]]
    enough = len(felt) >= FEWEST
    drawn_by = (seed, _ORDER.index(groups.by), place)
    interval = percentile_interval(felt, students, _P99, drawn_by, _ONE_BY_ONE) if enough else None
    low, high = (None, None) if interval is None else interval
    return Group(
        by=groups.by,
        group=groups.names[place],
        students=int(own.sum()),
        **ends,
        no_good_end=int(own.sum()) - sum(ends.values()),
        requests=int(asked.sum()),
        amplification=rounded(asked.sum() / clickers) if clickers else None,
        waited=len(felt),
        p99=rounded(percentile(felt, 99)) if enough else None,
        p99_low=low,
        p99_high=high,
        at_least=enough and bool((felt[crowd.given_up[mine]] <= percentile(felt, 99)).any()),
    )


_ORDER: Final[tuple[InCommon, ...]] = ("journey", "devices", "login", "arrival")
