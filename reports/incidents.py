"""Incidents of a run, a sentence each: what was lost, broken off, or could not be done or kept.

All of it stands on the timeline, and none of it is a student's doing.
"""

from collections.abc import Iterator
from typing import Final

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.records.timeline import ABORTED, STAGE_FAILED
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.timeline import (
    MEASURING,
    done_or_ended,
    was_planned,
    was_recycled,
)
from dress_rehearsal.reports.schema import Census
from dress_rehearsal.reports.words import counted, offset, written

_MOST: Final = 3
"""Of a worker that ends as soon as it is started, again and again, no more are told one by one."""


def losses(evidence: Evidence, *, target: bool) -> list[str]:
    """Return which components were lost: those of the target, or those that measure."""
    lost = [
        event
        for event in evidence.events
        if event.kind == "process"
        and (event.name != MEASURING) == target
        and not was_planned(event)
        and not was_recycled(event, evidence.requests)
    ]
    said = [
        f"Lost: {event.detail.get('what') or f'a {event.name} process ended unasked.'}"
        for event in lost
    ]
    if len(lost) <= _MOST:
        return said
    last = _moment(evidence, lost[-1].t_ns)
    return [*said[:_MOST], f"Lost: {written(len(lost) - _MOST)} more, the last {last}."]


def never_started(evidence: Evidence, census: Census) -> list[str]:
    """Return in a sentence how many students never began, so that the rush was a smaller one.

    Whoever a rush that was stopped did not let begin is not missing.
    """
    missing = census.never_started
    if not missing or evidence.students.empty or evidence.timeline.stopped_ns is not None:
        return []
    return [
        f"{written(missing)} of {counted(census.students, 'student')} never started, so the rush "
        f"was smaller than planned.",
    ]


def recycled(evidence: Evidence) -> Iterator[str]:
    """Yield in one sentence how many workers were replaced without anybody's feeling it."""
    events = [e for e in evidence.events if was_recycled(e, evidence.requests)]
    if events:
        workers = counted(len(events), "worker")
        yield (
            f"{workers} of the app ended during the rush, and "
            f"{'another took its' if len(events) == 1 else 'others took their'} place at once; no "
            f"request was lost around then. Servers recycle workers after so many requests "
            f"(max_requests, say); if yours does not, see its log."
        )


def undone_faults(evidence: Evidence) -> list[str]:
    """Return which faults of the plan did not happen: what they would have shown is not known."""
    return [
        f"The fault {event.name} could not be {done_or_ended(event.detail)}: "
        f"{event.detail['error']}"
        for event in evidence.events
        if event.kind == "fault" and event.detail.get("error")
    ]


def aborted(evidence: Evidence) -> list[str]:
    """Return why the plan had the rush stopped; what follows was measured until then."""
    return [
        f"The rush was stopped {_moment(evidence, event.t_ns)}: "
        f"{event.detail.get('reason') or 'it did more harm than the plan allows.'} "
        f"What is reported was measured until then."
        for event in evidence.events
        if event.kind == "abort" and event.name == ABORTED
    ]


def cut_short(evidence: Evidence) -> list[str]:
    """Return why the run ended before its time, the plan's own limits apart, or never began."""
    said = [
        f"The run was {event.name}: {event.detail.get('reason', 'no reason was recorded.')}"
        for event in evidence.events
        if event.kind == "abort" and event.name != ABORTED
    ]
    phases = evidence.timeline.phases
    if not said and "stage_starting" in phases and "stage_ready" not in phases:
        return [_not_begun(evidence)]
    if "performed" not in phases and not said and not aborted(evidence):
        said.append("The run ended before its students had finished, without saying why.")
    if evidence.t0_ns is None:
        said.append("There was no T-0: the sale never opened.")
    return said


def _not_begun(evidence: Evidence) -> str:
    told = [
        str(event.detail["error"])
        for event in evidence.events
        if event.kind == "phase" and event.name == STAGE_FAILED and event.detail.get("error")
    ]
    own = "The run never began, and nobody came"
    return (
        f"{own}. {told[-1]}" if told else f"{own}: its stage was not ready; its logs may say why."
    )


def unclean(evidence: Evidence) -> Iterator[str]:
    """Yield what was found when the stage was cleared: who had stood still, or ended badly."""
    for event in evidence.events:
        if event.kind == "phase" and event.name == "torn_down":
            told = event.detail.get("unclean")
            found = told if isinstance(told, list) else []
            yield from (f"When the stage was cleared: {what}" for what in found if what)


def not_kept(evidence: Evidence) -> list[str]:
    """Return what the target said that could not be kept: it counts as not said."""
    counts = evidence.left_out
    if not counts:
        return []
    told = ", ".join(f"{counted(count, 'time')} `{name}`" for name, count in counts.items())
    return [f"The target said what could not be kept, and counts as not said: {told}."]


def _moment(evidence: Evidence, t_ns: int) -> str:
    if evidence.t0_ns is None:
        return "before there was a T-0"
    return f"at {offset((t_ns - evidence.t0_ns) / NS_PER_S)}"
