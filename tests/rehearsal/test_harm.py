"""A rush that does harm is stopped, and one that does not is left alone."""

from collections.abc import Mapping
from typing import Any

import pytest

from dress_rehearsal.plans.sections.abort import Abort
from dress_rehearsal.rehearsal.harm import Harm


def second(at_s: int, p99_s: float | None = None, step: str = "POST /x", **ends: int) -> Any:
    felt = {} if p99_s is None else {step: p99_s}
    return {"at_s": at_s, "answers": ends, "felt_p99_s": felt}


def told(limits: Mapping[str, str], seconds: list[Any]) -> list[str | None]:
    harm = Harm(Abort.model_validate(limits))
    return [harm.found("generator", [one]) for one in seconds]


def test_half_of_all_failing_for_long_enough_is_harm() -> None:
    seconds = [second(at, ok=40, failed=60) for at in range(100, 104)]
    *before, found = told({"errors": "50%", "after": "4s"}, seconds)
    assert before == [None, None, None]
    assert found == (
        "240 of 400 requests of the last 4 s failed or got no answer, which is more than "
        "abort.errors = 50% allows."
    )


@pytest.mark.parametrize(
    "seconds",
    [
        [second(at, ok=50, failed=50) for at in range(9)],  # no more than half
        [second(at, ok=1, failed=4) for at in range(3)],  # of so few no share is made
        [second(at, ok=40, abandoned=60) for at in range(9)],  # needed no more by their students
        [second(at, refused=90, ok=10) for at in range(9)],  # sold out is an answer
        [second(0, failed=100), second(1, ok=100), second(2, ok=100), second(3, ok=100)],
        [second(at) for at in range(9)],
    ],
)
def test_what_is_no_more_than_the_plan_allows_is_not(seconds: list[Any]) -> None:
    assert told({"errors": "50%", "after": "3s"}, seconds) == [None] * len(seconds)


def test_no_answer_is_as_bad_as_a_failure() -> None:
    assert "30 of 30" in str(told({"errors": "50%", "after": "1s"}, [second(7, unknown=30)])[0])


def test_a_step_that_is_slow_in_every_second_is_harm() -> None:
    seconds = [second(at, p99_s=11.0 + at, ok=5) for at in range(3)]
    assert told({"latency": "10s", "after": "3s"}, seconds)[-1] == (
        "In every second of the last 3 s in which POST /x was answered, the slowest 1% waited for "
        "11 s or more, and abort.latency = 10s."
    )


@pytest.mark.parametrize(
    "slow",
    [
        [11.0, 9.0, 11.0, 9.0, 11.0],  # now and then
        [None, None, 11.0, None, None],  # once
        [10.0] * 5,
    ],
)
def test_a_step_that_is_slow_now_and_then_is_not(slow: list[float | None]) -> None:
    seconds = [second(at, p99_s=value, ok=5) for at, value in enumerate(slow)]
    assert told({"latency": "10s", "after": "3s"}, seconds) == [None] * 5


def test_a_second_told_again_counts_once() -> None:
    harm = Harm(Abort.model_validate({"errors": "50%", "after": "1s"}))
    assert harm.found("generator", [second(1, ok=60)]) is None
    assert harm.found("generator", [second(1, ok=60, failed=50)]) is None
    assert harm.found("generator", [second(1, ok=60, failed=70)]) is not None


def test_without_a_limit_nothing_is() -> None:
    assert told({}, [second(at, failed=999, p99_s=99) for at in range(9)]) == [None] * 9
