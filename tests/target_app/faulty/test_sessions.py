"""Slow logins and lost sessions."""

import time
from collections.abc import Callable
from typing import Any

import pytest

Start = Callable[..., Any]


@pytest.mark.parametrize("allocation", ["atomic_update", "redis_writeback"])
def test_a_session_is_lost_as_soon_as_it_begins(start_faulty: Start, allocation: str) -> None:
    app = start_faulty(allocation)
    app.switch("session_lost", 1)
    bearer = app.login(0)
    answer = app.buy(bearer)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    app.switch("session_lost", 0)
    assert app.buy(bearer).status_code == 401  # lost is lost
    assert app.buy(app.login(0)).status_code in (201, 202)


def test_some_sessions_are_lost_and_wrong_pins_stay_wrong(start_faulty: Start) -> None:
    app = start_faulty()
    app.switch("session_lost", 0.5)
    codes = [app.buy(app.login(index)).status_code for index in range(30)]
    assert 3 < codes.count(401) < 27
    wrong = {"student": app.stage.roster[0].student, "pin": "nonsense"}
    assert app.http.post("/login", json=wrong).json()["code"] == "bad_credentials"


def test_a_login_is_slow_and_a_purchase_is_not(start_faulty: Start) -> None:
    app = start_faulty()

    def login_s(index: int) -> tuple[float, dict[str, str]]:
        began_s = time.monotonic()
        bearer = app.login(index)
        return time.monotonic() - began_s, bearer

    assert login_s(0)[0] < 0.3
    app.switch("slow_login", 0.4)
    slow_s, bearer = login_s(1)
    assert slow_s >= 0.4
    began_s = time.monotonic()
    assert app.buy(bearer).status_code == 202
    assert time.monotonic() - began_s < 0.3
    app.switch("slow_login", 0)
    assert login_s(2)[0] < 0.3
