"""The census: where every student's story ended; it always adds up to the plan's students."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import STUDENT_OUTCOMES
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.schema import Census
from dress_rehearsal.reports.words import counted

GOOD_ENDS: Final = ("ticket", "sold_out", "refused")
"""The words of the census for those whose story ended well."""


@dataclass(frozen=True, slots=True)
class CensusFinding:
    """The counts, and a sentence for every row that contradicts them."""

    census: Census
    problems: tuple[str, ...]


def take_census(evidence: Evidence) -> CensusFinding:
    """Count the students by outcome.

    A student without a row never started. One with two rows that disagree, or with an outcome
    that does not exist, counts once as unknown and is named in `problems`, as are rows of
    students that the plan does not have.
    """
    expected = evidence.plan.event.students
    told = _read_ends(evidence)
    counts = {word: int((told.ends == word).sum()) for word in STUDENT_OUTCOMES}
    problems = []
    if len(told.contradicted):
        problems.append(
            f"The census contradicts itself: {_some(told.contradicted)} more than one outcome in "
            f"students.parquet."
        )
    lone = np.setdiff1d(told.wordless, told.contradicted)
    if len(lone):
        problems.append(
            f"The census is incomplete: {_some(lone)} no known outcome in students.parquet."
        )
    if told.strangers:
        problems.append(
            f"The census counts {counted(told.strangers, 'row')} of people beyond the plan's "
            f"{counted(expected, 'student')} in students.parquet."
        )
    return CensusFinding(Census(students=expected, **counts), tuple(problems))


def ends_of(evidence: Evidence) -> Any:
    """Return where the census counts each student of the plan, a word each (object array)."""
    return _read_ends(evidence).ends


class _Ends(NamedTuple):
    """What students.parquet says of the plan's students, and what is wrong with it.

    Attributes:
        ends: where each is counted.
        contradicted, wordless: the numbers of those with several outcomes, and with none.
        strangers: rows of people whom the plan does not have.
    """

    ends: Any
    contradicted: Any
    wordless: Any
    strangers: int


def _read_ends(evidence: Evidence) -> _Ends:
    expected = evidence.plan.event.students
    rows = pd.DataFrame(
        {
            "student": evidence.students["student"].fillna(-1).astype("int64"),
            "outcome": evidence.students["outcome"].astype("object"),
        }
    ).drop_duplicates()
    inside = rows["student"].between(0, expected - 1)
    strangers, rows = rows[~inside], rows[inside]
    rows = rows.assign(outcome=rows["outcome"].where(rows["outcome"].isin(STUDENT_OUTCOMES)))
    contradicted = rows.loc[rows["student"].duplicated(keep=False), "student"].unique()
    wordless = rows.loc[rows["outcome"].isna(), "student"].unique()
    ends = np.full(expected, "never_started", dtype=object)
    ends[rows["student"].to_numpy()] = rows["outcome"].to_numpy()
    ends[np.union1d(contradicted, wordless).astype("int64")] = "unknown"
    return _Ends(ends, contradicted, wordless, len(strangers))


def _some(students: "np.typing.NDArray[np.int64]") -> str:
    named = ", ".join(str(student) for student in sorted(students)[:3])
    have = "has" if len(students) == 1 else "have"
    return f"{counted(len(students), 'student')} (such as {named}) {have}"
