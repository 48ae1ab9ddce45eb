"""The course of the run: was the rush carried out as planned, and is its record whole?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from dress_rehearsal.plans.faults import FAULTS
from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence

MEASURING = "generator"
"""The component whose loss says nothing about the target, only about the measurement."""


@dataclass(frozen=True, slots=True)
class Course:
    """How the run went.

    Attributes:
        record_cut: the generator was lost or never ended, so what it recorded last is missing:
            up to 2 s of the students' stories and 1 s of requests.
        as_planned: nothing cut the rush short, so how it ended is the target's doing.
        unsettled: rows were still being written when the stores were read.
    """

    record_cut: bool
    as_planned: bool
    unsettled: bool


def course_of(evidence: Evidence) -> Course:
    """Read from the timeline whether the generator ended by itself and nobody stopped the run."""
    kinds = {(event.kind, event.name) for event in evidence.timeline}
    record_cut = ("process", MEASURING) in kinds or ("phase", "performed") not in kinds
    aborted = any(event.kind == "abort" for event in evidence.timeline)
    return Course(
        record_cut,
        as_planned=not (record_cut or aborted),
        unsettled=("phase", "unsettled") in kinds,
    )


def was_planned(event: TimelineEvent) -> bool:
    """Return whether a process was lost because the plan's own fault took it."""
    return event.detail.get("planned") is True


KINDS: Final = ("fault", "alert")
_MOMENTARY: Final = frozenset(
    {"worker_crash", "redis_wipe", "sigterm_mid_sale", "kill_after_grant"}
)
"""Faults that happen once; the others last until they are switched off."""


class Mishap(NamedTuple):
    """A line of a table: when (relative to T-0), `fault` or `alert`, its name, and words."""

    moment: str
    kind: str
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """When a fault was on, in seconds from zero; to the end of time when it was never ended."""

    name: str
    since_s: float
    until_s: float

    def touches(self, window_s: tuple[float, float]) -> bool:
        """Return whether any of it falls into a window."""
        return self.since_s <= window_s[1] and self.until_s >= window_s[0]


def mishaps_of(evidence: Evidence) -> list[Mishap]:
    """List the run's faults and alerts in the order of their times."""
    zero_ns = evidence.t0_ns
    found = []
    for event in sorted(evidence.timeline, key=lambda event: event.t_ns):
        if event.kind not in KINDS:
            continue
        moment = "–"
        if zero_ns is not None:
            at_s = (event.t_ns - zero_ns) / NS_PER_S
            moment = f"T-0 {'−' if at_s < 0 else '+'} {abs(at_s):.3g} s"
        found.append(Mishap(moment, event.kind, event.name, mishap_words(event)))
    return found


def mishap_words(event: TimelineEvent) -> str:
    """Say what a fault's or an alert's line of the timeline tells."""
    detail: dict[str, Any] = event.detail
    if detail.get("error"):
        return f"could not be {done_or_ended(detail)}: {detail['error']}"
    if event.kind == "alert":
        return str(detail.get("message") or detail.get("what") or "")
    if detail.get("on") is False:
        return "off"
    kind = FAULTS.get(event.name)
    what = str(detail.get("what") or (kind.what if kind else ""))
    grade = detail.get("grade")
    state = "on" if grade in (None, "on") else f"on, {grade}"
    return f"{state}: {what}" if what else state


def done_or_ended(detail: dict[str, Any]) -> str:
    """Say which of the two a fault's line of the timeline is about."""
    return "ended" if detail.get("on") is False else "done"


def fault_spans(evidence: Evidence, zero_ns: int) -> Iterator[FaultSpan]:
    """Return when each fault was on; one that could not be done was not."""
    since: dict[str, float] = {}
    for event in evidence.timeline:
        if event.kind != "fault" or event.detail.get("error"):
            continue
        at_s = (event.t_ns - zero_ns) / NS_PER_S
        if event.detail.get("on") is False:
            if event.name in since:
                yield FaultSpan(event.name, since.pop(event.name), at_s)
        elif event.name not in since:
            since[event.name] = at_s
    for name, at_s in since.items():
        yield FaultSpan(name, at_s, at_s if name in _MOMENTARY else float("inf"))
