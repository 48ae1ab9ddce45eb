"""The clocks: whether a wall clock was set while times were taken by it.

Both clocks are compared on every machine that takes times, whatever the target is; a run of which
nobody knows that its clocks ran on decides nothing.
"""

from typing import NamedTuple

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.clocks import CLOCKS, distinct_steps, largest_step_ms
from dress_rehearsal.reports.evidence.silence import silent_s
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.trust.doubt import Doubt
from dress_rehearsal.reports.words import offset, seconds


class Clocks(NamedTuple):
    """The largest change between two readings of a clock, in ms (None: not measured), and a doubt
    for each time that one was set."""

    step_ms: float | None
    doubts: tuple[Doubt, ...]


def judge_clocks(evidence: Evidence) -> Clocks:
    """Return whether the clocks of conductor and generator ran on all the time."""
    doubts = []
    for step in distinct_steps(evidence.clock_steps, silent_s("kernel", evidence.plan)):
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
    doubts += _uncompared(evidence)
    step_ms = largest_step_ms(evidence.samples)
    return Clocks(None if step_ms is None else rounded(step_ms), tuple(doubts))


def _uncompared(evidence: Evidence) -> list[Doubt]:
    """Return a doubt for each clock that was not read from before the seconds that matter to after.

    A step between two readings shows however far apart they are, so it is the first and the last
    that count. Where nothing at all was heard of who reads it, that is a doubt of its own.
    """
    if evidence.decisive_ns is None:
        return []
    begin_ns, end_ns = evidence.decisive_ns
    silent = {gap.source for gap in evidence.gaps}
    found = []
    for whose, (name, source) in CLOCKS.items():
        times = evidence.samples.named(name, source)["t_ns"]
        slack_ns = silent_s(source, evidence.plan) * NS_PER_S
        if source in silent or (
            len(times) > 1
            and times.min() <= begin_ns + slack_ns
            and times.max() >= end_ns - slack_ns
        ):
            continue
        found.append(
            Doubt(
                f"Whether the {whose}'s clock was set meanwhile was not measured, so nobody knows "
                f"that times of before and after compare.",
                "gap",
                is_symptom=True,
            )
        )
    return found
