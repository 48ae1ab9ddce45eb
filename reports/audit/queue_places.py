"""False places: what students in the waiting room were told of their place and who is before them.

A place is wrong where another student has it too, where it was another before, where it lies behind
more students than had asked for one, where more are said to be ahead than can have been, for
students behind had been let in by then, or fewer, for somebody before was later still waiting.

Students are let in one after the other, so a position and how many are ahead of it say how far that
has come. What a worker knows of it may be a while old (`countdown.status_age_ns`).

What somebody else's target counts by a position is its own to say, and it may be the place in what
is left of the line. Where its scenario says `claims = True` and first come is first served, it is
wrong whatever is counted to be further back than before.
"""

from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import JOIN, QUEUE, STREAM
from dress_rehearsal.reports.audit.applicability import keeps_places
from dress_rehearsal.reports.audit.countdown import by_worker, status_age_ns
from dress_rehearsal.reports.audit.refusals import Wrong
from dress_rehearsal.reports.audit.said import NEVER_NS, Said
from dress_rehearsal.reports.words import counted, written

_FAR: Final = NEVER_NS // 2
"""Farther back than any queue is long."""


def false_places(said: Said) -> Wrong | None:
    """Count the students told a place that was not theirs; None where nobody was told one."""
    evidence = said.evidence
    if evidence.requests.empty:
        return None
    if not evidence.plan.target.ours:
        return _further_back(said) if keeps_places(evidence.plan, evidence.steps) else None
    position = said.told("told_position")
    told = position.known & said.at(JOIN, QUEUE, STREAM)
    if not told.any():
        return None
    places = pd.DataFrame({"student": said.student[told], "position": position.value[told]})
    places = places.drop_duplicates()
    first = places.drop_duplicates("student")
    moved = places.loc[places["student"].duplicated(), "student"].drop_duplicates()
    shared = first.loc[first["position"].duplicated(), "student"]
    beyond = said.students(told & (position.value > _asked(said)))
    more, fewer = _ahead(said, told)
    parts = (
        (moved.to_numpy(), "another place than before"),
        (shared.to_numpy(), "a place that another has"),
        (beyond, "a place behind more students than had come"),
        (said.students(more), "too many ahead"),
        (said.students(fewer), "too few ahead"),
    )
    who = np.unique(np.concatenate([students for students, _ in parts]))
    reasons = ", ".join(f"{written(len(each))} {words}" for each, words in parts if len(each))
    return len(who), (
        f"Wrong places: {counted(len(who), 'student was', 'students were')} told a place in the "
        f"queue that was not so ({reasons}{by_worker(said, more | fewer)})."
    )


def _further_back(said: Said) -> Wrong | None:
    """Count the students of somebody else's target who were told a place behind an earlier one.

    Who joins anew, or was let in before, stands somewhere else by right, and so may another device.
    """
    asked = said.at(JOIN, QUEUE) & (said.outcome == "ok") & (said.sent_ns >= 0)
    asked &= said.done_ns >= 0
    columns = (said.told("told_position"), said.told("told_ahead"))
    if not any((asked & column.known).any() for column in columns):
        return None
    rows = np.flatnonzero(said.at(JOIN) | asked)
    rows = rows[np.argsort(said.sent_ns[rows], kind="stable")]
    begins = pd.Series(said.at(JOIN) | said.told_flags("told_admitted"))[rows].astype("int64")
    line = [said.student[rows], said.device[rows]]
    stay = begins.groupby(line).cumsum().to_numpy()
    age_ns = status_age_ns(said)
    back = np.zeros(len(asked), dtype=bool)
    for column in columns:
        of = (asked & column.known & (column.value > 0) & ~said.told_flags("told_admitted"))[rows]
        at = rows[of]
        told = pd.DataFrame({"student": line[0][of], "device": line[1][of], "stay": stay[of]})
        told["value"], told["sent_ns"] = column.value[at], said.sent_ns[at] - age_ns
        told["done_ns"], told["row"] = said.done_ns[at], at
        who = ["student", "device", "stay"]
        before = told.sort_values("done_ns")[[*who, "value", "done_ns"]]
        before["least"] = before.groupby(who)["value"].cummin()
        told = pd.merge_asof(
            told, before.drop(columns="value"), left_on="sent_ns", right_on="done_ns", by=who
        )
        back[told.loc[told["value"] > told["least"], "row"]] = True
    moved = said.students(back)
    return len(moved), (
        f"Wrong places: {counted(len(moved), 'student was', 'students were')} told a place in the "
        f"queue further back, or more ahead, than before{by_worker(said, back)}."
    )


def _asked(said: Said) -> Any:
    """Return for each answer how many students may have asked for a place by then."""
    if said.evidence.timeline.record_cut:
        return np.full(len(said.role), NEVER_NS)
    joins = (said.role == JOIN) & said.reached
    first_ns = pd.Series(said.sent_ns[joins]).groupby(said.student[joins]).min()
    return np.searchsorted(np.sort(first_ns.to_numpy()), said.done_ns, side="right")


def _ahead(said: Said, told: Any) -> tuple[Any, Any]:
    """Return which answers told of more ahead than can have been, and which of fewer."""
    position, ahead = said.told("told_position").value, said.told("told_ahead")
    admitted = said.told_flags("told_admitted") | ((said.role == STREAM) & (said.outcome == "ok"))
    # How many had been let in, by each answer that names a place and how many are ahead of it.
    waiting = told & ahead.known & (said.role != STREAM) & ~admitted
    waiting |= told & ahead.known & (said.role == STREAM)
    let_in = position - 1 - ahead.value
    age_ns = status_age_ns(said)

    inside = told & admitted
    latest = _running(said.done_ns[inside], position[inside])
    known = latest(said.sent_ns - age_ns)
    more = waiting & (said.sent_ns >= 0) & (let_in < known)

    # Whoever asks after the answer and is not let in shows that it had not come so far; of a
    # stream it is not known when it told.
    still = waiting & ~more & (said.role != STREAM)
    later = _running(-said.sent_ns[still], -position[still])
    fewer = waiting & (let_in > -later(-(said.done_ns + age_ns)) - 1)
    return more, fewer


def _running(times_ns: Any, values: Any) -> Any:
    """Return a function that gives for moments the most of the values of until then."""
    order = np.argsort(times_ns, kind="stable")
    times = times_ns[order]
    highest = np.maximum.accumulate(np.concatenate([[-_FAR], values[order]]))

    def until(moments_ns: Any) -> Any:
        return highest[np.searchsorted(times, moments_ns, side="right")]

    return until
