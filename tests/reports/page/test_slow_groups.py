"""Twenty slow requests that look alike are one sentence, and strangers are not lumped together."""

from typing import Any

from dress_rehearsal.reports.page.slow_groups import groups_words
from dress_rehearsal.reports.part import SlowRequest


def slow(at_s: float, felt_ms: float = 11_000.0, **values: Any) -> SlowRequest:
    """Return one that was given up, of whose time nothing is known but that it left late."""
    told: dict[str, Any] = {
        "trace": None,
        "student": 1,
        "step": "POST /buy",
        "outcome": "unknown",
        "error": "timeout",
        "worker": None,
        "estimated": True,
        "parts": {"generator": 1000.0, "unanswered": 10_000.0},
    }
    return SlowRequest(at_s=at_s, felt_ms=felt_ms, **(told | values))


def test_twenty_of_a_kind_are_one_sentence() -> None:
    requests = [slow(number / 200, 11_000.0 + number) for number in range(20)]
    assert groups_words(requests) == (
        "20 of 20: POST /buy, intended from T-0 to T-0 + 0.1 s, the test sent them up to 1,000 ms "
        "too late, never answered (timeout) after 11.0 s, where their time went is not known."
    )


def test_what_ended_otherwise_was_of_another_step_or_waited_elsewhere_is_another_group() -> None:
    waited = {"estimated": False, "outcome": "ok", "error": None, "parts": {"redis": 900.0}}
    requests = [
        *(slow(0.0) for _ in range(4)),
        *(slow(1.0, 900.0, **waited) for _ in range(3)),
        *(slow(1.0, 900.0, **(waited | {"parts": {"cpu": 900.0}})) for _ in range(2)),
        slow(2.0, error="reset"),
        slow(2.0, step="GET /page"),
    ]
    said = groups_words(requests)
    first, second, third, rest = said.split(". ")
    assert first.startswith("4 of 11: POST /buy, intended at T-0, the test sent them up to")
    assert second == (
        "3 of 11: POST /buy, intended at T-0 + 1 s, answered after 900 ms, mostly in the Redis pool"
    )
    assert third.startswith("2 of 11: ")
    assert third.endswith("mostly in the CPU")
    assert rest == "The other 2 in other ways."


def test_nothing_is_said_of_few_or_of_such_as_have_nothing_in_common() -> None:
    assert groups_words([]) == ""
    assert groups_words([slow(0.0), slow(0.0)]) == ""
    assert groups_words([slow(0.0, step=f"GET /{number}") for number in range(9)]) == ""
