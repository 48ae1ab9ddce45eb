"""What workers send is written down as it came; what is missing is missed, by its name."""

from io import BytesIO
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from dress_rehearsal.plans import seeded_people
from dress_rehearsal.records import RunDirectory, tables
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.timeline import SHARDS_MISSING, WORKER_LOST
from dress_rehearsal.scenarios.outcomes import Census, StudentOutcome
from dress_rehearsal.scenarios.timetable import draw_timetable
from dress_rehearsal.scenarios.workers.gathering import Gathering
from dress_rehearsal.scenarios.workers.share import STUDENTS, ended, of_share


@pytest.fixture
def two(tmp_path, small_plan):
    """A gathering of two workers, `a` and `b`, who play two students each."""
    plan = small_plan(event__students=4)
    run = RunDirectory.create(tmp_path, plan)
    timetable = draw_timetable(plan, list(seeded_people(plan)))
    return SimpleNamespace(
        run=run, timetable=timetable, of=Gathering(run, timetable, ["a", "b"], Steps([]))
    )


def census(two, *holding):
    """Return a census in which these students hold a ticket, as a worker sends it."""
    told = Census(two.timetable, 0)
    for student in holding:
        told.became(student, StudentOutcome.TICKET)
    file = BytesIO()
    pq.write_table(told.table(), file)
    return file.getvalue()


def outcomes(two):
    return two.run.student_table()["outcome"].to_pylist()


def test_a_file_that_did_not_arrive_is_missed_by_its_name(two):
    names = [f"worker1-{number:06}.parquet" for number in range(3)]
    for place in (0, 2):
        two.of.piece("b", [names[place], 0, 1, b"content"])
    two.of.piece("a", [STUDENTS, 0, 1, census(two)])
    two.of.piece("b", [STUDENTS, 0, 1, census(two)])
    two.of.ended("a", ended(None))
    two.of.ended("b", ended(None, [*names, STUDENTS]))
    two.of.write()
    [missing] = [event for event in two.run.timeline() if event.name == SHARDS_MISSING]
    assert missing.detail == {"worker": 1, "files": [names[1]]}


def test_a_worker_tells_of_its_own_students_only(two):
    ours, theirs = (list(of_share(two.timetable, number, 2)) for number in (0, 1))
    two.of.piece("a", [STUDENTS, 0, 1, census(two, *ours, *theirs)])
    two.of.piece("b", [STUDENTS, 0, 1, census(two)])
    two.of.ended("a", ended(None))
    two.of.ended("b", ended(None))
    two.of.write()
    held = {student for student, word in enumerate(outcomes(two)) if word == "ticket"}
    assert held == set(ours)


def test_before_all_have_ended_the_census_holds_what_is_known_by_now(two):
    ours = list(of_share(two.timetable, 0, 2))
    two.of.piece("a", [STUDENTS, 0, 1, census(two, ours[0])])
    two.of.write_census()
    assert sorted(outcomes(two)) == ["never_started"] * 3 + ["ticket"]


def test_the_students_of_one_that_is_lost_are_unknown_whatever_it_had_told(two):
    ours, theirs = (list(of_share(two.timetable, number, 2)) for number in (0, 1))
    two.of.piece("a", [STUDENTS, 0, 1, census(two, *ours)])
    two.of.piece("b", [STUDENTS, 0, 1, census(two, *theirs)])
    two.of.ended("a", ended(None))
    two.of.lost("b", "its process was killed by signal 9 before the rush was over")
    two.of.write()
    [lost] = [event for event in two.run.timeline() if event.name == WORKER_LOST]
    assert lost.detail["worker"] == 1
    assert "signal 9" in lost.detail["error"]
    assert [outcomes(two)[student] for student in theirs] == ["unknown"] * 2
    assert [outcomes(two)[student] for student in ours] == ["ticket"] * 2


def test_what_it_has_on_its_timeline_is_on_the_runs(two):
    stamps = [(tables.NOT_KEPT, {"values": {"code": 2}}), ("t0", {}), ("invented", {})]
    two.of.ended("a", ended(None, stamps=stamps))
    two.of.write()
    names = [event.name for event in two.run.timeline()]
    assert names.count(tables.NOT_KEPT) == 1
    assert not {"t0", "invented"} & set(names)


@pytest.mark.parametrize(
    "name", ["worker0-000001.parquet", "../plan.toml", "worker1-000001.parquet.exe", ""]
)
def test_a_worker_writes_no_file_but_its_own(two, name):
    with pytest.raises(ValueError, match="no file of this worker's"):
        two.of.piece("b", [name, 0, 1, b"content"])
    assert not list(two.run.requests.iterdir())
