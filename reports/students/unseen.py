"""Tickets that their owners do not know of, or never saw: both are told, beside the census.

Who was told of a ticket ends with one, by the target's own word. Whether that student ever saw it
is another question: each of the requests for the ticket or its code may have failed. And a store
may hold more tickets than students were told of, for answers get lost.
"""

from typing import Any, Final

import numpy as np

from dress_rehearsal.records.steps import CODE, TICKET
from dress_rehearsal.records.tables import ABANDONED, NO_FREE_PORT
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import durable_rows
from dress_rehearsal.reports.numbers import distinct, integers
from dress_rehearsal.reports.words import counted, written

OURS: Final = (ABANDONED, "cut", NO_FREE_PORT)
"""Words of failures that are none of the target's."""


def never_saw(evidence: Evidence) -> Any:
    """Return the students who ended with a ticket, asked to see it or its code, and never could.

    Returns:
        Their numbers, ascending (int64).
    """
    told = evidence.promises.students
    holders = integers(told.loc[told["outcome"] == "ticket", "student"])
    rows = evidence.requests
    asked = rows["role"].isin([TICKET, CODE]) & ~rows["error"].isin(OURS)
    asked = asked.to_numpy(dtype=bool)
    student = integers(rows.loc[asked, "student"], missing=-1)
    seen = rows.loc[asked, "outcome"].isin(["ok"]).to_numpy(dtype=bool)
    unseen = np.setdiff1d(distinct(student), distinct(student[seen]))
    return np.intersect1d(holders, unseen)


def unseen_notes(evidence: Evidence) -> list[str]:
    """Return a sentence on tickets that were never seen, one on codes that nobody had asked for by
    the end, and one on tickets that nobody was told of."""
    if evidence.plan.load is not None:
        return []
    notes = []
    who = never_saw(evidence)
    if len(who):
        students = counted(len(who), "student was", "students were")
        notes.append(
            f"{students} told of a ticket and never saw it: no request of theirs for the ticket or "
            f"its code was answered well. The census counts them with a ticket, by the target's "
            f"own word."
        )
    return notes + _without_code(evidence) + _untold(evidence)


def _without_code(evidence: Evidence) -> list[str]:
    """Return how many had a ticket and had not asked for its code by the end, where others had:
    they are under way no more, for what they came for they have."""
    told, rows = evidence.promises.students, evidence.requests
    holders = integers(told.loc[told["outcome"] == "ticket", "student"])
    codes = (rows["role"] == CODE).to_numpy(dtype=bool)
    asked = np.intersect1d(holders, distinct(integers(rows.loc[codes, "student"], missing=-1)))
    without = len(holders) - len(asked)
    if not len(asked) or not without:
        return []
    number = counted(len(holders), "student with a ticket", "students with a ticket")
    return [
        f"{written(without)} of {number} had not asked for its code when the run ended. They are "
        f"counted as with a ticket, and not as in flight."
    ]


def _untold(evidence: Evidence) -> list[str]:
    """Return why a store holds more tickets than students were told of, empty where it does not."""
    durable, told = durable_rows(evidence.stores), evidence.promises.students
    if durable is None or told.empty or "owners" not in evidence.stores.known:
        return []
    owners = distinct(integers(durable.loc[durable["student"] >= 0, "student"]))
    of = told[told["student"].isin(owners) & ~told["acked"] & ~told["claimed"]]
    if of.empty:
        return []
    under_way = int((of["outcome"] == "in_flight").sum())
    silent = int((of["undecided"] & (of["outcome"] != "in_flight")).sum())
    others = len(of) - under_way - silent
    kinds = [
        (number, words)
        for number, words in (
            (under_way, "were still under way at the end"),
            (silent, "had no answer to a try to buy"),
            (others, "were told otherwise"),
        )
        if number
    ]
    if len(kinds) == 1:
        ends = f"the other {written(len(of))} {kinds[0][1]}"
    else:
        each = ", ".join(f"{written(number)} {words}" for number, words in kinds)
        ends = f"of the other {written(len(of))}, {each}"
    hold, known = counted(len(owners), "student holds", "students hold"), len(owners) - len(of)
    hint = told[told["student"].isin(owners) & ~told["acked"] & told["claimed"]]
    unknown = ", whom the census counts as unknown" if (hint["outcome"] == "unknown").all() else ""
    only = f" ({written(len(hint))} only that they hold one already{unknown})"
    return [
        f"{hold} a ticket in {evidence.stores.durable}, and {written(known)} of them heard of it"
        f"{only if len(hint) else ''}: {ends}."
    ]
