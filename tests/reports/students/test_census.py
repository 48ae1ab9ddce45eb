"""The census adds up to the plan's students, whatever the records look like."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.records.tables import STUDENT_OUTCOMES
from dress_rehearsal.reports.students.census import take_census


def test_a_healthy_run_has_every_student_once(healthy):
    found = take_census(healthy)
    counts = found.census.model_dump()
    assert counts.pop("students") == 600 == sum(counts.values())
    assert counts["ticket"] == 200
    assert found.problems == ()


@pytest.mark.parametrize("seed", range(25))
def test_it_adds_up_for_any_records(healthy, seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(0, 40))
    words = [*STUDENT_OUTCOMES, "gone fishing", None]
    students = pd.DataFrame(
        {
            "student": pd.array(rng.integers(-2, 30, rows), dtype="Int32"),
            "outcome": pd.Categorical(rng.choice(np.array(words, dtype=object), rows)),
        }
    )
    event = healthy.plan.event.model_copy(update={"students": 25})
    plan = healthy.plan.model_copy(update={"event": event})
    counts = take_census(dataclasses.replace(healthy, plan=plan, students=students)).census
    counts = counts.model_dump()
    assert counts.pop("students") == 25 == sum(counts.values())


def test_a_student_without_a_row_never_started(evidence_of):
    found = take_census(evidence_of(students=60, tickets=20, never_started=4))
    assert found.census.never_started == 4
    assert found.problems == ()


def test_a_run_without_records_counts_everybody_as_never_started(evidence_of):
    found = take_census(evidence_of(students=60, tickets=20, killed=True))
    assert found.census.never_started == found.census.students == 60


def test_two_outcomes_of_one_student_are_named(evidence_of):
    found = take_census(evidence_of(students=60, tickets=20, contradictory=2))
    assert found.census.unknown == 2
    assert len(found.problems) == 1
    assert "2 students (such as" in found.problems[0]


def test_the_same_row_twice_is_no_contradiction(healthy):
    twice = pd.concat([healthy.students, healthy.students.head(5)])
    assert take_census(dataclasses.replace(healthy, students=twice)) == take_census(healthy)


def test_a_student_beyond_the_plan_is_named(healthy):
    rows = healthy.students.head(1).assign(student=600)
    more = dataclasses.replace(healthy, students=pd.concat([healthy.students, rows]))
    assert "1 row of people beyond" in take_census(more).problems[0]
