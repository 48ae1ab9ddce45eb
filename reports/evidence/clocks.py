"""When a wall clock was set during the run: times before and after that do not compare."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from dress_rehearsal.records.clock import STEP_S
from dress_rehearsal.records.tables import NS_PER_MS, NS_PER_S
from dress_rehearsal.reports.evidence.samples import Samples

OWN_CLOCK_NS: Final = NS_PER_MS
"""How far two readings of one machine's clock may be apart."""
FOREIGN_CLOCK_NS: Final = NS_PER_S
"""How far a foreign target's clock may be from the generator's."""

CLOCKS = {
    "conductor": ("clock_offset_seconds", "kernel"),
    "generator": ("generator_clock_offset_seconds", "generator"),
}
"""Whose clock is told of by which metric of which source."""


class ClockStep(NamedTuple):
    """A wall clock was set, by so many seconds (negative: back), shortly before `t_ns`.

    `t_ns` is by the clock as it was before: what it shows afterwards is another axis.
    """

    whose: str
    t_ns: int
    seconds: float


def clock_steps(samples: Samples) -> tuple[ClockStep, ...]:
    """Return every step of the conductor's clock and of the generators', the earliest first.

    One that both tell of is there twice (`distinct_steps`).
    """
    steps = []
    for whose, (name, source) in CLOCKS.items():
        for _, _, times, values in samples.series(name, source):
            offset_ns = np.round(values * NS_PER_S).astype("int64")
            # Set back, a clock gives its times twice, and samples of before and after lie between
            # each other. By the other clock they are in the order in which they were taken.
            order = np.argsort(times - offset_ns, kind="stable")
            steady_ns, offset_ns = (times - offset_ns)[order], offset_ns[order]
            change_ns = np.diff(offset_ns)
            for place in np.flatnonzero(np.abs(change_ns) >= STEP_S * NS_PER_S):
                t_ns = round(int(steady_ns[place + 1] + offset_ns[place]), -6)  # read to some µs
                steps.append(ClockStep(whose, t_ns, round(float(change_ns[place]) / NS_PER_S, 2)))
    return tuple(sorted(steps, key=lambda step: step.t_ns))


def distinct_steps(steps: Iterable[ClockStep], together_s: float) -> list[ClockStep]:
    """Return the steps without those that another clock told of too: mostly all read one clock.

    Args:
        together_s: so far apart at most two may read the same step.
    """
    told: list[ClockStep] = []
    for step in steps:
        if not any(_is_same(step, other, together_s) for other in told):
            told.append(step)
    return told


def _is_same(step: ClockStep, other: ClockStep, together_s: float) -> bool:
    apart_s = abs(step.t_ns - other.t_ns) / NS_PER_S
    alike = abs(step.seconds - other.seconds) < STEP_S and apart_s <= together_s
    return alike and step.whose != other.whose


def largest_step_ms(samples: Samples) -> float | None:
    """Return the largest change of a clock between two of its samples, in ms; None: not measured.

    What is left of it without a step is how exactly two clocks can be read at once.
    """
    changes = [
        float(np.abs(np.diff(series.values)).max())
        for name, source in CLOCKS.values()
        for series in samples.series(name, source)
        if len(series.values) > 1
    ]
    return max(changes) * 1e3 if changes else None


def set_forward_ns(steps: tuple[ClockStep, ...], from_ns: int, until_ns: int) -> int:
    """Return by how much the conductor's clock was set forward in a span."""
    return sum(
        round(step.seconds * NS_PER_S)
        for step in steps
        if step.whose == "conductor" and step.seconds > 0 and from_ns < step.t_ns <= until_ns
    )
