"""In a crowd the loop naps between two looks; who is alone, or connects, is not kept waiting."""

import time
from collections.abc import Callable

import gevent
import pytest

from dress_rehearsal.scenarios.client import scheduler as module
from dress_rehearsal.scenarios.client.scheduler import Scheduler, scheduler

MS = 1_000_000
AT_MOST_S = 10.0


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []

    def nap(seconds: float) -> None:
        taken.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(module, "_sleep", nap)
    return taken


def crowd(found: Scheduler, begin: Callable[[], object]) -> None:
    """Have something begun every 0.3 ms for a while."""
    for place in range(100):
        found.at(time.monotonic_ns() + 20 * MS + place * MS * 3 // 10, begin)
    gevent.sleep(0.08)


def crowds_until(is_enough: Callable[[], bool], begin: Callable[[], object]) -> None:
    """Have one crowd after the other: on a busy machine all of one may be due at once."""
    until_s = time.monotonic() + AT_MOST_S
    while not is_enough() and time.monotonic() < until_s:
        crowd(scheduler(), begin)


def test_in_a_crowd_more_comes_during_a_nap(naps):
    began = []
    crowds_until(lambda: bool(naps), lambda: began.append(time.monotonic_ns()))
    assert naps
    assert set(naps) == {0.001}
    assert len(began) % 100 == 0  # nobody was slept through


def test_nothing_goes_off_early_for_a_nap(naps):
    early = []
    until_s = time.monotonic() + AT_MOST_S
    while not naps and time.monotonic() < until_s:
        for place in range(100):
            at_ns = time.monotonic_ns() + 20 * MS + place * MS * 3 // 10

            def note(at_ns: int = at_ns) -> None:
                early.append(time.monotonic_ns() < at_ns)

            scheduler().at(at_ns, note)
        gevent.sleep(0.08)
    assert naps
    assert not any(early)


def test_who_comes_alone_is_followed_by_no_nap(naps):
    for _ in range(5):
        scheduler().at(time.monotonic_ns() + 30 * MS, list)
        gevent.sleep(0.05)
    assert not naps


def test_nobody_naps_while_the_far_end_is_waited_for_to_connect(naps):
    found, began = scheduler(), []
    found.hurried += 1
    try:
        for _ in range(3):
            crowd(found, lambda: began.append(1))
    finally:
        found.hurried -= 1
    assert len(began) == 300
    assert not naps


def test_who_asks_again_at_once_is_not_kept_waiting(naps):
    found, left = scheduler(), [200]

    def answered() -> None:
        left[0] -= 1
        if left[0] > 0:
            found.send(lambda: found.soon(answered))

    found.soon(answered)
    until_s = time.monotonic() + AT_MOST_S
    while left[0] > 0 and time.monotonic() < until_s:
        gevent.sleep(0.01)
    assert left[0] == 0
    assert not naps


def test_after_each_nap_the_others_of_the_loop_have_their_turn(monkeypatch):
    naps, turns = [], []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        number = len(naps)
        gevent.spawn(lambda: turns.append((number, len(naps))))
        time.sleep(seconds)

    monkeypatch.setattr(module, "_sleep", nap)
    crowds_until(lambda: len(naps) > 3, list)
    assert len(naps) > 3
    assert turns == [(number, number) for number in range(1, len(naps) + 1)]
