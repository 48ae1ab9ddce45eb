"""The circuit breaker: whom it lets ask, when it opens, and that late answers decide nothing."""

import pytest

from dress_rehearsal.target_app.circuit_breaker import (
    CLOSED,
    ENOUGH,
    HALF_OPEN,
    OPEN,
    OPEN_S,
    CircuitBreaker,
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def breaker(clock: Clock, told: list[str]) -> CircuitBreaker:
    return CircuitBreaker("test", told.append, clock)


def ask(breaker: CircuitBreaker, failed: bool) -> None:
    leave = breaker.begin()
    assert leave is not None
    breaker.end(leave, failed=failed)


def opened(breaker: CircuitBreaker) -> None:
    for _ in range(ENOUGH):
        ask(breaker, True)
    assert breaker.state == OPEN


def test_a_third_of_failures_leaves_it_closed(breaker: CircuitBreaker) -> None:
    for number in range(300):
        ask(breaker, number % 3 == 0)
    assert breaker.state == CLOSED


def test_half_of_failures_opens_it(breaker: CircuitBreaker, told: list[str]) -> None:
    for number in range(ENOUGH):
        ask(breaker, number % 2 == 0)
    assert breaker.state == OPEN
    assert breaker.refuses
    assert breaker.begin() is None
    assert told == ["test fails too often; it is not asked, but for one trial at a time"]


def test_after_a_while_one_alone_may_try(breaker: CircuitBreaker, clock: Clock) -> None:
    opened(breaker)
    clock.now_s += OPEN_S
    assert breaker.begin() is not None
    assert breaker.state == HALF_OPEN
    assert breaker.begin() is None


def test_a_trial_that_fails_opens_it_again_and_is_not_told_again(
    breaker: CircuitBreaker, clock: Clock, told: list[str]
) -> None:
    opened(breaker)
    clock.now_s += OPEN_S
    ask(breaker, True)
    assert breaker.state == OPEN
    assert breaker.begin() is None
    clock.now_s += OPEN_S
    ask(breaker, False)
    assert breaker.state == CLOSED
    assert [sentence.partition(" ")[2][:7] for sentence in told] == ["fails t", "answers"]


def test_answers_to_questions_of_before_decide_nothing(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    late = breaker.begin()
    assert late is not None
    opened(breaker)
    clock.now_s += OPEN_S
    assert breaker.begin() is not None
    breaker.end(late, failed=False)
    assert breaker.state == HALF_OPEN
