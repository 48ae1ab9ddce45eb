"""The recorder and the census: every row kept, nulls kept null, and failure said aloud."""

import gevent
import pytest
from gevent.monkey import get_original

from dress_rehearsal.plans import seeded_roster
from dress_rehearsal.records import RunDirectory, RunDirectoryUnusableError
from dress_rehearsal.scenarios import outcomes as census
from dress_rehearsal.scenarios.client.connection import Exchange
from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.outcomes import Census
from dress_rehearsal.scenarios.recorder import FAILED, OK, UNKNOWN, Recorder
from dress_rehearsal.scenarios.timetable import draw_timetable


@pytest.fixture
def run(tmp_path, small_plan):
    return RunDirectory.create(tmp_path, small_plan())


def add(recorder, seq, *, answer=None, error=None, outcome=OK, **times):
    recorder.record(
        intended_ns=1_000 + seq,
        exchange=Exchange(answer=answer, error=error, **times),
        student=7,
        seq=seq,
        device=0,
        journey=1,
        step=3,
        outcome=outcome,
    )


def test_a_row_comes_back_as_recorded(run):
    recorder = Recorder(run, "g")
    timing = b"queue;dur=0.5, pool;dur=1, redis;dur=0.25, external;dur=7.5, app;dur=12.3456"
    reply = Answer(status=202, server_timing=timing, complete=True)
    add(recorder, 0, answer=reply, bytes_read=123, sent_ns=2, first_byte_ns=3, done_ns=4, read_ns=5)
    recorder.flush()
    (row,) = run.request_table().to_pylist()
    assert row == {
        "intended_ns": 1000,
        "sent_ns": 2,
        "first_byte_ns": 3,
        "done_ns": 4,
        "read_ns": 5,
        "student": 7,
        "seq": 0,
        "device": 0,
        "journey": "late",
        "step": "POST /events/{event}/tickets",
        "status": 202,
        "outcome": "ok",
        "error": None,
        "bytes": 123,
        "new_connection": False,
        "connect_us": None,
        "queue_us": 500,
        "pool_us": 1000,
        "db_us": None,
        "redis_us": 250,
        "external_us": 7500,
        "app_us": 12346,
    }


@pytest.mark.parametrize(
    ("header", "app_us"),
    [
        (b"app;dur=1.5", 1500),
        (b'app;desc="x";dur=5', 5000),
        (b"cache;dur=1, app; dur=2", 2000),
        (b"mapp;dur=7", None),
        (b"app;dur=1.2.3", None),
        (b"app", None),
        (b"\xff;;,=", None),
    ],
)
def test_server_timing_is_read_or_left_out_but_never_fatal(run, header, app_us):
    recorder = Recorder(run, "g")
    add(recorder, 0, answer=Answer(status=200, server_timing=header), sent_ns=1, done_ns=2)
    recorder.flush()
    assert recorder.error is None
    assert run.request_table()["app_us"].to_pylist() == [app_us]


def test_what_did_not_happen_is_null(run):
    recorder = Recorder(run, "g")
    add(recorder, 0, error="connect_refused", outcome=FAILED, done_ns=9, new_connection=True)
    recorder.flush()
    (row,) = run.request_table().to_pylist()
    absent = {"sent_ns", "first_byte_ns", "read_ns", "connect_us", "app_us"}
    assert {name for name in absent if row[name] is not None} == set()
    assert (row["status"], row["outcome"], row["error"]) == (0, "failed", "connect_refused")
    assert row["new_connection"] is True


def test_shards_add_up_whatever_words_each_one_saw(run):
    recorder = Recorder(run, "g")
    for seq, word in enumerate(["timeout", None, "sold_out", "timeout", "too_early"]):
        add(recorder, seq, error=word, done_ns=9)
        recorder.flush()
    recorder.flush()
    table = run.request_table().sort_by("seq")
    assert table["error"].to_pylist() == ["timeout", None, "sold_out", "timeout", "too_early"]
    assert len(list(run.requests.iterdir())) == 5
    assert recorder.requests == 5


@pytest.fixture
def slow_disk(monkeypatch):
    """A disk on which the first table takes a while, whoever waits for it or does not."""
    write_table = RunDirectory.write_table
    sleep = get_original("time", "sleep")  # the thread's own, where Locust has replaced it
    takes_s = [0.1]

    def write(*arguments):
        if takes_s:
            sleep(takes_s.pop())
        write_table(*arguments)

    monkeypatch.setattr(RunDirectory, "write_table", write)


def killed_while_it_writes(write):
    """Start `write` and kill who waits for it, as everything is at the end of a run."""
    waiting = gevent.spawn(write)
    gevent.sleep(0.02)
    waiting.kill()


