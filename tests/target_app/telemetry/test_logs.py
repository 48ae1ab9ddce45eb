"""Logs: JSON lines under the request's trace id, with nothing in them that must not be."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dress_rehearsal.target_app.middleware import parse_traceparent
from dress_rehearsal.target_app.telemetry.logs import JsonFormatter, LineHandler, Throttled

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
Start = Callable[..., Any]


class Lines:
    """The log lines of the app under test, read from where it writes them."""

    def __init__(self, path: Any) -> None:
        self.path = path
        self.file = path.open("wb")
        self.handler = LineHandler(self.file.fileno(), "app")

    def read(self) -> list[dict[str, Any]]:
        self.handler.flush()
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def lines(tmp_path: Any) -> Iterator[Lines]:
    gathered = Lines(tmp_path / "log.jsonl")
    logger = logging.getLogger("dress_rehearsal.target_app")
    logger.addHandler(gathered.handler)
    logger.setLevel(logging.DEBUG)
    yield gathered
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(gathered.handler)
    gathered.handler.close()
    gathered.file.close()


def test_everything_said_about_a_request_bears_its_trace_id(start_app: Start, lines: Lines) -> None:
    app = start_app("atomic_update")
    bearer = {**app.login(0), "traceparent": f"00-{TRACE}-{SPAN}-01"}
    ticket = app.buy(bearer).json()["ticket"]
    app.buy(app.login(1))
    traced = [line for line in lines.read() if line.get("trace_id") == TRACE]
    assert [line["message"] for line in traced] == ["ticket granted", "answered"]
    granted, answered = traced
    assert granted["ticket"] == ticket
    assert {line["span_id"] for line in traced} == {SPAN}
    assert (answered["step"], answered["status"]) == ("POST /events/{event}/tickets", 201)
    assert answered["student_hash"] == granted["student_hash"]
    assert answered["db_ms"] <= answered["duration_ms"]
    assert (granted["level"], granted["component"], granted["pid"]) == ("info", "app", os.getpid())
    assert sum(line["message"] == "ticket granted" for line in lines.read()) == 2


def test_a_slow_answer_gets_a_line_that_says_where_the_time_went(
    start_app: Start, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = start_app("redis_writeback")
    logging.getLogger("dress_rehearsal.target_app").setLevel(logging.INFO)
    app.buy(app.login(0))
    monkeypatch.setattr("dress_rehearsal.target_app.middleware.SLOW_NS", 1)
    app.buy({**app.login(1), "traceparent": f"00-{TRACE}-{SPAN}-01"})
    slow = [line for line in lines.read() if line["message"] == "slow answer"]
    (bought,) = (line for line in slow if line["step"] == "POST /events/{event}/tickets")
    assert (bought["trace_id"], bought["status"], bought["level"]) == (TRACE, 202, "info")
    assert 0 < bought["redis_ms"] <= bought["duration_ms"]
    assert len(bought["student_hash"]) == 12


def test_no_pin_token_secret_or_student_number_is_ever_logged(
    start_app: Start, lines: Lines
) -> None:
    app = start_app("redis_writeback", APP_TICKETS=1)
    student = app.stage.roster[0]
    bearer = app.login(0)
    app.buy(bearer)
    app.buy(app.login(1))
    app.buy(app.login(-1))
    app.http.post("/login", json={"student": student.student, "pin": "wrong-pin-8"})
    app.http.post("/login", json={"student": [student.student], "pin": 5})
    with app.stage.client() as redis:
        redis.delete(f"event:{app.stage.event}:holders")
        redis.set(f"event:{app.stage.event}:holders", "broken")
    app.buy(bearer)
    app.reschedule(5)
    app.http.post("/logout", headers=bearer)
    text = json.dumps(lines.read())
    for message in ("ticket granted", "ticket refused", "login refused", "logged out"):
        assert message in text
    secrets = [
        *(entry.student for entry in app.stage.roster),
        *(f'"{entry.pin}"' for entry in app.stage.roster),
        bearer["Authorization"].removeprefix("Bearer "),
        "wrong-pin-8",
        *(app.stage.environment[f"APP_{name}_SECRET"] for name in ("JWT", "QR", "PIN")),
        app.stage.environment["APP_ADMIN_TOKEN"],
    ]
    assert [secret for secret in secrets if secret in text] == []


def test_a_failure_nobody_foresaw_is_a_problem_with_its_story_in_the_log(
    start_app: Start, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = start_app()

    async def fail() -> int:
        raise RuntimeError("the unforeseen")

    monkeypatch.setattr(app.asgi.services, "count_view", fail)
    answer = app.http.get(app.path, headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    (line,) = (line for line in lines.read() if line["message"] == "request failed")
    assert line["trace_id"] == TRACE
    assert "RuntimeError: the unforeseen" in line["exception"]


def test_a_failure_of_the_framework_is_a_problem_as_well(
    start_app: Start, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = start_app()

    async def fail(*_: Any) -> None:
        raise RuntimeError("outside every handler")

    monkeypatch.setattr(app.asgi, "_inside", fail)
    answer = app.http.get("/healthz")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    monkeypatch.undo()
    assert any("outside every handler" in line.get("exception", "") for line in lines.read())


def test_a_flood_of_one_cause_is_one_line_a_second(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [100.0]
    monkeypatch.setattr(
        "dress_rehearsal.target_app.telemetry.logs.time.monotonic", lambda: now_s[0]
    )
    throttled = Throttled(logging.getLogger("dress_rehearsal.target_app.test"), logging.WARNING)
    for _ in range(10):
        throttled.log("too many", {"code": "overloaded"})
    now_s[0] += 1.5
    throttled.log("too many", {"code": "overloaded"})
    told = lines.read()
    assert [line["kept_back"] for line in told] == [0, 9]
    assert {line["code"] for line in told} == {"overloaded"}


def test_a_line_that_cannot_be_written_does_not_stop_the_app(
    lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    lines.handler.close()
    logging.getLogger("dress_rehearsal.target_app.test").warning("lost")
    assert "Logging error" in capsys.readouterr().err


def test_the_formatter_serves_other_handlers_too() -> None:
    record = logging.makeLogRecord({"msg": "hello %s", "args": ("you",), "path": object})
    line = json.loads(JsonFormatter("main").format(record))
    assert (line["component"], line["message"]) == ("main", "hello you")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"00",
        f"00-{TRACE}-{SPAN}".encode(),
        f"00-{TRACE.upper()}-{SPAN}-01".encode(),
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"ff-{TRACE}-{SPAN}-01".encode(),
        f"00-{TRACE}-{SPAN}-01-more".encode(),
    ],
)
def test_a_traceparent_that_is_none_is_ignored(header: bytes) -> None:
    assert parse_traceparent(header) is None


def test_a_traceparent_of_a_later_version_is_read() -> None:
    assert parse_traceparent(f"cc-{TRACE}-{SPAN}-01-more".encode()) == (TRACE, SPAN)
