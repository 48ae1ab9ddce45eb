"""Sessions over HTTP: logging in, staying in, and being thrown out."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest


@pytest.fixture
def app(start_app: Callable[..., Any]) -> Any:
    return start_app()


def login(app: Any, student: str, pin: str) -> httpx.Response:
    return app.http.post("/login", json={"student": student, "pin": pin})


def is_refused(answer: httpx.Response, status: int, code: str) -> bool:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "code"}
    assert body["status"] == answer.status_code
    return (answer.status_code, body["code"]) == (status, code)


def test_student_and_pin_give_a_token_whose_session_lives_in_redis(app: Any) -> None:
    student = app.stage.roster[0]
    answer = login(app, student.student, student.pin)
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 7200
    claims = jwt.decode(answer.json()["token"], app.stage.settings.key("jwt"), algorithms=["HS256"])
    with app.stage.client() as redis:
        key = f"session:{claims['jti']}"
        assert redis.get(key).decode() == student.student
        assert 7190 < redis.ttl(key) <= 7200


def test_a_wrong_pin_and_an_unknown_student_are_refused_alike(app: Any) -> None:
    student = app.stage.roster[0]
    wrong = login(app, student.student, "not the pin")
    unknown = login(app, "nobody", student.pin)
    assert is_refused(wrong, 401, "bad_credentials")
    assert wrong.content == unknown.content


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"student": "x"}',
        b'{"student": 1, "pin": "2"}',
        b'{"student":"","pin":"1"}',
    ],
)
def test_a_login_that_is_not_one_is_an_invalid_request(app: Any, body: bytes) -> None:
    answer = app.http.post("/login", content=body, headers={"Content-Type": "application/json"})
    assert is_refused(answer, 400, "invalid_request")


def test_a_body_beyond_64_kib_is_refused(app: Any) -> None:
    answer = login(app, "x" * 70_000, "1")
    assert is_refused(answer, 413, "request_too_large")


def test_after_logout_the_token_opens_nothing(app: Any) -> None:
    bearer = app.login(0)
    assert app.buy(bearer).status_code == 202
    answer = app.http.post("/logout", headers=bearer)
    assert (answer.status_code, answer.content) == (204, b"")
    assert is_refused(app.buy(bearer), 401, "unauthenticated")
    path = f"/tickets/{'0' * 32}"
    assert is_refused(app.http.get(path, headers=bearer), 401, "unauthenticated")
    assert is_refused(app.http.post("/logout", headers=bearer), 401, "unauthenticated")


def test_a_revoked_session_is_refused_by_allocators_in_postgresql_as_well(
    start_app: Callable[..., Any],
) -> None:
    app = start_app("atomic_update")
    bearer = app.login(0)
    ticket = app.buy(bearer).json()["ticket"]
    app.http.post("/logout", headers=bearer)
    assert is_refused(app.buy(bearer), 401, "unauthenticated")
    assert is_refused(app.http.get(f"/tickets/{ticket}", headers=bearer), 401, "unauthenticated")


def test_a_tampered_or_foreign_or_expired_token_is_refused(app: Any) -> None:
    good = app.login(0)["Authorization"].removeprefix("Bearer ")
    key = app.stage.settings.key("jwt")
    claims = jwt.decode(good, key, algorithms=["HS256"])
    head, _, signature = good.split(".")
    other = jwt.encode({**claims, "sub": app.stage.roster[1].student}, key, "HS256")
    forged = [
        f"{head}.{other.split('.')[1]}.{signature}",  # another student under this signature
        jwt.encode(claims, b"x" * 32, "HS256"),
        jwt.encode(claims, None, "none"),
        jwt.encode({**claims, "exp": int(time.time()) - 1}, key, "HS256"),
        jwt.encode({"sub": claims["sub"], "exp": claims["exp"]}, key, "HS256"),  # no session
        other,  # well signed, but its session is somebody else's
        "not.a.token",
    ]
    for token in forged:
        answer = app.buy({"Authorization": f"Bearer {token}"})
        assert is_refused(answer, 401, "unauthenticated"), token
        assert answer.headers["www-authenticate"] == "Bearer"
    assert is_refused(app.buy({}), 401, "unauthenticated")
    assert is_refused(app.buy({"Authorization": f"Basic {good}"}), 401, "unauthenticated")


def test_remembered_signatures_are_bounded_and_still_expire(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dress_rehearsal.target_app.sessions._REMEMBERED_TOKENS", 2)
    sessions = app.asgi.services.sessions
    tokens = [app.login(index)["Authorization"].encode() for index in range(4)]
    for token in tokens:
        assert sessions.read(token) is not None
    assert len(sessions._remembered) == 2
    monkeypatch.setattr("dress_rehearsal.target_app.sessions.time.time", lambda: 9e9)
    assert sessions.read(tokens[-1]) is None
