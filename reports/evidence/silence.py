"""The silences: when a source of samples said nothing though it lived.

What happened meanwhile is not known, however healthy everything looked before and after. A process
that ended is silent for good reason; a store that is down says so (`pg_up`, `redis_up`).
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence.clocks import clock_steps, set_forward_ns
from dress_rehearsal.reports.evidence.containers import held_back_between
from dress_rehearsal.reports.evidence.samples import Samples, instants
from dress_rehearsal.reports.evidence.timeline import Timeline

OVERDUE_S: Final = 1.25
"""How long a source's next word has to be overdue; in a healthy rush of 12,000 it is by 0.15 s."""
_MATTERS_S: Final = 0.5
"""How much of a silence has to fall into the seconds that matter."""
_ENDED_S: Final = 3.0
"""A loss that is stamped so long after a source's last word explains its silence."""
_HELD_BACK: Final = 0.5
"""Kept from running for so much of a silence, a process had no time to say anything."""
_RELIEF_S: Final = 2.0
"""How long after the end of a fault what it silenced may take to speak again."""
_PROCESSES: Final = ("app", "writeback")
"""Sources that are one process each, named `<component>:<pid>`; they may come and go."""
_LASTING: Final = ("postgres", "redis", "kernel", "processes", "containers", "generator")
_SPEAKS_EVERY_S: Final = {"generator": 0.25}
"""Sources that speak of their own accord; all others when `collect.interval` says."""
_OF_THE_TARGET: Final = ("app", "writeback", "postgres", "redis", "containers")
_UP: Final = {"postgres": "pg_up", "redis": "redis_up"}


class Gap(NamedTuple):
    """A silence, in Unix ns: from a source's last word before it to its first word after.

    `planned`: a fault of the plan's own was on, which may be why. `throttled`: the process was kept
    from running by its container's CPU limit for most of it, which is why.
    """

    source: str
    from_ns: int
    until_ns: int
    planned: bool
    throttled: bool = False

    @property
    def is_explained(self) -> bool:
        """Whether it is known why nothing was heard."""
        return self.planned or self.throttled


def expected_sources(plan: Plan) -> tuple[str, ...]:
    """Return the sources that every run of a plan hears, by their components."""
    if not plan.target.ours:
        return ("kernel", "processes", "generator")  # the target's may not be ours to read
    contained = plan.target.stage == "docker"
    return (*(name for name in _LASTING if contained or name != "containers"), "app")


def silent_s(component: str, plan: Plan) -> float:
    """Return how long a source may say nothing before it counts as silent: 1.5 s as a rule."""
    return _SPEAKS_EVERY_S.get(component, plan.collect.interval) + OVERDUE_S


def silent_windows(
    plan: Plan,
    samples: Samples,
    timeline: Timeline,
    events: Sequence[TimelineEvent],
    window_ns: tuple[int, int],
    expected: Collection[str],
) -> tuple[Gap, ...]:
    """Return the silences (see `silent_s`) that touch the seconds that matter.

    Args:
        window_ns: the seconds that matter, from and until.
        expected: components of which something is to be heard: one that never spoke was silent.
    """
    steps = clock_steps(samples)
    heard = {source.partition(":")[0] for source in samples.heard()}
    found = [Gap(name, *window_ns, planned=False) for name in expected if name not in heard]
    for source, times in samples.heard().items():
        component = source.partition(":")[0]
        if component not in (*_PROCESSES, *_LASTING):
            continue
        down = _down(samples, component)
        least_ns = silent_s(component, plan) * NS_PER_S
        spans = _spans(source, times, samples, timeline, events, window_ns, least_ns)
        for from_ns, until_ns in spans:
            length_ns = until_ns - from_ns - set_forward_ns(steps, from_ns, until_ns)
            inside_ns = min(until_ns, window_ns[1]) - max(from_ns, window_ns[0])
            if length_ns < least_ns or inside_ns < _MATTERS_S * NS_PER_S:
                continue
            if from_ns not in down and until_ns not in down:
                planned = component in _OF_THE_TARGET and _under_fault(timeline, from_ns, until_ns)
                pid = source.partition(":")[2]
                held = held_back_between(samples, pid, from_ns, until_ns) if pid else 0.0
                found.append(Gap(source, from_ns, until_ns, planned, held >= _HELD_BACK))
    return tuple(sorted(found, key=lambda gap: (gap.from_ns, gap.source)))


