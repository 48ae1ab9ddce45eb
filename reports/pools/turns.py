"""Several processes that answer at one address in turn, each with metrics of its own."""

from typing import Final

from dress_rehearsal.plans.sections.metrics import Metrics
from dress_rehearsal.records.collectors.pool_metrics import PROCESS, RESTARTS
from dress_rehearsal.reports.evidence import Evidence

_TURNS: Final = 3


def takes_turns(evidence: Evidence, metrics: Metrics) -> bool:
    """Return whether what was read was now one process's and now another's.

    Counters fall where an app is started anew, once or twice. Where they fall again and again, or
    processes come back that others had taken turns with, each look saw another one: nothing can be
    made of the counters' growth then, nor of any level.
    """
    fallen = evidence.samples.named(RESTARTS, metrics.name)["value"]
    if len(fallen) and fallen.max() >= _TURNS:
        return True
    begun = evidence.samples.series(PROCESS, metrics.name)
    return any(_returns(list(series.values)) >= _TURNS for series in begun)


def _returns(begun: list[float]) -> int:
    """Return how often a process was heard of again after another one was."""
    seen: set[float] = set()
    returns, last = 0, None
    for process in begun:
        if process != last:
            returns += process in seen
            seen.add(process)
            last = process
    return returns
