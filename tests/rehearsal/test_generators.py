"""What several processes tell is one rush: counts add up, and of delays it is the worst."""

from typing import Any

from dress_rehearsal.rehearsal.generators import Generators

MS = 1_000_000


def status(name: str, at_ms: int, **told: Any) -> dict[str, Any]:
    return {
        "generator": name,
        "t_ns": at_ms * MS,
        "students": {"ticket": 1, "in_flight": 2},
        "outcomes": {"ok": 5},
        "requests": 10,
        "in_flight": 1,
        "connections": 3,
        "unwritten_rows": 4,
        "loop_lag_s": 0.1,
        "late_p99_s": None,
        "felt_p99_ms": 20.0,
        "good_p99_ms": None,
        **told,
    }


def test_one_process_is_the_whole() -> None:
    told = status("generator", 1)
    assert Generators().together(told) == told


def test_several_are_added_up() -> None:
    generators = Generators(2)
    assert generators.together(status("worker0", 1)) is None
    whole = generators.together(
        status("worker1", 2, late_p99_s=0.3, felt_p99_ms=5.0, loop_lag_s=0.2, requests=7)
    )
    assert whole is not None
    assert (whole["requests"], whole["connections"], whole["in_flight"]) == (17, 6, 2)
    assert whole["students"] == {"ticket": 2, "in_flight": 4}
    assert whole["outcomes"] == {"ok": 10}
    assert (whole["late_p99_s"], whole["felt_p99_ms"], whole["loop_lag_s"]) == (0.3, 20.0, 0.2)
    assert whole["good_p99_ms"] is None
    assert generators.on_the_way == 4


def test_it_is_told_once_all_have_told_anew() -> None:
    generators = Generators(2)
    told = [
        generators.together(status(name, at_ms)) is not None
        for name, at_ms in (("worker0", 1), ("worker1", 2), ("worker0", 250), ("worker1", 251))
    ]
    assert told == [False, True, False, True]


def test_one_that_is_silent_keeps_the_others_from_being_told_of_no_longer_than_usual() -> None:
    generators = Generators(2)
    generators.together(status("worker0", 1))
    generators.together(status("worker1", 2))
    assert generators.together(status("worker0", 100)) is None
    assert generators.together(status("worker0", 260)) is not None