def _spans(
    source: str,
    times: Any,
    samples: Samples,
    timeline: Timeline,
    events: Sequence[TimelineEvent],
    window_ns: tuple[int, int],
    least_ns: float,
) -> Iterator[tuple[int, int]]:
    """Return what lies between a source's words, and before and after all of them if it lived."""
    component, _, pid = source.partition(":")
    first, last = int(times[0]), int(times[-1])
    if component in _LASTING and first > window_ns[0]:
        yield window_ns[0], first
    long = np.flatnonzero(np.diff(times) >= least_ns)
    for place in long:
        yield int(times[place]), int(times[place + 1])
    if last < window_ns[1] and not timeline.record_cut:
        lost = any(
            event.kind == "process"
            and event.name == component
            and event.t_ns >= last - NS_PER_S
            and event.t_ns <= last + _ENDED_S * NS_PER_S
            for event in events
        )
        if not lost and not (component in _PROCESSES and _ended(samples, pid, last)):
            yield last, window_ns[1]


def _ended(samples: Samples, pid: str, last_ns: int) -> bool:
    """Return whether a process was gone soon after its last word, as the list of them has it."""
    seen = samples.series("process_cpu_seconds_total", "processes")
    own = instants([process for process in seen if process.label("pid") == pid])
    if not len(own):
        return False
    last_seen = int(own[-1])
    return last_seen <= last_ns + _ENDED_S * NS_PER_S and int(instants(seen)[-1]) > last_seen


def _down(samples: Samples, component: str) -> frozenset[int]:
    """Return the times at which a store was asked and did not answer."""
    if component not in _UP:
        return frozenset()
    rows = samples.named(_UP[component], component)
    return frozenset(rows.loc[rows["value"] == 0, "t_ns"].astype(int))


def _under_fault(timeline: Timeline, from_ns: int, until_ns: int) -> bool:
    since_s = (from_ns - timeline.zero_ns) / NS_PER_S
    until_s = (until_ns - timeline.zero_ns) / NS_PER_S
    return any(fault.touches((since_s - _RELIEF_S, until_s)) for fault in timeline.faults)


def seconds_that_matter(
    t0_ns: int | None, purchases: pd.DataFrame, performed_ns: int | None = None
) -> tuple[int, int] | None:
    """Return the span, in Unix ns, that the verdict rests on: T-0 less 1 s to the last answer.

    A request that was never answered counts up to when it was sent: a generator that stood still
    sends it late.

    Args:
        purchases: the requests to buy; where none was answered the span ends 10 s after T-0, or
            where the students had finished before.
        performed_ns: when they had.

    Returns:
        None without a T-0.
    """
    if t0_ns is None:
        return None
    answered = purchases[purchases["status"].fillna(0) > 0]
    ends = answered["done_ns"].fillna(answered["read_ns"]).dropna()
    if ends.empty:
        last_ns = t0_ns + 10 * NS_PER_S
        if performed_ns is not None:  # from then on the generator has nothing more to say
            last_ns = min(last_ns, performed_ns)
    else:
        last_ns = int(ends.max())
    sent = purchases["sent_ns"].dropna()
    if not sent.empty:
        last_ns = max(last_ns, int(sent.max()))
    return t0_ns - NS_PER_S, max(last_ns, t0_ns + NS_PER_S)


def whole_load(t0_ns: int | None, requests: pd.DataFrame) -> tuple[int, int] | None:
    """Return the span, in Unix ns, of a load without students: all of it; None without a start."""
    if t0_ns is None:
        return None
    ends = requests["done_ns"].dropna()
    return t0_ns, max(t0_ns + NS_PER_S, t0_ns if ends.empty else int(ends.max()))
