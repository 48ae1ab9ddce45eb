"""Whether all of Locust's workers told what became of their students."""

from typing import Final

from dress_rehearsal.records.timeline import WORKER_LOST
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.trust.doubt import Doubt
from dress_rehearsal.reports.words import counted

_ASTRAY: Final = "part of what happened was recorded by a worker of Locust's that was lost"


def judge_workers(evidence: Evidence) -> list[Doubt]:
    """Return a doubt where workers of a run by Locust's master were lost."""
    lost = _lost(evidence)
    if not lost:
        return []
    return [
        Doubt(
            f"{counted(len(lost), 'worker')} of Locust's did not tell what became of their "
            f"students, who stand as unknown: {'; '.join(sorted(set(lost)))}."
        )
    ]


def why_astray(evidence: Evidence) -> str | None:
    """Return why what seems a wrong may be none, as the end of a sentence; None where it is one."""
    return _ASTRAY if _lost(evidence) else None


def _lost(evidence: Evidence) -> list[str]:
    """Return why each worker that was lost was."""
    return [
        str(event.detail.get("error"))
        for event in evidence.events
        if event.kind == "phase" and event.name == WORKER_LOST
    ]
