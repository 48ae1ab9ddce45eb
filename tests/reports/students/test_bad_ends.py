"""Bad ends: who came to one, after which request and which error; and nothing of good ones."""

import dataclasses
import json

import pytest

from dress_rehearsal.plans.sections.load import Load
from dress_rehearsal.reports.schema import NO_GOOD_ENDS, Verdict
from dress_rehearsal.reports.students.bad_ends import (
    MOST,
    bad_end_notes,
    find_bad_ends,
)
from dress_rehearsal.reports.students.census import take_census
from dress_rehearsal.reports.students.errors_met import met_errors
from dress_rehearsal.reports.verdict import judge
from tests.steps import LOGIN, PURCHASE


def found(evidence):
    return find_bad_ends(evidence, met_errors(evidence))


def told(evidence):
    return list(bad_end_notes(found(evidence), take_census(evidence).census))


def ended(evidence, outcome, students):
    """The same run in which the story of these students ended otherwise."""
    mine = evidence.students["student"].isin(students).to_numpy(dtype=bool)
    ends = evidence.students["outcome"].astype("object").mask(mine, outcome)
    return dataclasses.replace(evidence, students=evidence.students.assign(outcome=ends))


def last_answer(evidence, students, outcome, error):
    """The same run in which the last request of these students was answered otherwise."""
    rows = evidence.requests.copy()
    for name in ("outcome", "error"):
        rows[name] = rows[name].astype("object")
    mine = rows["student"].isin(students)
    last = rows[mine].groupby("student")["intended_ns"].idxmax()
    rows.loc[last, ["outcome", "error"]] = [outcome, error]
    return dataclasses.replace(evidence, requests=rows), rows.loc[last]


def of_journey(evidence, journey, number):
    students = evidence.students
    return students.loc[students["journey"] == journey, "student"].tolist()[:number]


def test_of_a_healthy_run_nothing_is_said(healthy, healthy_verdict):
    assert found(healthy) == ()
    assert told(healthy) == []
    assert healthy_verdict.bad_ends == ()
    assert "bad_ends" not in json.loads(healthy_verdict.text())


def test_the_one_who_gave_up_is_named_with_the_last_request_and_what_came_of_it(healthy):
    (student,) = of_journey(healthy, "eager", 1)
    gone = ended(healthy, "gave_up", [student])
    evidence, rows = last_answer(gone, [student], "refused", "too_early")
    (way,) = found(evidence)
    (row,) = rows.to_dict("records")
    assert (way.outcome, way.journeys, way.such_as) == ("gave_up", {"eager": 1}, (student,))
    assert (way.step, way.answer, way.answer_error) == (row["step"], "refused", "too_early")
    assert way.first_s == way.last_s == round((row["done_ns"] - evidence.t0_ns) / 1e9, 3)
    assert way.error is None
    (note,) = told(evidence)
    assert note.startswith(
        f"1 student gave up: student {student} (eager), whose last request was {row['step']} (T-0"
    )
    assert note.endswith("which was refused (too_early); no error came before it.")
    verdict = judge(evidence)
    assert note in verdict.notes
    assert json.loads(verdict.text())["bad_ends"][0]["such_as"] == [student]


def test_the_ways_add_up_to_whom_the_census_counts_there(evidence_of):
    evidence = evidence_of(failed=12, unknown=8, never_started=3)
    census = take_census(evidence).census
    ways = found(evidence)
    for end in NO_GOOD_ENDS:
        own = [way for way in ways if way.outcome == end]
        assert sum(way.students for way in own) == getattr(census, end), end
        assert all(sum(way.journeys.values()) in (way.students, 0) for way in own)
    failed, unknown, silent = told(evidence)
    assert failed.startswith("12 students failed: of all of them (such as students ")
    assert f"the last request was {PURCHASE} (T-0" in failed
    assert failed.endswith("which failed (overloaded).")
    assert unknown.startswith("8 students never learnt the outcome: ")
    assert unknown.endswith("which got no answer (timeout).")
    assert silent.startswith("3 students never started: ")
    assert silent.endswith(") no request is on record.")


