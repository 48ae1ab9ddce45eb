"""Bots: what share of the requests was theirs, by time, and what they got for it."""

from typing import Any, Final

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.words import counted, percent

_BOT: Final = "bot"
_AFTER_S: Final = 10


def bot_notes(evidence: Evidence) -> list[str]:
    """Return a sentence where there were bots: their share of the requests by time, and of tickets.

    Of requests that were sent, before T-0 from when bots begin to ask without pause, and after it.
    """
    habits, t0_ns = evidence.plan.students, evidence.t0_ns
    if evidence.plan.load is not None or not habits.bots or t0_ns is None:
        return []
    sent = evidence.requests["sent_ns"].notna().to_numpy(dtype=bool)
    rows = evidence.requests.loc[sent, ["journey", "sent_ns"]]
    theirs = (rows["journey"] == _BOT).to_numpy(dtype=bool)
    if not theirs.any():
        return []
    since_s: Any = (rows["sent_ns"].to_numpy(dtype="int64") - t0_ns) / NS_PER_S
    before = (since_s >= -habits.bots_from) & (since_s < 0)
    after = (since_s >= 0) & (since_s < _AFTER_S)
    parts = [
        f"{percent(int((theirs & when).sum()), int(when.sum()))} {words}"
        for when, words in (
            (before, f"in the {habits.bots_from:g} s before T-0"),
            (after, f"in the {_AFTER_S} s after it"),
        )
        if when.any()
    ]
    students = evidence.students.drop_duplicates("student")
    bots = students.loc[(students["journey"] == _BOT).to_numpy(dtype=bool), "student"]
    told = evidence.promises.students
    got = told.loc[told["acked"], "student"]
    tickets = (
        f" They got {percent(int(got.isin(bots).sum()), len(got))} of the tickets."
        if len(got)
        else ""
    )
    return [
        f"{counted(len(bots), 'bot')} ({percent(len(bots), len(students))} of the students) sent "
        f"{percent(int(theirs.sum()), len(rows))} of all requests"
        f"{''.join(f', {part}' for part in parts)}.{tickets}"
    ]
