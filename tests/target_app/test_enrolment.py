"""Enrolment: asked before a sale, never waited for in vain; its faults cost nobody a ticket."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from dress_rehearsal.target_app.alerts import Alerts
from dress_rehearsal.target_app.circuit_breaker import (
    CLOSED,
    ENOUGH,
    HALF_OPEN,
    OPEN,
    OPEN_S,
    CircuitBreaker,
)
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

Start = Callable[..., Any]


def sample(metric: str, /, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0.0


class Growth:
    """How much metrics have grown since it was made."""

    def __init__(self) -> None:
        self._before: dict[Any, float] = {
            (one.name, frozenset(one.labels.items())): one.value
            for family in REGISTRY.collect()
            for one in family.samples
        }

    def of(self, metric: str, /, **labels: str) -> float:
        return sample(metric, **labels) - self._before.get((metric, frozenset(labels.items())), 0.0)


ASKED = {"kind": "enrolment_api", "name": "is_enrolled"}


@pytest.fixture
def growth() -> Growth:
    return Growth()


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
    began_s = time.monotonic()
    assert app.buy(app.login(0)).status_code == 202
    assert time.monotonic() - began_s < 2.5
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
    assert app.asgi.office.enrolment.turnstile.used == 0


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
    app.asgi.office.enrolment._breaker._opened_s -= OPEN_S
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
    eventually(lambda: app.asgi.office.board.standing.remaining == 0)
    assert app.buy(app.login(1)).json()["code"] == "sold_out"
    assert growth.of("boundary_calls_total", **ASKED, result="success") == 1


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class TestCircuitBreaker:
    """The breaker by itself, on a clock of its own."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def told(self) -> list[str]:
        return []

    @pytest.fixture
    def breaker(self, clock: Clock, told: list[str]) -> CircuitBreaker:
        return CircuitBreaker("test", told.append, clock)

    def ask(self, breaker: CircuitBreaker, failed: bool) -> None:
        leave = breaker.begin()
        assert leave is not None
        breaker.end(leave, failed=failed)

    def opened(self, breaker: CircuitBreaker) -> None:
        for _ in range(ENOUGH):
            self.ask(breaker, True)
        assert breaker.state == OPEN

    def test_a_third_of_failures_leaves_it_closed(self, breaker: CircuitBreaker) -> None:
        for number in range(300):
            self.ask(breaker, number % 3 == 0)
        assert breaker.state == CLOSED

    def test_half_of_failures_opens_it(self, breaker: CircuitBreaker, told: list[str]) -> None:
        for number in range(ENOUGH):
            self.ask(breaker, number % 2 == 0)
        assert breaker.state == OPEN
        assert breaker.refuses
        assert breaker.begin() is None
        assert told == ["test fails too often; it is not asked, but for one trial at a time"]

    def test_after_a_while_one_alone_may_try(self, breaker: CircuitBreaker, clock: Clock) -> None:
        self.opened(breaker)
        clock.now_s += OPEN_S
        assert breaker.begin() is not None
        assert breaker.state == HALF_OPEN
        assert breaker.begin() is None

    def test_a_trial_that_fails_opens_it_again_and_is_not_told_again(
        self, breaker: CircuitBreaker, clock: Clock, told: list[str]
    ) -> None:
        self.opened(breaker)
        clock.now_s += OPEN_S
        self.ask(breaker, True)
        assert breaker.state == OPEN
        assert breaker.begin() is None
        clock.now_s += OPEN_S
        self.ask(breaker, False)
        assert breaker.state == CLOSED
        assert [sentence.partition(" ")[2][:7] for sentence in told] == ["fails t", "answers"]

    def test_answers_to_questions_of_before_decide_nothing(
        self, breaker: CircuitBreaker, clock: Clock
    ) -> None:
        late = breaker.begin()
        assert late is not None
        self.opened(breaker)
        clock.now_s += OPEN_S
        assert breaker.begin() is not None
        breaker.end(late, failed=False)
        assert breaker.state == HALF_OPEN


class TestAlerts:
    """Alerts by themselves."""

    def test_one_of_a_kind_a_second_and_the_others_are_counted(
        self, neighbours: Any, growth: Growth
    ) -> None:
        async def run() -> None:
            alerts = Alerts(neighbours.settings["APP_ALERT_URL"])
            await alerts.open()
            for number in range(5):
                alerts.tell("flood", f"It is the {number}th.")
            alerts.tell("other", "It is another.")
            await alerts.close()

        asyncio.run(run())
        told = [(alert["kind"], alert["message"]) for alert in neighbours.alerts()]
        assert told == [("flood", "It is the 0th."), ("other", "It is another.")]
        assert growth.of("alerts_total", kind="flood", result="suppressed") == 4
        calls = {"kind": "alert_api", "name": "tell", "result": "success"}
        assert growth.of("boundary_calls_total", **calls) == 2

    def test_a_full_queue_drops_and_telling_never_waits(self, growth: Growth) -> None:
        async def run() -> float:
            alerts = Alerts("http://127.0.0.1:9")
            began_s = time.monotonic()
            for number in range(150):
                alerts.tell(f"kind{number}", "One of many.")
            took_s = time.monotonic() - began_s
            await alerts.open()
            await alerts.close()
            return took_s

        assert asyncio.run(run()) < 0.5
        assert growth.of("alerts_total", kind="kind149", result="dropped") == 1
        assert growth.of("alerts_total", kind="kind0", result="failed") == 1

    def test_without_an_address_alerts_are_only_counted(self, growth: Growth) -> None:
        async def run() -> None:
            alerts = Alerts(None)
            await alerts.open()
            alerts.tell("lonely", "Nobody hears this.")
            await alerts.close()

        asyncio.run(run())
        assert growth.of("alerts_total", kind="lonely", result="told") == 1
