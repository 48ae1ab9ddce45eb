"""Errors that students got over: failed tries, after which the story ended well all the same.

No gate minds them by itself, so a pass would not speak of them. They are the target's failures.
"""

from typing import Final

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.students.census import GOOD_ENDS
from dress_rehearsal.reports.students.unseen import OURS, never_saw
from dress_rehearsal.reports.words import counted, percent, written

_TRIFLE: Final = 0.01
"""So many of the students may meet an error on their way, as so many may end by one."""
_FEWEST: Final = 3
_MOST_KINDS: Final = 3


def retried_notes(evidence: Evidence) -> list[str]:
    """Return a sentence where more than a trifle of the students got over errors."""
    if evidence.plan.load is not None:
        return []  # what failed there is told, strictly or as a note
    rows, told = evidence.requests, evidence.promises.students
    bad = rows["outcome"].isin(["failed", "unknown"]) & ~rows["error"].isin(OURS)
    well = told.loc[told["outcome"].isin(GOOD_ENDS), "student"]
    well = well[~well.isin(never_saw(evidence))]
    met = rows[(bad & rows["student"].isin(well)).to_numpy(dtype=bool)]
    who, students = met["student"].nunique(), evidence.plan.event.students
    if who < max(_FEWEST, _TRIFLE * students):
        return []
    word = met["error"].astype("object").fillna("no word")
    kinds = met.assign(error=word).groupby(["step", "error"], observed=True)
    most = kinds.size().sort_values(ascending=False, kind="stable").head(_MOST_KINDS)
    words = ", ".join(f"{written(int(n))} {step} ({error})" for (step, error), n in most.items())
    retry = evidence.plan.students.retry
    return [
        f"{counted(who, 'student')} ({percent(who, students)}) met errors and succeeded later: "
        f"{counted(len(met), 'request')} of theirs failed or got no answer ({words}). "
        f"In the plan {percent(retry)} of those who meet an error try again (students.retry); real "
        f"people may not. A gate on load.failed_share would hold such errors."
    ]
