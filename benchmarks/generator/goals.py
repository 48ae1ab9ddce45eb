"""The goals: what our generator should reach, and whether it did."""

from dataclasses import dataclass
from typing import Final

from benchmarks.generator.results import MOST_OTHERS, Results, compared, others_of, spread

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
    met: bool | None
    """None: it cannot be said, for other programs were at work."""

    @property
    def sentence(self) -> str:
        """It as a line."""
        word = {True: "met", False: "missed", None: "undecided: other programs were at work"}
        return f"{self.words}: {self.measured}; {word[self.met]}"


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
        others = max(others_of(results.race[each]) for each in (_OURS, key))
        met = None if others > MOST_OTHERS else ratio.median >= least
        found.append(Goal(words, measured, met))
    return found


def _of_the_storm(results: Results) -> list[Goal]:
    rounds = results.storm.get(_OURS)
    late = spread(rounds, lambda storm: storm.late_p99)
    cpu = spread(rounds, lambda storm: storm.cpu_s)
    error = spread(rounds, lambda storm: abs(storm.error))
    if not rounds or late is None or cpu is None or error is None:
        return []
    at = f"T-0 with {results.settings['students']:,} warm connections"
    is_alone = others_of(rounds) <= MOST_OTHERS
    return [
        Goal(
            f"{at}: p99 of the start at most {_LATE_MS:g} ms late",
            f"{late.median:.0f} ms",
            late.median <= _LATE_MS if is_alone else None,
        ),
        Goal(
            f"{at}: CPU of the burst and what is prepared for it at most {_BURST_S:g} s",
            f"{cpu.median:.2f} s",
            cpu.median <= _BURST_S if is_alone else None,
        ),
        Goal(
            f"{at}: system p99 within {_ERROR:.0%} of the server's",
            f"{error.median:.2%} off",
            error.median <= _ERROR,
        ),
    ]


def _of_the_calibration(results: Results) -> list[Goal]:
    found = [each for rounds in results.calibration.values() for each in rounds.values()]
    if not found:
        return []
    all_figures = [figure for each in found for figure in (*each.felt, *each.system)]
    right = sum(figure.is_right for figure in all_figures)
    words = "Calibration: p50, p99 and p99.9 within 2 % + 1 ms of the truth in every case"
    return [Goal(words, f"{right} of {len(all_figures)} are", right == len(all_figures))]
