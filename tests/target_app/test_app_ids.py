"""Ids that nobody was ever given: refused in words, and no store is asked for them."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

Start = Callable[..., Any]
STRANGE = ["a%00b", "%00" * 32, "%ff", "%ED%A0%80", "A" * 32, "0" * 31, "0" * 33, "0" * 32 + "%0A"]


@pytest.fixture(params=["atomic_update", "redis_script", "redis_writeback"])
def app(request: pytest.FixtureRequest, start_app: Start) -> Any:
    return start_app(request.param)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def asked() -> float:
    """How often a ticket was looked for in a store."""
    labels = {"name": "find_ticket", "result": "success"}
    return sum(
        REGISTRY.get_sample_value("boundary_calls_total", {"kind": kind, **labels}) or 0.0
        for kind in ("postgres", "redis")
    )


def test_what_cannot_be_a_ticket_is_unknown_before_any_store_is_asked(app: Any) -> None:
    bearer = app.login(0)
    before = asked()
    for strange in STRANGE:
        for rest in ("", "/qr"):
            answer = app.http.get(f"/tickets/{strange}{rest}", headers=bearer)
            assert code(answer) == (404, "ticket_unknown"), (strange, rest)
    assert asked() == before
    assert code(app.http.get(f"/tickets/{'0' * 32}", headers=bearer)) == (404, "ticket_unknown")
    assert asked() == before + 1


def test_strangers_learn_nothing_of_ids(app: Any) -> None:
    assert code(app.http.get("/tickets/a%00b")) == (401, "unauthenticated")


def test_what_cannot_be_an_event_is_unknown(app: Any) -> None:
    bearer = app.login(0)
    for strange in ("a%00b", "%ff", f"{app.stage.event}%00"):
        for path in ("", "/countdown"):
            answer = app.http.get(f"/events/{strange}{path}", headers=bearer)
            assert code(answer) == (404, "event_unknown"), (strange, path)
        answer = app.http.post(
            f"/events/{strange}/tickets", headers={**bearer, "Idempotency-Key": "key"}
        )
        assert code(answer) == (404, "event_unknown"), strange


@pytest.mark.parametrize("student", ["a\\u0000b", "\\u0000", "\\ud800", "*", "\\n"])
def test_what_cannot_be_a_student_does_not_log_in(app: Any, student: str) -> None:
    body = f'{{"student": "{student}", "pin": "1\\u0000"}}'
    answer = app.http.post("/login", content=body, headers={"Content-Type": "application/json"})
    assert code(answer) in {(401, "bad_credentials"), (400, "invalid_request")}


@pytest.mark.parametrize("key", [b"\xff\xfe", "é".encode(), b"'; --"])
def test_any_bytes_may_be_an_idempotency_key(app: Any, key: bytes) -> None:
    bearer = {name.encode(): value.encode() for name, value in app.login(0).items()}
    headers = {**bearer, b"Idempotency-Key": key}
    path = f"{app.path}/tickets"
    first, again = (app.http.post(path, headers=headers) for _ in range(2))
    assert {first.status_code, again.status_code} <= {201, 202}
    assert first.json()["ticket"] == again.json()["ticket"]
