"""A machine that stood still is found out by a jump of either clock."""

import threading
from itertools import count

from benchmarks.generator.standstill import Standstill


def watched(jump_s: float) -> Standstill:
    ticks, jumped = count(), threading.Event()

    def steady() -> float:
        return 0.1 * next(ticks)

    def jumping() -> float:
        at_s = 0.1 * next(ticks)
        if at_s < 0.5:
            return at_s
        jumped.set()
        return at_s + jump_s

    with Standstill((steady, jumping)) as still:
        assert jumped.wait(10)
    return still


def test_a_jump_of_one_clock_is_a_standstill() -> None:
    assert watched(jump_s=60).happened


def test_a_clock_that_goes_on_is_none() -> None:
    assert not watched(jump_s=0).happened
