"""Stops: processes that lived and gave no sign, as one does that was stopped or swapped out.

An idle process uses no CPU either, so that alone tells nothing. A worker that shows no metrics for
a second and uses none meanwhile did not run; nor did a store that answered no question.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.samples import Series, instants
from dress_rehearsal.reports.pools.diagnosis import runs
from dress_rehearsal.reports.words import offset

LEAST_STOP_S: Final = 1.0
IDLE_SHARE: Final = 0.02
"""A process that runs to answer its scrapes uses more of a CPU than this."""
_STORES: Final = {"postgres": "pg_up", "redis": "redis_up"}


@dataclass(frozen=True, slots=True)
class Stop:
    """A process that gave no sign from one moment to another (Unix ns)."""

    component: str
    pid: int | None
    from_ns: int
    until_ns: int

    @property
    def name(self) -> str:
        """What stopped, as people read it."""
        words = {"app": "an app worker", "postgres": "PostgreSQL", "redis": "Redis"}
        who = words.get(self.component, f"the {self.component}")
        return who if self.pid is None else f"{who} (pid {self.pid})"

    @property
    def lasted_s(self) -> float:
        """How long it gave no sign."""
        return (self.until_ns - self.from_ns) / NS_PER_S


def find_stops(evidence: Evidence) -> list[Stop]:
    """Return every stop from T-1 s on; none where the whole of the collecting stood still."""
    if evidence.t0_ns is None or evidence.metrics.empty:
        return []
    begin_ns = evidence.t0_ns - NS_PER_S
    use = evidence.samples.series("process_cpu_seconds_total", "processes")
    found = [*_silent_workers(evidence, use), *_silent_stores(evidence, use)]
    return [stop for stop in found if stop.until_ns > begin_ns and not _lost(evidence, stop)]


def stop_notes(evidence: Evidence) -> Iterator[str]:
    """Yield a sentence for every stop that no fault of the plan's own explains."""
    zero_ns = evidence.timeline.zero_ns
    for stop in find_stops(evidence):
        since, until = ((t_ns - zero_ns) / NS_PER_S for t_ns in (stop.from_ns, stop.until_ns))
        if not any(fault.touches((since, until)) for fault in evidence.timeline.faults):
            who = f"{stop.name[0].upper()}{stop.name[1:]}"
            yield f"{who} stood still from {offset(round(since, 1))} to {offset(round(until, 1))}."


def _silent_workers(evidence: Evidence, use: Sequence[Series]) -> Iterator[Stop]:
    lags = evidence.samples.series("app_event_loop_lag_seconds", "app")
    for source, _, times, _ in lags:
        pid = source.partition(":")[2]
        own = [process for process in use if process.label("pid") == pid]
        for place in np.flatnonzero(np.diff(times) >= LEAST_STOP_S * NS_PER_S):
            stop = _narrowed("app", own, int(times[place]), int(times[place + 1]), int(pid))
            if stop is not None:
                yield stop


def _silent_stores(evidence: Evidence, use: Sequence[Series]) -> Iterator[Stop]:
    for component, name in _STORES.items():
        up = evidence.samples.named(name, component)
        times, down = up["t_ns"].to_numpy(), (up["value"] < 1).to_numpy()
        for start, end in runs(down):
            from_ns = int(times[max(start - 1, 0)])
            until_ns = int(times[min(end, len(times) - 1)])
            own = [process for process in use if process.label("component") == component]
            stop = _narrowed(component, own, from_ns, until_ns, None)
            if stop is not None:
                yield stop


def _narrowed(
    component: str, own: Sequence[Series], from_ns: int, until_ns: int, pid: int | None
) -> Stop | None:
    """Return the time in a silence in which the processes used no CPU, None when they ran.

    None too where nobody looked at them meanwhile: then it was the collecting that stood still.
    """
    times = instants(own)
    times = times[(times >= from_ns) & (times <= until_ns)]
    if len(times) < 3:
        return None
    spent = np.zeros(len(times))
    for process in own:
        read = np.isin(process.t_ns, times)
        np.add.at(spent, np.searchsorted(times, process.t_ns[read]), process.values[read])
    rate = np.diff(spent) / (np.diff(times) / NS_PER_S)
    still = [(start, end) for start, end in runs(rate <= IDLE_SHARE)]
    if not still:
        return None
    start, end = max(still, key=lambda span: times[span[1]] - times[span[0]])
    stop = Stop(component, pid, int(times[start]), int(times[end]))
    return stop if stop.lasted_s >= LEAST_STOP_S else None


def _lost(evidence: Evidence, stop: Stop) -> bool:
    """Return whether the component was lost then: an outage is no stop."""
    return any(
        event.kind == "process"
        and event.name == stop.component
        and event.t_ns <= stop.until_ns
        and event.t_ns >= stop.from_ns - 5 * NS_PER_S
        and (stop.pid is None or event.detail.get("pid") == stop.pid)
        for event in evidence.events
    )
