"""The census: where every student's story ended; it always adds up to the plan's students."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import STUDENT_OUTCOMES
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.schema import Census
from dress_rehearsal.reports.words import counted


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
    clear = rows[~rows["student"].isin(np.union1d(contradicted, wordless))]

    counts = {word: int((clear["outcome"] == word).sum()) for word in STUDENT_OUTCOMES}
    counts["unknown"] += len(np.union1d(contradicted, wordless))
    counts["never_started"] += expected - rows["student"].nunique()
    problems = []
    if len(contradicted):
        problems.append(
            f"The census contradicts itself: {_some(contradicted)} more than one outcome in "
            f"students.parquet."
        )
    lone = np.setdiff1d(wordless, contradicted)
    if len(lone):
        problems.append(
            f"The census is incomplete: {_some(lone)} no known outcome in students.parquet."
        )
    if len(strangers):
        problems.append(
            f"The census counts {counted(len(strangers), 'row')} of people beyond the plan's "
            f"{counted(expected, 'student')} in students.parquet."
        )
    return CensusFinding(Census(students=expected, **counts), tuple(problems))


def _some(students: "np.typing.NDArray[np.int64]") -> str:
    named = ", ".join(str(student) for student in sorted(students)[:3])
    have = "has" if len(students) == 1 else "have"
    return f"{counted(len(students), 'student')} (such as {named}) {have}"
