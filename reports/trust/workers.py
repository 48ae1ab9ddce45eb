"""Whether all of Locust's workers told what happened, and had the master's time."""

from collections.abc import Iterator
from typing import Final

from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.timeline import (
    SHARDS_MISSING,
    WORKER_CLOCK,
    WORKER_LATE,
    WORKER_LOST,
)
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.trust.doubt import Doubt
from dress_rehearsal.reports.words import counted

APART_MS: Final = 50.0
"""How far a worker's clock may be from the master's: from what change on a clock counts as set."""
_ASTRAY: Final = "part of what happened was recorded by a worker of Locust's that was lost"


def judge_workers(evidence: Evidence) -> tuple[list[Doubt], list[str]]:
    """Return why what workers of Locust's recorded decides nothing, and what is only told of them.

    Runs without Locust's master have neither.
    """
    doubts = []
    lost = [str(event.detail.get("error")) for event in _events(evidence, WORKER_LOST)]
    if lost:
        doubts.append(
            Doubt(
                f"{counted(len(lost), 'worker')} of Locust's did not tell what became of their "
                f"students, who stand as unknown: {'; '.join(sorted(set(lost)))}."
            )
        )
    missing = [
        name for event in _events(evidence, SHARDS_MISSING) for name in event.detail["files"]
    ]
    if missing:
        doubts.append(
            Doubt(
                f"{counted(len(missing), 'file')} of requests that workers of Locust's had sent "
                f"did not arrive, {missing[0]} first: rehearse again, on a network that holds."
            )
        )
    doubts += _clocks_apart(evidence)
    late = list(_events(evidence, WORKER_LATE))
    notes = []
    if late:
        notes.append(
            f"{counted(len(late), 'worker')} of Locust's joined when the rush had begun and played "
            f"nobody; start them before it, with --expect-workers."
        )
    return doubts, notes


def why_astray(evidence: Evidence) -> str | None:
    """Return why what seems a wrong may be none, as the end of a sentence; None where it is one."""
    lost = [*_events(evidence, WORKER_LOST), *_events(evidence, SHARDS_MISSING)]
    return _ASTRAY if lost else None


def _clocks_apart(evidence: Evidence) -> Iterator[Doubt]:
    """Give a doubt for each clock that is too far from the master's, or may be."""
    for event in _events(evidence, WORKER_CLOCK):
        worker = event.detail.get("worker")
        offset_ms, within_ms = event.detail.get("offset_ms"), event.detail.get("within_ms")
        if offset_ms is None or within_ms is None:
            told = f"is not known: {event.detail.get('error')}"
        elif abs(offset_ms) + within_ms > APART_MS:
            told = f"is {offset_ms:+.1f} ms from the master's, give or take {within_ms:.1f} ms"
        else:
            continue
        yield Doubt(
            f"The clock of Locust's worker {worker} {told}, so its students may not have come when "
            f"the plan says: let NTP set the clocks of all machines, and rehearse again.",
            untimely="the clocks of Locust's workers may be apart",
        )


def _events(evidence: Evidence, name: str) -> Iterator[TimelineEvent]:
    return (event for event in evidence.events if event.kind == "phase" and event.name == name)
