"""The recorder: every row kept, nulls kept null, and failure said aloud."""

import sys

import gevent
import pytest

from dress_rehearsal.records import RunDirectoryUnusableError, tables
from dress_rehearsal.records.recorded import read_recorded
from dress_rehearsal.records.tables import MOST_WORDS
from dress_rehearsal.records.tables import NS_PER_S as NS
from dress_rehearsal.scenarios.answers.body import read_body
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.client.limits import LONGEST_TIMING
from dress_rehearsal.scenarios.recorder import FAILED, OK, UNKNOWN, Recorder
from tests.steps import QR, STEPS


def exchange_of(**known):
    exchange = Exchange()
    for name, value in known.items():
        setattr(exchange, name, value)
    return exchange


def add(recorder, seq, *, answer=None, error=None, outcome=OK, step=3, **times):
    recorder.record(
        intended_ns=1_000 + seq,
        exchange=exchange_of(answer=answer, error=error, **times),
        student=7,
        seq=seq,
        device=0,
        journey=1,
        step=step,
        outcome=outcome,
    )


def test_a_row_comes_back_as_recorded(run):
    recorder = Recorder(run, "g")
    timing = (
        b"queue;dur=0.5, pool;desc=redis;dur=1, redis_connect;dur=2, redis;dur=0.25, "
        b"external;dur=7.5, app;desc=4102;dur=12.3456"
    )
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
        "db_connect_us": None,
        "db_us": None,
        "redis_connect_us": 2000,
        "redis_us": 250,
        "external_us": 7500,
        "app_us": 12346,
        "pool": "redis",
        "worker": "4102",
        **dict.fromkeys(tables.CLAIMS.names),
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
        (b"app;dur=" + b"9" * 400, None),
        (b"app;dur=NaN", None),
        (b"app;dur=inf", None),
        (b"app;dur=-1", None),
        (b"app;dur=1e308", None),
        (b"app;dur=1e3", 1_000_000),
        (b"app;a=1;b=2;c=3;dur=4", 4000),
        (b"app;dur=1" + b", app;dur=2" * 20, 2000),
        (b"app;dur=1" + b", app;dur=2" * 2000, None),
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


def test_what_is_being_written_when_the_run_ends_is_not_lost(run, kill_while_writing):
    recorder = Recorder(run, "g")
    add(recorder, 0, done_ns=9)
    kill_while_writing(recorder.flush)
    recorder.flush()  # with nothing new
    assert run.request_table()["seq"].to_pylist() == [0]
    add(recorder, 1, done_ns=9)
    kill_while_writing(recorder.flush)
    add(recorder, 2, done_ns=9)
    recorder.flush()
    assert sorted(run.request_table()["seq"].to_pylist()) == [0, 1, 2]


def test_what_could_not_be_written_is_told_though_nobody_waited_for_it(run, kill_while_writing):
    recorder = Recorder(run, "g")
    run.requests.rmdir()
    add(recorder, 0, done_ns=9)
    kill_while_writing(recorder.flush)
    recorder.flush()
    assert isinstance(recorder.error, RunDirectoryUnusableError)


def test_an_error_that_is_met_while_a_shard_is_written_stays_said(run, kill_while_writing):
    recorder = Recorder(run, "g")
    add(recorder, 0, done_ns=9)
    writing = gevent.spawn(recorder.flush)
    gevent.sleep(0.02)  # the first table takes 0.1 s here
    full = RunDirectoryUnusableError("No space left on device")
    recorder.fail(full)
    assert not writing.ready()
    writing.join()
    assert recorder.error is full
    recorder.fail(RunDirectoryUnusableError("another"))
    recorder.fail(None)
    assert recorder.error is full


def test_an_abandoned_request_is_counted_apart_and_recorded_as_it_was(run):
    recorder = Recorder(run, "g")
    recorder.unfed = []
    add(recorder, 0, error="timeout", outcome=UNKNOWN, done_ns=9)
    add(recorder, 1, error="abandoned", outcome=UNKNOWN, done_ns=9)
    add(recorder, 2, error="abandoned", outcome=FAILED, done_ns=9)
    add(recorder, 3, done_ns=9)
    recorder.count()
    assert recorder.ends == {"ok": 1, "refused": 0, "failed": 0, "unknown": 1, "abandoned": 2}
    assert [row[3] for row in recorder.unfed] == [UNKNOWN, UNKNOWN, FAILED, OK]


