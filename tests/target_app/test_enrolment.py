"""Enrolment: asked before a sale, never waited for in vain; its faults cost nobody a ticket."""

from collections.abc import Callable
from typing import Any

import pytest

from dress_rehearsal.target_app.circuit_breaker import (
    CLOSED,
    ENOUGH,
    OPEN,
    OPEN_S,
)
from tests.target_app.growth import Growth, sample

Start = Callable[..., Any]


ASKED = {"kind": "enrolment_api", "name": "is_enrolled"}


def test_the_api_is_asked_before_a_sale_and_a_yes_is_remembered(
    start_app: Start, neighbours: Any, growth: Growth
) -> None:
    app = start_app(**neighbours.settings)
    bearer = app.login(0)
    bought = app.buy(bearer)
    again = app.buy(bearer)
    assert (bought.status_code, again.json()) == (202, bought.json())
    assert growth.of("boundary_calls_total", **ASKED, result="success") == 1
    assert "external;dur=" in bought.headers["server-timing"]
    assert "external;dur=" not in again.headers["server-timing"]
    assert sample("db_client_connection_max", pool="enrolment") == 50


def test_whom_the_api_does_not_know_is_refused_though_the_roster_says_yes(
    start_app: Start, neighbours: Any, growth: Growth
) -> None:
    app = start_app(**neighbours.settings)
    outsider = app.stage.roster[-1].student
    with app.stage.client() as redis:
        redis.sadd(f"event:{app.stage.event}:enrolled", outsider)
    bearer = app.login(-1)
    for _ in range(2):  # a no is not remembered: the university may put it right
        answer = app.buy(bearer)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_enrolled")
    assert growth.of("boundary_calls_total", **ASKED, result="success") == 2


def test_whom_the_roster_does_not_know_is_refused_though_the_api_fails(
    start_app: Start, neighbours: Any
) -> None:
    neighbours.behave(failures=1.0)
    app = start_app(**neighbours.settings)
    assert app.buy(app.login(-1)).json()["code"] == "not_enrolled"


@pytest.mark.parametrize(
    ("latency_s", "failures", "reason"), [(0.0, 1.0, "failure"), (3.0, 0.0, "timeout")]
)
def test_an_api_that_fails_or_is_late_costs_nobody_a_ticket_and_is_told(
    start_app: Start,
    neighbours: Any,
    growth: Growth,
    eventually: Callable[..., Any],
    latency_s: float,
    failures: float,
    reason: str,
) -> None:
    neighbours.behave(latency_s, failures)
    app = start_app(**neighbours.settings, APP_ENROLMENT_TIMEOUT=0.5)
    assert app.buy(app.login(0)).status_code == 202
    assert growth.of("enrolment_unasked_total", reason=reason) == 1
    assert growth.of("boundary_calls_total", **ASKED, result="failure") == 1
    (alert,) = eventually(neighbours.alerts)
    assert alert["kind"] == "enrolment_unasked"
    assert alert["message"].endswith("the roster alone decides.")


def test_an_api_that_is_not_there_costs_nobody_a_ticket(start_app: Start, growth: Growth) -> None:
    app = start_app(APP_ENROLMENT_URL="http://127.0.0.1:9/x", APP_ALERT_URL="http://127.0.0.1:9/y")
    for index in range(3):
        assert app.buy(app.login(index)).status_code == 202
    assert growth.of("enrolment_unasked_total", reason="failure") == 3


def test_more_questions_than_the_limit_wait_and_then_go_without(
    start_app: Start, neighbours: Any, growth: Growth
) -> None:
    neighbours.behave(latency_s=0.3)
    app = start_app(**neighbours.settings, APP_ENROLMENT_LIMIT=2, APP_ENROLMENT_TIMEOUT=0.4)
    bearers = [app.login(index) for index in range(8)]
    answers = app.rush([(bearer, "key") for bearer in bearers])
    assert [answer.status_code for answer in answers] == [202] * 8
    assert growth.of("db_client_connection_wait_time_seconds_count", pool="enrolment") == 8
    assert growth.of("db_client_connection_timeouts_total", pool="enrolment") >= 2
    assert growth.of("enrolment_unasked_total", reason="limit") >= 2
    assert sample("db_client_connection_used_peak", pool="enrolment") == 2
    assert app.asgi.services.enrolment.pool_limit.used == 0


def test_an_api_that_keeps_failing_is_left_alone_until_a_trial_succeeds(
    start_app: Start, neighbours: Any, growth: Growth, eventually: Callable[..., Any]
) -> None:
    neighbours.behave(failures=1.0)
    app = start_app(**neighbours.settings)
    bearers = [app.login(index) for index in range(30)]
    for bearer in bearers[:20]:
        assert app.buy(bearer).status_code == 202
    assert growth.of("boundary_calls_total", **ASKED, result="failure") == ENOUGH
    assert growth.of("enrolment_unasked_total", reason="circuit_open") == 20 - ENOUGH
    assert growth.of("circuit_breaker_opened_total", name="enrolment") == 1
    assert sample("circuit_breaker_state", name="enrolment") == OPEN
    neighbours.behave()
    app.asgi.services.enrolment._breaker._opened_s -= OPEN_S
    for bearer in bearers[20:]:
        assert app.buy(bearer).status_code == 202
    assert growth.of("boundary_calls_total", **ASKED, result="success") == 10
    assert sample("circuit_breaker_state", name="enrolment") == CLOSED
    kinds = eventually(lambda: (found := neighbours.alerts())[1:] and {a["kind"] for a in found})
    assert "enrolment_circuit" in kinds


def test_late_comers_are_not_asked_about(
    start_app: Start, neighbours: Any, growth: Growth, eventually: Callable[..., Any]
) -> None:
    app = start_app(**neighbours.settings, APP_TICKETS=1)
    app.buy(app.login(0))
    eventually(lambda: app.asgi.services.event_status.standing.remaining == 0)
    assert app.buy(app.login(1)).json()["code"] == "sold_out"
    assert growth.of("boundary_calls_total", **ASKED, result="success") == 1
