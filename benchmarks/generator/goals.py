"""The goals: what our generator should reach, and whether it did."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.generator.results import Results, compared, spread

_OURS: Final = "ours"
_SPEEDS: Final = {
    "k9-declared-rows": 0.97,
    "fasthttp": 4.5,
    "k9-scripted-rows": 2.5,
    "k6-rows": 4.0,
}
"""How many times as many requests a second as each of these, ours with a row for each."""
_LATE_MS: Final = 150.0
_BURST_S: Final = 0.4
_ERROR: Final = 0.01


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal, what was measured, and whether that meets it."""

    words: str
    measured: str
    met: bool

    @property
    def sentence(self) -> str:
        """It as a line."""
        return f"{self.words}: {self.measured}; {'met' if self.met else 'missed'}"


def goals(results: Results) -> list[Goal]:
    """Return those for which something was measured."""
    return [*_of_the_race(results), *_of_the_storm(results), *_of_the_calibration(results)]


def _of_the_race(results: Results) -> list[Goal]:
    found = []
    for key, least in _SPEEDS.items():
        ratio = compared(results.race, _OURS, key, lambda lap: lap.per_s)
        by_cpu = compared(results.race, _OURS, key, lambda lap: 1 / lap.cpu_us)
        if ratio is None or by_cpu is None:
            continue
        words = f"Requests/s with rows, at least {least:g} times {results.names[key]}"
        measured = f"{ratio.median:.2f} times (by CPU time {by_cpu.median:.2f})"
        found.append(Goal(words, measured, ratio.median >= least))
    return found


def _of_the_storm(results: Results) -> list[Goal]:
    rounds = results.storm.get(_OURS)
    late = spread(rounds, lambda storm: storm.late_p99)
    cpu = spread(rounds, lambda storm: storm.cpu_s)
    error = spread(rounds, lambda storm: abs(storm.error))
    if late is None or cpu is None or error is None:
        return []
    students = results.settings["students"]
    at = f"T-0 with {students:,} warm connections"
    return [
        _most(f"{at}: p99 of the start at most {_LATE_MS:g} ms late", late.median, _LATE_MS, _ms),
        _most(f"{at}: CPU of the burst at most {_BURST_S:g} s", cpu.median, _BURST_S, _s),
        _most(f"{at}: system p99 within {_ERROR:.0%} of the server's", error.median, _ERROR, _pc),
    ]


def _of_the_calibration(results: Results) -> list[Goal]:
    found = [each for rounds in results.calibration.values() for each in rounds.values()]
    if not found:
        return []
    all_figures = [figure for each in found for figure in (*each.felt, *each.system)]
    right = sum(figure.is_right for figure in all_figures)
    words = "Calibration: p50, p99 and p99.9 within 2 % + 1 ms of the truth in every case"
    return [Goal(words, f"{right} of {len(all_figures)} are", right == len(all_figures))]


def _most(words: str, value: float, most: float, shown: Callable[[float], str]) -> Goal:
    return Goal(words, shown(value), value <= most)


def _ms(value: float) -> str:
    return f"{value:.0f} ms"


def _s(value: float) -> str:
    return f"{value:.2f} s"


def _pc(value: float) -> str:
    return f"{value:.2%} off"
