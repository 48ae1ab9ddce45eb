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
from dress_rehearsal.reports.numbers import distinct, integers, least_of, rounded, words_of
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
    steps = pd.Categorical(rows["step"])
    found = {}
    for code, step in enumerate(steps.categories):
        own = np.flatnonzero(wanted & (steps.codes == code))
        if len(own):
            found[str(step)] = _tries(rows, own)
    return found


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
                f"sent once an earlier one of theirs had failed or got no answer."
            )
        reloaded = own.abandoned if roles.get(step) == PAGE else 0
        if reloaded >= max(_FEWEST, _STORM * own.requests):
            yield (
                f"{step} was reloaded before it had answered: {written(reloaded)} of "
                f"{counted(own.requests, 'request')} ({percent(reloaded, own.requests)}) were "
                f"given up for the next one; they are in no latency."
            )


def _tries(requests: pd.DataFrame, own: Any) -> Tries:
    """Return how often one step was asked for.

    Args:
        own: places of its requests that were sent.
    """
    rows = requests[["outcome", "error"]].iloc[own]
    student, sent_ns = (integers(requests[name].iloc[own]) for name in ("student", "sent_ns"))
    needless = words_of(rows["error"], "") == ABANDONED
    bad = rows["outcome"].isin(_BAD).to_numpy(dtype=bool) & ~needless
    after = 0
    if bad.any():
        ended: Any = np.maximum(integers(requests["done_ns"].iloc[own[bad]]), sent_ns[bad])
        first_ns = least_of(student[bad], ended, student, missing=NEVER_NS)
        after = int((sent_ns > first_ns).sum())
    students = len(distinct(student))
    return Tries(
        students=students,
        requests=len(rows),
        amplification=rounded(len(rows) / students),
        after_errors=after,
        abandoned=int(needless.sum()),
    )
