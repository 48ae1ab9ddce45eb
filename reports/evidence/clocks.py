"""When a wall clock was set during the run: times before and after that do not compare."""

from typing import NamedTuple

import numpy as np

from dress_rehearsal.records.clock import STEP_S
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence.samples import Samples, single_series

CLOCKS = {
    "conductor": ("clock_offset_seconds", "kernel"),
    "generator": ("generator_clock_offset_seconds", "generator"),
}
"""Whose clock is told of by which metric of which source."""


class ClockStep(NamedTuple):
    """A wall clock was set, by so many seconds (negative: back), shortly before `t_ns`.

    That is a time of the clock as it was before.
    """

    whose: str
    t_ns: int
    seconds: float


def clock_steps(samples: Samples) -> tuple[ClockStep, ...]:
    """Return every step of the conductor's clock and of the generators', the earliest first."""
    steps = []
    for whose, (name, source) in CLOCKS.items():
        for _, times, values in single_series(samples.named(name, source)):
            # Set back, a clock gives its times twice: samples of before and after lie between
            # each other, and so each step shows again and again, to and fro.
            change = np.diff(values)
            found = np.flatnonzero(np.abs(change) >= STEP_S)
            kept: set[float] = set()
            for place in found:
                size = round(float(change[place]), 2)
                if abs(size) not in kept:
                    kept.add(abs(size))
                    at_ns = int(times[place + 1]) - round(size * NS_PER_S)
                    steps.append(ClockStep(whose, at_ns, size))
    return tuple(sorted(steps, key=lambda step: step.t_ns))


def largest_step_ms(samples: Samples) -> float | None:
    """Return the largest change of a clock between two of its samples, in ms; None: not measured.

    What is left of it without a step is how exactly two clocks can be read at once.
    """
    changes = [
        float(np.abs(np.diff(values)).max())
        for name, source in CLOCKS.values()
        for _, _, values in single_series(samples.named(name, source))
        if len(values) > 1
    ]
    return max(changes) * 1e3 if changes else None


def set_forward_ns(steps: tuple[ClockStep, ...], from_ns: int, until_ns: int) -> int:
    """Return by how much the conductor's clock was set forward in a span."""
    return sum(
        round(step.seconds * NS_PER_S)
        for step in steps
        if step.whose == "conductor" and step.seconds > 0 and from_ns < step.t_ns <= until_ns
    )
