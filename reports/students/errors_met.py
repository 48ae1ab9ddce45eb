"""The errors that students met: which, at which step, how often, when, and who got over them.

An error is an answer of failure, or none at all, on a request that somebody still wanted; a refusal
(sold out, not enrolled) is an answer. Its code is the target's own word where it gave one, else the
status or the client's word for what went wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.tables import ABANDONED
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.timeline import Floats
from dress_rehearsal.reports.numbers import integers
from dress_rehearsal.reports.part import ErrorMet
from dress_rehearsal.reports.students.census import GOOD_ENDS
from dress_rehearsal.reports.students.unseen import never_saw

MOST: Final = 20
"""So many errors are listed, the most frequent first."""
_BAD: Final = ("failed", "unknown")


@dataclass(frozen=True, slots=True)
class ErrorsMet:
    """Requests that met an error, a place each in every array.

    Attributes:
        codes, steps: the words that `code` and `step` are places in.
        student: who sent it; -1: nobody of the roster.
        at_s: when it was known, the moment of the answer or of giving up (s from zero).
    """

    codes: Sequence[str]
    steps: Sequence[str]
    code: Any
    step: Any
    student: Any
    at_s: Floats

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.code)


def met_errors(evidence: Evidence) -> ErrorsMet:
    """Return the requests of a run that met an error."""
    rows = evidence.requests
    bad = rows["outcome"].isin(_BAD).to_numpy(dtype=bool)
    bad = bad & (rows["error"] != ABANDONED).to_numpy(dtype=bool, na_value=True)
    met = rows.loc[bad, ["error", "step", "student", "status", "intended_ns", "done_ns", "read_ns"]]
    known_ns = met["done_ns"].fillna(met["read_ns"]).fillna(met["intended_ns"])
    words, steps = pd.Categorical(met["error"]), pd.Categorical(met["step"])
    # Who gave no word of theirs has a status: these follow the words.
    status = integers(met["status"])
    codes = np.where(words.codes >= 0, words.codes, len(words.categories) + status)
    seen, code = np.unique(codes, return_inverse=True)
    return ErrorsMet(
        codes=[_name(int(each), words.categories) for each in seen],
        steps=[
            *(visible_line(str(step)) for step in steps.categories),
            "",
        ],  # of none, -1, the last
        code=code,
        step=steps.codes.astype("int64"),
        student=integers(met["student"], missing=-1),
        at_s=evidence.timeline.seconds(known_ns),
    )


def count_errors(evidence: Evidence, met: ErrorsMet) -> tuple[ErrorMet, ...]:
    """Return the most frequent errors, each at its step; empty where nothing failed."""
    ends = evidence.students.drop_duplicates("student")
    ended_well = ends["outcome"].isin(GOOD_ENDS).to_numpy(dtype=bool)
    well = integers(ends.loc[ended_well, "student"], missing=-2)
    well = np.setdiff1d(well, never_saw(evidence))
    kinds = _kinds(met)
    seen, number = np.unique(kinds, return_counts=True)
    most = seen[np.argsort(-number, kind="stable")][:MOST]
    return tuple(_error(met, kind, kinds == kind, well) for kind in most)


def count_kinds(met: ErrorsMet) -> int:
    """Return how many different errors there are, counted at each step, listed or not."""
    return len(np.unique(_kinds(met)))


def _kinds(met: ErrorsMet) -> Any:
    return met.code * len(met.steps) + met.step % len(met.steps)


def _error(met: ErrorsMet, kind: Any, own: Any, well: Any) -> ErrorMet:
    who = np.unique(met.student[own])
    times = met.at_s[own]
    times = times[~np.isnan(times)]
    code, step = divmod(int(kind), len(met.steps))
    return ErrorMet(
        error=met.codes[code],
        step=met.steps[step],
        requests=int(own.sum()),
        students=int((who >= 0).sum()),
        got_over=int(np.isin(who, well).sum()),
        first_s=round(float(times.min()), 2) if len(times) else None,
        last_s=round(float(times.max()), 2) if len(times) else None,
    )


def _name(code: int, words: Any) -> str:
    if code < len(words):
        return visible_line(str(words[code]))
    status = code - len(words)
    return f"http_{status}" if status else "no_answer"
