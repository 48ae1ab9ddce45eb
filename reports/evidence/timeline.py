"""What happened when: the run's events on T-0's axis, and whether the record of them is whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dress_rehearsal.plans.sections.fault_kinds import FAULTS
from dress_rehearsal.plans.sections.stage import called
from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.records.timeline import ABORTED, OUT_OF_SPACE

MEASURING: Final = "generator"
"""The component whose loss says nothing about the target, only about the measurement."""

FAULTS_AND_ALERTS: Final = ("fault", "alert")
"""Kinds of events that people read of in words."""

_OVER: Final = "over: "
"""How the message of an alert that had ended began in runs of before."""

_LOSSES: Final = {"process": "process lost", "abort": "run cut short"}

_BROKEN: Final = ("connection_lost", "connection_reset", "connect_refused")
"""The client's words for requests that somebody's end may have cost."""
_FELT_NS: Final = 2 * NS_PER_S

_AT_ONCE: Final = 1 << 18
"""Times that are reckoned with together: of millions each step would take as much room again."""

Floats = NDArray[np.float64]


class FaultSpan(NamedTuple):
    """When a fault was on, in seconds from zero; to the end of time when it was never ended."""

    name: str
    since_s: float
    until_s: float

    def touches(self, window_s: tuple[float, float]) -> bool:
        """Return whether any of it falls into a window."""
        return self.since_s <= window_s[1] and self.until_s >= window_s[0]


@dataclass(frozen=True, slots=True)
class Timeline:
    """How the run went, and where zero is on its axis of time.

    Attributes:
        zero_ns: T-0, or the run's first request when no T-0 was set.
        has_t0: whether zero is T-0.
        record_cut: the generator was lost or never ended, so what it recorded last is missing
            (up to 2 s of the students' stories and 1 s of requests), or the record was damaged.
        as_planned: nothing cut the rush short, so how it ended is the target's doing.
        out_of_space: the stage had no space left on this machine to keep anything.
        rows_pending: rows were still being written when the stores were read.
        losses: when a process was lost or the run was cut short (s from zero), and words for it.
        faults: when each fault was on.
        stopped_ns: when the plan's `[abort]` had the rush stopped (Unix ns); None: it did not.
        phases: when each phase began (Unix ns), by its name.
        unattended: no student acts and no sale opens: zero is the start of Locust's load.
    """

    zero_ns: int
    has_t0: bool
    record_cut: bool = False
    as_planned: bool = True
    out_of_space: bool = False
    rows_pending: bool = False
    losses: tuple[tuple[float, str], ...] = ()
    faults: tuple[FaultSpan, ...] = ()
    stopped_ns: int | None = None
    phases: Mapping[str, int] = field(default_factory=dict)
    unattended: bool = False

    @property
    def opens(self) -> bool:
        """Whether zero is the instant a sale opens."""
        return self.has_t0 and not self.unattended

    @property
    def label(self) -> str:
        """What its axis counts."""
        if self.unattended:
            return "seconds from the start, when the first user was begun"
        if self.has_t0:
            return "seconds from T-0, the instant the sale opens"
        return "seconds from the first request (the run has no T-0)"

    @property
    def note(self) -> str:
        """Words for a caption where zero is not T-0, empty where it is."""
        return "" if self.has_t0 else " The run has no T-0, so zero is its first request."

    def seconds(self, times_ns: "pd.Series[Any]", which: NDArray[np.bool_] | None = None) -> Floats:
        """Return Unix nanoseconds as seconds from zero; null becomes NaN.

        Args:
            which: those of some rows alone.
        """
        since = np.empty(len(times_ns) if which is None else int(np.count_nonzero(which)))
        found = 0
        for first in range(0, len(times_ns), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            own = times_ns.iloc[part] if which is None else times_ns.iloc[part][which[part]]
            since[found : found + len(own)] = (own - self.zero_ns).to_numpy(
                dtype="float64", na_value=np.nan
            )
            found += len(own)
        since /= NS_PER_S
        return since


def read_timeline(
    events: Sequence[TimelineEvent],
    t0_ns: int | None,
    requests: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    damaged: bool = False,
    unattended: bool = False,
) -> Timeline:
    """Return the run's timeline: T-0, whether the generator ended by itself, losses and faults.

    Args:
        damaged: rows or events of the record are missing.
        unattended: whether no student acts.
    """
    zero_ns = _first_ns(requests, metrics) if t0_ns is None else t0_ns
    # The first of a name counts: nothing goes back to an earlier phase.
    phases = {event.name: event.t_ns for event in reversed(events) if event.kind == "phase"}
    lost = any(event.kind == "process" and event.name == MEASURING for event in events)
    cut = lost or "performed" not in phases
    aborted = any(event.kind == "abort" for event in events)
    losses = (
        ((event.t_ns - zero_ns) / NS_PER_S, _LOSSES[event.kind])
        for event in events
        if event.kind in _LOSSES
    )
    return Timeline(
        zero_ns,
        has_t0=t0_ns is not None,
        record_cut=cut or damaged,
        as_planned=not (cut or aborted),
        out_of_space=any(event.name == OUT_OF_SPACE for event in events if event.kind == "abort"),
        rows_pending="unsettled" in phases,
        losses=tuple(losses),
        faults=tuple(_fault_spans(events, zero_ns)),
        stopped_ns=next((e.t_ns for e in events if e.kind == "abort" and e.name == ABORTED), None),
        phases=phases,
        unattended=unattended,
    )


def was_planned(event: TimelineEvent) -> bool:
    """Return whether a process was lost because the plan's own fault took it."""
    return event.detail.get("planned") is True


def was_recycled(event: TimelineEvent, requests: pd.DataFrame) -> bool:
    """Return whether a worker of somebody's app was replaced at once, and nobody felt it.

    Servers recycle workers after so many requests, and put another in the place of one that has
    crashed. The latter takes with it what it was about to answer.
    """
    if event.detail.get("replaced") is not True:
        return False
    over_ns = requests["done_ns"].fillna(requests["read_ns"])
    near = (over_ns - event.t_ns).abs() <= _FELT_NS
    return not (near & requests["error"].astype("object").isin(_BROKEN)).any()


def event_words(event: TimelineEvent) -> str:
    """Return what a fault's or an alert's line of the timeline tells, in words."""
    detail: dict[str, Any] = event.detail
    if detail.get("error"):
        return f"could not be {done_or_ended(detail)}: {detail['error']}"
    if event.kind == "alert":
        said = str(detail.get("message") or detail.get("what") or "")
        if said.startswith(_OVER):  # runs of before
            said = f"ended (was: {said.removeprefix(_OVER)})"
        return said
    if detail.get("on") is False:
        return "off"
    name, _, service = event.name.partition(" ")
    kind = FAULTS.get(name)
    usual = kind.what.format(service=called(service)) if kind else ""
    what = str(detail.get("what") or usual)
    grade = detail.get("grade")
    state = "on" if grade in (None, "on") else f"on, {grade}"
    return f"{state}: {what}" if what else state


def done_or_ended(detail: dict[str, Any]) -> str:
    """Return which of the two a fault's line of the timeline is about."""
    return "ended" if detail.get("on") is False else "done"


def _first_ns(requests: pd.DataFrame, metrics: pd.DataFrame) -> int:
    """Return when the run's first request was meant, or its first sample taken; 0 without any."""
    for first in (requests["intended_ns"].min(), metrics["t_ns"].min()):
        if not pd.isna(first):
            return int(first)
    return 0


def _fault_spans(events: Sequence[TimelineEvent], zero_ns: int) -> Iterator[FaultSpan]:
    """Return when each fault was on; one that could not be done was not."""
    since: dict[str, float] = {}
    for event in events:
        if event.kind != "fault" or event.detail.get("error"):
            continue
        at_s = (event.t_ns - zero_ns) / NS_PER_S
        if event.detail.get("on") is False:
            if event.name in since:
                yield FaultSpan(event.name, since.pop(event.name), at_s)
        elif event.name not in since:
            since[event.name] = at_s
    for name, at_s in since.items():
        kind = FAULTS.get(name.partition(" ")[0])
        once = kind is not None and kind.momentary
        yield FaultSpan(name, at_s, at_s if once else float("inf"))