def test_seconds_count_what_is_under_way_and_every_row_once(run):
    recorder = Recorder(run, "g")
    under_way = exchange_of(sent_ns=3 * NS)
    recorder.begun |= {under_way, Exchange()}  # the other never left
    add(recorder, 0, sent_ns=3 * NS, done_ns=4 * NS)
    recorder.count()
    add(recorder, 1, sent_ns=3 * NS, done_ns=4 * NS + 1)
    recorder.flush()  # counts what is about to be handed over
    add(recorder, 2, sent_ns=3 * NS, done_ns=5 * NS - 1, error="abandoned", outcome=UNKNOWN)
    recorder.count()
    recorder.count()
    told = {second["at_s"]: second for second in recorder.seconds.tell(9 * NS)}
    assert told[3]["sent"] == 4
    ended = {"ok": 2, "refused": 0, "failed": 0, "unknown": 0, "abandoned": 1}
    assert told[4]["answers"] == ended
    assert sorted(run.request_table()["seq"].to_pylist()) == [0, 1]


def test_one_that_was_counted_while_it_was_under_way_is_not_sent_again_when_it_ends(run):
    recorder = Recorder(run, "g")
    counted, later = (exchange_of(sent_ns=3 * NS, intended_ns=3 * NS - n) for n in (7, 8))
    recorder.begun |= {counted}
    recorder.count()
    recorder.begun |= {later}
    for each in (counted, later):
        each.done_ns = 4 * NS
        recorder.record(each.intended_ns, each, 7, 0, 0, 1, 3, OK)
    recorder.flush()
    assert not recorder.begun
    told = {second["at_s"]: second for second in recorder.seconds.tell(9 * NS)}
    assert told[3]["sent"] == 2
    assert recorder.recent.percentiles_s()[0] == pytest.approx(8e-9, abs=1e-10)


def test_where_nobody_knows_when_they_were_meant_to_be_sent_none_is_late(run):
    recorder = Recorder(run, "g")
    recorder.knows_lateness = False
    add(recorder, 0, sent_ns=3 * NS, done_ns=4 * NS)
    recorder.count()
    assert recorder.recent.percentiles_s()[0] is None


def test_a_folder_that_cannot_be_written_is_a_sentence(run):
    recorder = Recorder(run, "g")
    run.requests.rmdir()
    add(recorder, 0, done_ns=9)
    recorder.flush()
    assert isinstance(recorder.error, RunDirectoryUnusableError)
    assert "cannot be written" in str(recorder.error)


def test_what_cannot_be_kept_costs_that_value_and_is_counted(run):
    recorder = Recorder(run, "g")
    timing = b"db;dur=1, app;dur=NaN"
    body = b'{"ticket": "t", "number": "many", "state": "\\ud800"}'
    add(recorder, 0, answer=Answer(202, body, timing), done_ns=9)
    recorder.flush()
    (row,) = run.request_table().to_pylist()
    assert (row["db_us"], row["app_us"], row["told_ticket"]) == (1000, None, "t")
    recorder.stamp_losses()
    (event,) = run.timeline()
    assert event.detail == {"values": {"number": 1, "state": 1}}
    assert read_recorded(run).unkept == {"Server-Timing": 1}  # looked into when it is judged


def test_a_timing_that_is_too_long_is_not_kept_and_counted(run):
    recorder = Recorder(run, "g")
    add(recorder, 0, answer=Answer(202, b"", b"app;dur=1" + b" " * LONGEST_TIMING), done_ns=9)
    recorder.flush()
    assert run.request_table()["app_us"].to_pylist() == [None]
    assert recorder.losses == {"Server-Timing": 1}


def test_words_without_end_are_kept_up_to_a_number(run):
    recorder = Recorder(run, "g")
    for seq in range(MOST_WORDS + 20):
        add(recorder, seq, answer=Answer(409), error=f"word-{seq}", done_ns=9)
        if seq % 300 == 0:
            recorder.flush()
    recorder.flush()
    words = run.request_table().sort_by("seq")["error"].to_pylist()
    assert words[MOST_WORDS - 1 :] == [f"word-{MOST_WORDS - 1}"] + ["http_409"] * 20
    assert recorder.lost == {"code": 20}


