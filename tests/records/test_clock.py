"""The two clocks are compared exactly, and a process that has to wait tells of no step."""

import itertools
import time

import pytest

from dress_rehearsal.records.clock import STEP_S, ClockOffset


class Clocks:
    """A wall clock and a monotonic one; each reading takes `width_ns`."""

    def __init__(self, widths_ns: list[int]) -> None:
        self.now_ns, self.ahead_ns = 0, 1_700_000_000_000_000_000
        self._widths = itertools.cycle(widths_ns)

    def monotonic(self) -> int:
        return self.now_ns

    def wall(self) -> int:
        half = next(self._widths) // 2
        self.now_ns += half
        seen = self.now_ns + self.ahead_ns
        self.now_ns += half
        return seen


def test_clocks_that_run_on_stay_together() -> None:
    offset = ClockOffset()
    seen = [offset.seconds() for _ in range(50)]
    assert seen[0] == 0
    assert all(value is not None and abs(value) < 0.005 for value in seen)


@pytest.mark.parametrize("step_s", [-3.0, 9.0, 0.06])
def test_a_wall_clock_that_is_set_shows(step_s: float) -> None:
    clocks = Clocks([2_000])
    offset = ClockOffset(clocks.wall, clocks.monotonic)
    offset.seconds()
    clocks.ahead_ns += round(step_s * 1e9)
    assert offset.seconds() == pytest.approx(step_s, abs=1e-5)


def test_a_real_clock_that_is_set_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    true_ns = time.time_ns
    offset = ClockOffset(lambda: time.time_ns())
    offset.seconds()
    monkeypatch.setattr(time, "time_ns", lambda: true_ns() - 3_000_000_000)
    seen = offset.seconds()
    assert seen is not None
    assert seen == pytest.approx(-3.0, abs=STEP_S / 2)


def test_the_narrowest_of_several_readings_counts() -> None:
    clocks = Clocks([8_000_000, 9_000_000, 40_000])
    offset = ClockOffset(clocks.wall, clocks.monotonic)
    offset.seconds()
    assert offset.seconds() == pytest.approx(0, abs=1e-4)


def test_a_process_that_is_held_up_each_time_knows_nothing() -> None:
    clocks = Clocks([30_000_000])
    assert ClockOffset(clocks.wall, clocks.monotonic).seconds() is None