def test_an_error_that_came_before_the_last_request_is_told_too(healthy):
    who = of_journey(healthy, "eager", 4)
    rows = ended(healthy, "failed", who).requests.copy()
    for name in ("outcome", "error"):
        rows[name] = rows[name].astype("object")
    login = (rows["step"] == LOGIN) & rows["student"].isin(who)
    rows.loc[login, ["outcome", "error"]] = ["unknown", "timeout"]
    bad = dataclasses.replace(ended(healthy, "failed", who), requests=rows)
    bad, _ = last_answer(bad, who, "ok", None)
    ways = found(bad)
    assert {(way.answer, way.error, way.error_step) for way in ways} == {("ok", "timeout", LOGIN)}
    (note,) = told(bad)
    assert note.startswith("4 students failed: ")
    assert note.endswith(f"which was answered well; the last error before was timeout at {LOGIN}.")
    lost = bad.requests["step"].astype("object").mask(login)
    nowhere = dataclasses.replace(bad, requests=bad.requests.assign(step=lost))
    (note,) = told(nowhere)
    assert note.endswith("the last error before was timeout."), "at which step is not on record"


def test_what_a_student_needed_no_more_is_not_the_last_request(healthy):
    (student,) = of_journey(healthy, "eager", 1)
    gone = ended(healthy, "gave_up", [student])
    evidence, rows = last_answer(gone, [student], "unknown", "abandoned")
    (way,) = found(evidence)
    assert way.answer == "ok" or way.answer == "refused"
    assert way.last_s < (rows["done_ns"].iloc[0] - evidence.t0_ns) / 1e9
    assert way.error is None


def test_of_very_many_ways_each_end_has_its_most_frequent_one(healthy):
    """Every student fails at a word of its own, and two gave up."""
    who = of_journey(healthy, "eager", 3 * MOST)
    evidence, rows = last_answer(ended(healthy, "failed", who), who, "failed", "made_up")
    requests = evidence.requests.copy()
    requests.loc[rows.index, "error"] = [f"made_up_{number}" for number in range(len(rows))]
    gone = ended(dataclasses.replace(evidence, requests=requests), "gave_up", who[-2:])
    ways = found(gone)
    assert len(ways) == MOST
    assert {way.outcome for way in ways} == {"failed", "gave_up"}
    gave_up, failed = told(gone)
    assert gave_up.startswith("2 students gave up: one of them is student ")
    assert failed.startswith(f"{3 * MOST - 2} students failed: one of them is student ")


def test_students_told_two_ends_are_unknown_here_as_in_the_census(evidence_of):
    evidence = evidence_of(contradictory=2)
    census = take_census(evidence).census
    assert census.unknown == 2
    assert sum(way.students for way in found(evidence)) == 2


def test_a_locust_file_has_no_students(healthy):
    plan = healthy.plan.model_copy(update={"load": Load()})
    gone = ended(healthy, "failed", of_journey(healthy, "eager", 3))
    assert found(dataclasses.replace(gone, plan=plan)) == ()


def test_a_verdict_of_before_has_none(verdict_of):
    document = json.loads(verdict_of(failed=12).text())
    assert document.pop("bad_ends")
    assert Verdict.model_validate(document).bad_ends == ()


@pytest.mark.parametrize("end", NO_GOOD_ENDS)
def test_every_bad_end_has_a_sentence_for_one_and_for_several(healthy, end):
    for number in (1, 3):
        who = of_journey(healthy, "eager", number)
        (note,) = told(ended(healthy, end, who))
        assert note.startswith("1 student " if number == 1 else "3 students ")
        assert (" were " in note.partition(":")[0]) == (end == "in_flight" and number > 1)
