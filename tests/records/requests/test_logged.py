"""What the app's log says of answers that came too late is read by trace id, and nothing else."""

import json
import math

import numpy as np

from dress_rehearsal.records.requests import logged
from dress_rehearsal.records.requests.logged import UNSAID, read_logged, request_keys
from dress_rehearsal.records.requests.trace_ids import TraceIds

RUN = TraceIds("a run")
WAITED = {"duration_ms": 8_500.25, "queue_ms": 1_500, "pool_ms": 8_400.5, "pool": "redis"}


def line(student, seq, *, run=RUN, **fields):
    about = {"pid": 7, "message": "slow answer", "trace_id": run.trace_id(student, seq)}
    return json.dumps({**about, "status": 503, **fields}, separators=(",", ":")) + "\n"


def keys(*requests):
    return request_keys(*(np.array(numbers, np.int64) for numbers in zip(*requests, strict=True)))


def read(folder, text, *requests):
    (folder / logged.FILE).write_text(text)
    return read_logged(folder, RUN.run, keys(*requests))


def test_an_answer_s_times_and_words_are_those_of_server_timing(tmp_path):
    found = read(tmp_path, line(0, 3) + line(12, 5, **WAITED), (12, 5))
    assert found.places(keys((12, 5), (0, 3))).tolist() == [0, UNSAID], "nobody asked for the other"
    columns = {name: values[0] for name, values in found.columns.items()}
    assert found.status.tolist() == [503]
    assert columns["app_us"] == 8_500_250
    assert (columns["queue_us"], columns["pool_us"]) == (1_500_000, 8_400_500)
    assert (columns["pool"], columns["worker"]) == ("redis", "7")
    assert math.isnan(columns["db_us"])


def test_lines_that_nobody_asked_for_or_that_say_nothing_are_passed_over(tmp_path):
    other = TraceIds("another run")
    text = line(1, 1, run=other) + line(2, 2, status="503") + line(3, 3, status=True)
    broken = line(4, 4)[:-20] + "\n" + '{"message":"slow answer","trace_id":"' + "0" * 40 + "\n"
    found = read(tmp_path, text + broken + line(5, 5)[:-1], (1, 1), (2, 2), (3, 3), (4, 4), (5, 5))
    assert found.places(keys((5, 5))).tolist() == [0], "the last line needs no end"
    assert len(found.keys) == 1


def test_times_that_cannot_be_are_not_said(tmp_path):
    odd = {"duration_ms": 10**400, "queue_ms": -1, "db_ms": "soon", "redis_ms": True, "pid": None}
    found = read(tmp_path, line(1, 1, **odd), (1, 1))
    for name, values in found.columns.items():
        said = values[0]
        assert said is None if name in ("pool", "worker") else math.isnan(said), name


def test_a_wait_for_a_pool_that_is_not_named_makes_a_line_s_times_useless(tmp_path):
    unnamed = {**WAITED}
    del unnamed["pool"]
    found = read(tmp_path, line(1, 1, **unnamed), (1, 1))
    assert math.isnan(found.columns["app_us"][0])
    assert found.status.tolist() == [503]


def test_of_a_long_log_only_so_much_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(logged, "MOST_BYTES", 1 << 10)
    found = read(tmp_path, line(1, 1) + " " * (1 << 10) + "\n" + line(2, 2), (1, 1), (2, 2))
    assert len(found.keys) == 1


def test_without_a_log_nothing_is_known(tmp_path):
    found = read_logged(tmp_path, RUN.run, keys((1, 1)))
    assert found.places(keys((1, 1))).tolist() == [UNSAID]
    assert not len(read_logged(tmp_path / "none", RUN.run, np.empty(0, np.int64)).keys)


def test_of_several_lines_of_a_request_the_last_counts_and_keys_are_in_order(tmp_path):
    text = line(9, 1, status=500) + line(2, 2, pid=8) + line(9, 1, status=202)
    found = read(tmp_path, text, (2, 2), (9, 1))
    assert found.keys.tolist() == keys((2, 2), (9, 1)).tolist()
    assert found.status.tolist() == [503, 202]
    assert found.columns["worker"].tolist() == ["8", "7"]


def test_a_log_of_others_requests_alone_says_nothing(tmp_path):
    assert not len(read(tmp_path, line(1, 1), (7, 7)).keys)