def test_what_is_being_written_when_the_run_ends_is_not_lost(run, slow_disk):
    recorder = Recorder(run, "g")
    add(recorder, 0, done_ns=9)
    killed_while_it_writes(recorder.flush)
    recorder.flush()  # with nothing new
    assert run.request_table()["seq"].to_pylist() == [0]
    add(recorder, 1, done_ns=9)
    killed_while_it_writes(recorder.flush)
    add(recorder, 2, done_ns=9)
    recorder.flush()
    assert sorted(run.request_table()["seq"].to_pylist()) == [0, 1, 2]


def test_what_could_not_be_written_is_told_though_nobody_waited_for_it(run, slow_disk):
    recorder = Recorder(run, "g")
    run.requests.rmdir()
    add(recorder, 0, done_ns=9)
    killed_while_it_writes(recorder.flush)
    recorder.flush()
    assert isinstance(recorder.error, RunDirectoryUnusableError)


def test_an_abandoned_request_is_counted_apart_and_recorded_as_it_was():
    recorder = Recorder(None, "g")
    add(recorder, 0, error="timeout", outcome=UNKNOWN, done_ns=9)
    add(recorder, 1, error="abandoned", outcome=UNKNOWN, done_ns=9)
    add(recorder, 2, error="abandoned", outcome=FAILED, done_ns=9)
    add(recorder, 3, done_ns=9)
    assert recorder.ends == {"ok": 1, "refused": 0, "failed": 0, "unknown": 1, "abandoned": 2}
    assert [row[3] for row in recorder.unfed] == [UNKNOWN, UNKNOWN, FAILED, OK]


def test_a_folder_that_cannot_be_written_is_a_sentence(run):
    recorder = Recorder(run, "g")
    run.requests.rmdir()
    add(recorder, 0, done_ns=9)
    recorder.flush()
    assert isinstance(recorder.error, RunDirectoryUnusableError)
    assert "cannot be written" in str(recorder.error)


@pytest.fixture
def people_census(small_plan):
    plan = small_plan(event__students=5)
    return Census(draw_timetable(plan, seeded_roster(5, 0, 1)), t0_ns=10**18)


def test_the_census_always_adds_up(people_census):
    people_census.became(0, census.IN_FLIGHT)
    people_census.became(1, census.SOLD_OUT)
    people_census.became(0, census.GAVE_UP)
    people_census.acknowledged(2, "t-2", 5)
    assert sum(people_census.counts) == 5
    assert people_census.counts[census.NEVER_STARTED] == 2


def test_a_ticket_once_acknowledged_is_never_lost_again(people_census):
    people_census.acknowledged(0, "first", 5)
    people_census.acknowledged(0, "second", 6)
    people_census.became(0, census.FAILED)
    row = people_census.table().to_pylist()[0]
    assert (row["outcome"], row["ticket"], row["acked_ns"]) == ("ticket", "first", 5)


def test_every_different_ticket_that_a_student_is_told_of_is_kept(people_census, run):
    for student, ticket in ((0, "a"), (1, "b"), (1, "b"), (1, "c"), (1, "d"), (1, "c")):
        people_census.acknowledged(student, ticket, 5)
    assert people_census.write(run) is None
    rows = run.student_table().to_pylist()
    assert [(row["ticket"], row["more_tickets"]) for row in rows[:3]] == [
        ("a", None),
        ("b", ["c", "d"]),
        (None, None),
    ]


def test_students_are_written_whole_with_nulls_for_what_never_was(people_census, run):
    people_census.clicked(3, 77)
    people_census.clicked(3, 99)
    people_census.issued(3, 100)
    assert people_census.write(run) is None
    rows = run.student_table().to_pylist()
    assert [row["student"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0]["clicked_ns"] is None
    assert rows[0]["ticket"] is None
    assert (rows[3]["clicked_ns"], rows[3]["attempts"], rows[3]["issued_ns"]) == (77, 2, 100)


def test_an_unwritable_census_is_handed_back_not_raised(people_census, run):
    (run.path / "plan.toml").unlink()
    for folder in (run.requests, run.metrics, run.logs, run.figures):
        folder.rmdir()
    run.path.rmdir()
    assert isinstance(people_census.write(run), RunDirectoryUnusableError)


def test_the_last_census_stands_though_one_was_still_being_written(people_census, run, slow_disk):
    killed_while_it_writes(lambda: people_census.write(run))
    people_census.acknowledged(0, "ticket", 5)
    assert people_census.write(run) is None
    gevent.sleep(0.2)  # until the first would have been written too
    assert run.student_table()["ticket"].to_pylist()[0] == "ticket"
    assert list(run.path.glob(".*.partial")) == []