def test_states_without_end_are_kept_up_to_a_number(run):
    recorder = Recorder(run, "g")
    for seq in range(MOST_WORDS + 20):
        body = b'{"ticket": "t", "state": "s%d"}' % seq
        add(recorder, seq, answer=Answer(202, body, b'app;desc="w%d";dur=1' % seq), done_ns=9)
        if seq % 300 == 0:
            recorder.flush()
    recorder.flush()
    table = run.request_table()
    assert len(set(table["told_state"].to_pylist())) == MOST_WORDS + 1
    assert len(set(table["worker"].to_pylist())) == MOST_WORDS + 1
    recorder.stamp_losses()
    assert run.timeline()[0].detail == {"values": {"state": 20}}
    assert read_recorded(run).unkept == {"worker": 20}


def test_answers_that_wait_to_be_read_have_so_much_room_and_no_more(run, monkeypatch):
    monkeypatch.setattr("dress_rehearsal.scenarios.shard._KEPT_BODIES", 100)
    recorder = Recorder(run, "g")
    for seq in range(5):
        add(recorder, seq, answer=Answer(202, b'{"ticket": "t"}' + b" " * 30), done_ns=9)
    recorder.flush()
    add(recorder, 5, answer=Answer(202, b'{"ticket": "t"}'), done_ns=9)
    recorder.flush()
    told = run.request_table().sort_by("seq")["told_ticket"].to_pylist()
    assert told == ["t", "t", None, None, None, "t"]
    assert recorder.lost == {"answer": 3}


def read_eight(run, *, defect=None):
    """What eight answers of one shard told, their `app_us`, and what was not kept of them."""
    with pytest.MonkeyPatch.context() as patch:
        if defect is not None:
            patch.setattr("dress_rehearsal.scenarios.answers.claims.read_body", defect)
        recorder = Recorder(run, "g")
        for seq in range(8):
            body = b'{"ticket": "t%d", "number": "many"}' % seq
            add(recorder, seq, answer=Answer(202, body, b"app;dur=1"), done_ns=9)
        recorder.flush()
    assert recorder.error is None
    table = run.request_table().sort_by("seq")
    assert table["app_us"].to_pylist() == [1000] * 8
    return table["told_ticket"].to_pylist(), recorder.losses


def test_a_reader_s_own_defect_costs_only_the_answers_that_it_meets(run):
    def broken(body):
        if b"t2" in body or b"t7" in body:
            raise TypeError("a form that nobody thought of")
        return read_body(body)

    told, losses = read_eight(run, defect=broken)
    assert told == ["t0", "t1", None, "t3", "t4", "t5", "t6", None]
    assert losses == {"answer": 2, "number": 6}


def test_a_reader_without_a_defect_loses_no_answer(run):
    told, losses = read_eight(run)
    assert told == [f"t{seq}" for seq in range(8)]
    assert losses == {"number": 8}


def test_a_reader_that_fails_at_every_answer_costs_what_was_said_and_not_the_rows(run):
    def broken(body):
        raise ValueError("a form that nobody thought of")

    told, losses = read_eight(run, defect=broken)
    assert told == [None] * 8
    assert losses == {"answer": 8}


def test_a_picture_that_is_no_code_costs_the_others_of_its_shard_nothing(run):
    recorder = Recorder(run, "g")
    leaving = b'<svg><path d="M0 0h7M13.5 20h7.5"/></svg>'
    add(recorder, 0, answer=Answer(202, b'{"ticket": "t"}'), done_ns=9)
    add(recorder, 1, answer=Answer(200, leaving), done_ns=9, step=STEPS.index(QR))
    recorder.flush()
    assert run.request_table().sort_by("seq")["told_ticket"].to_pylist() == ["t", None]
    assert recorder.losses == {}


def test_while_shards_are_written_no_thread_keeps_the_loop_from_going_on_for_long(run):
    usual_s = sys.getswitchinterval()
    writing = gevent.spawn(Recorder(run, "g").keep_writing)
    gevent.sleep(0.01)
    assert sys.getswitchinterval() < 0.0001
    writing.kill()
    assert sys.getswitchinterval() == usual_s
