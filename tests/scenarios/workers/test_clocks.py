"""Clocks are compared by the quickest answer; what they ran apart is known as well as that."""

import gevent
import pytest

from dress_rehearsal.scenarios.workers.clocks import ClockApart, Clocks, now, skew_of

MS = 1_000_000


def answering(ahead_ms):
    """Return a master's clocks, whose workers' are so far ahead; None: one that never answers."""
    asked = []

    def ask(worker, question):
        asked.append(worker)
        ahead = ahead_ms[worker]
        if ahead is None:
            return
        # The first answer is slow on one way, and would make it half a second.
        gevent.spawn_later(0.2 if asked.count(worker) == 1 else 0, tell, question, worker, ahead)

    def tell(question, worker, ahead):
        answer = now(question)
        answer["now_ns"] += round(ahead * MS)
        clocks.take(worker, answer)

    clocks = Clocks(ask)
    return clocks


def test_a_clock_is_as_far_as_the_quickest_answer_says():
    found = answering({"a": 120.0, "b": -3.0}).compare(["a", "b"])
    assert found.keys() == {"a", "b"}
    for worker, ahead_ms in {"a": 120.0, "b": -3.0}.items():
        assert abs(found[worker].offset_ms - ahead_ms) <= found[worker].within_ms < 100


@pytest.mark.slow
def test_a_worker_that_does_not_answer_keeps_nobody_waiting_for_ever():
    assert answering({"a": 1.0, "b": None}).compare(["a", "b"]).keys() == {"a"}


def test_what_was_not_asked_is_not_listened_to():
    clocks = answering({"a": 1.0})
    clocks.take("z", {"asked_ns": 0, "since_ns": 0, "now_ns": 10**18})
    assert clocks.compare(["a"]).keys() == {"a"}


@pytest.mark.parametrize(
    ("before_ms", "after_ms", "passed_s", "ppm"),
    [(1.0, 1.0, 40, 0.0), (0.0, 40.0, 40, 1000.0), (5.0, -5.0, 100, -100.0)],
)
def test_what_clocks_ran_apart_is_what_lies_between_two_comparisons(
    before_ms, after_ms, passed_s, ppm
):
    before = ClockApart(before_ms, 0.1, 7)
    after = ClockApart(after_ms, 0.3, 7 + passed_s * 10**9)
    skew = skew_of(before, after)
    assert skew.ppm == pytest.approx(ppm)
    assert skew.within_ppm == pytest.approx(0.4e3 / passed_s)
