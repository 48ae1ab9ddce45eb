"""Amplification: how many requests students came to until they had what they wanted.

A step's amplification is its requests a student who asked for it: a wish to log in or to buy is one
a student, and double clicks, several devices, reloads, bots and tries after errors make more of it.
Where those after errors are many it is a retry storm: the target's own failures come back as load.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import JOIN, LOGIN, PAGE, PURCHASE
from dress_rehearsal.records.tables import ABANDONED
from dress_rehearsal.reports.audit.said import NEVER_NS
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import integers, least_of, rounded
from dress_rehearsal.reports.part import Tries
from dress_rehearsal.reports.words import counted, percent, written

_WISHES: Final = (PAGE, LOGIN, JOIN, PURCHASE)
"""What the steps are for that a student wants once: everything else is asked for in turns."""
_STORM: Final = 0.05
_FEWEST: Final = 20
_BAD: Final = ("failed", "unknown")


def count_tries(evidence: Evidence) -> dict[str, Tries]:
    """Return how often each step was asked for that a student wants once; by step.

    Empty where there were no students. Only requests that were sent count.
    """
    if evidence.plan.load is not None:
        return {}
    rows = evidence.requests
    wanted = (rows["role"].isin(_WISHES) & rows["sent_ns"].notna()).to_numpy(dtype=bool)
    columns = ["step", "student", "outcome", "error", "sent_ns", "done_ns"]
    asked = rows.loc[wanted, columns]
    return {
        str(step): _tries(own) for step, own in asked.groupby("step", observed=True) if len(own)
    }


def retry_notes(tries: Mapping[str, Tries], roles: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each step at which tries after errors, or reloads, were many.

    Args:
        roles: what each step is for.
    """
    for step, own in tries.items():
        if own.after_errors >= max(_FEWEST, _STORM * own.requests):
            yield (
                f"A retry storm at {step}: {counted(own.students, 'student')} sent "
                f"{counted(own.requests, 'request')}, {written(own.amplification)} for each; "
                f"{written(own.after_errors)} ({percent(own.after_errors, own.requests)}) were "
                f"sent once an earlier one of theirs had failed."
            )
        reloaded = own.abandoned if roles.get(step) == PAGE else 0
        if reloaded >= max(_FEWEST, _STORM * own.requests):
            yield (
                f"{step} was reloaded before it had answered: {written(reloaded)} of "
                f"{counted(own.requests, 'request')} ({percent(reloaded, own.requests)}) were "
                f"given up for the next one; they are in no latency."
            )


def _tries(rows: pd.DataFrame) -> Tries:
    student, sent_ns = integers(rows["student"]), integers(rows["sent_ns"])
    needless = (rows["error"].astype("object") == ABANDONED).to_numpy(dtype=bool)
    bad = rows["outcome"].isin(_BAD).to_numpy(dtype=bool) & ~needless
    after = 0
    if bad.any():
        ended: Any = np.maximum(integers(rows["done_ns"]), sent_ns)
        first_ns = least_of(student[bad], ended[bad], student, missing=NEVER_NS)
        after = int((sent_ns > first_ns).sum())
    students = len(np.unique(student))
    return Tries(
        students=students,
        requests=len(rows),
        amplification=rounded(len(rows) / students),
        after_errors=after,
        abandoned=int(needless.sum()),
    )
