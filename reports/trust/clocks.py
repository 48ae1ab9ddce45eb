"""The clocks: whether a wall clock was set while times were taken by it."""

from typing import NamedTuple

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.clocks import ClockStep, largest_step_ms
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.trust.doubt import Doubt
from dress_rehearsal.reports.words import offset, seconds

_SAME_S = 0.05


class Clocks(NamedTuple):
    """The largest change between two readings of a clock, in ms (None: not measured), and a doubt
    for each time that one was set."""

    step_ms: float | None
    doubts: tuple[Doubt, ...]


def judge_clocks(evidence: Evidence) -> Clocks:
    """Return whether the clocks of conductor and generator ran on all the time."""
    doubts = []
    told: list[ClockStep] = []
    for step in evidence.clock_steps:
        # They mostly share one clock: a step of both is one.
        if any(abs(step.seconds - other.seconds) < _SAME_S for other in told):
            continue
        told.append(step)
        way = "forward" if step.seconds > 0 else "back"
        when = offset(round((step.t_ns - evidence.timeline.zero_ns) / NS_PER_S, 1))
        size = seconds(abs(step.seconds))
        doubts.append(
            Doubt(
                f"The {step.whose}'s clock was set {way} by {size} at {when}, so times before and "
                f"after that do not compare: rehearse again while no clock is set.",
                "clock_step",
                f"a clock was set {way} by {size} meanwhile",
            )
        )
    step_ms = largest_step_ms(evidence.samples)
    return Clocks(None if step_ms is None else rounded(step_ms), tuple(doubts))
