"""The course of the run: was the rush carried out as planned, and is its record whole?"""

from dataclasses import dataclass

from records import TimelineEvent
from reports.evidence import Evidence

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
    """Tell whether a process was lost because the plan's own fault took it."""
    return event.detail.get("planned") is True
