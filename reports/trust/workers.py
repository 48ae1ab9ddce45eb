"""Whether all workers told what happened, and had the master's time."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.timeline import (
    SHARDS_MISSING,
    WORKER,
    WORKER_CLOCK,
    WORKER_LATE,
    WORKER_LOST,
)
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.trust.doubt import Doubt
from dress_rehearsal.reports.words import counted

APART_MS: Final = 50.0
"""How far a worker's clock may be from the master's: from what change on a clock counts as set."""
SKEW_PPM: Final = 500.0
"""By how much faster or slower it may run: no NTP client has a clock make up for more than that."""
_ASTRAY: Final = "part of what happened was recorded by a worker that was lost"


def judge_workers(evidence: Evidence) -> tuple[list[Doubt], list[str]]:
    """Return why what workers recorded decides nothing, and what is only told of them.

    Runs that one process played have neither.
    """
    doubts = [*_lost(evidence)]
    missing = [
        name for event in _events(evidence, SHARDS_MISSING) for name in event.detail["files"]
    ]
    if missing:
        doubts.append(
            Doubt(
                f"{counted(len(missing), 'file')} of requests that workers had sent did not "
                f"arrive, {missing[0]} first: rehearse again, on a network that holds.",
                "smaller_rush",
            )
        )
    doubts += _clocks_apart(evidence)
    notes = []
    late = list(_events(evidence, WORKER_LATE))
    if late:
        notes.append(
            f"{counted(len(late), 'worker')} joined when the rush had begun and played nobody; "
            f"start them before it."
        )
    notes += _played(evidence)
    return doubts, notes


def why_astray(evidence: Evidence) -> str | None:
    """Return why what seems a wrong may be none, as the end of a sentence; None where it is one."""
    lost = [*_events(evidence, WORKER_LOST), *_events(evidence, SHARDS_MISSING)]
    return _ASTRAY if lost else None


def _lost(evidence: Evidence) -> Iterator[Doubt]:
    whose = {event.detail["worker"]: event.detail["what"] for event in _events(evidence, WORKER)}
    for event in _events(evidence, WORKER_LOST):
        number = event.detail.get("worker")
        named = f"Worker {number} ({whose[number]})" if number in whose else f"Worker {number}"
        yield Doubt(
            f"{named} did not tell what became of its students, who are counted as unknown: "
            f"{str(event.detail.get('error')).rstrip('.')}.",
            "smaller_rush",
        )


def _clocks_apart(evidence: Evidence) -> Iterator[Doubt]:
    """Give a doubt for each clock that is too far from the master's, or may be, or runs away."""
    for number, told in sorted(_clocks(evidence).items()):
        wrong = next((wrong for each in told if (wrong := _wrong(each)) is not None), None)
        if wrong is not None:
            yield Doubt(
                f"The clock of worker {number} {wrong}, so its students may not have come when "
                f"the plan says: let NTP set the clocks of all machines, and rehearse again.",
                "clocks_apart",
                untimely="the clocks of workers may be apart",
            )


def _wrong(clock: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a clock when it was compared; None: nothing."""
    offset_ms, within_ms = clock.get("offset_ms"), clock.get("within_ms")
    if offset_ms is None or within_ms is None:
        return f"is not known: {clock.get('error')}"
    if abs(offset_ms) + within_ms > APART_MS:
        return f"is {offset_ms:+.1f} ms from the master's, give or take {within_ms:.1f} ms"
    skew_ppm, skew_within_ppm = clock.get("skew_ppm"), clock.get("skew_within_ppm")
    if skew_ppm is not None and abs(skew_ppm) - (skew_within_ppm or 0.0) > SKEW_PPM:
        return f"ran {skew_ppm:+,.0f} ppm apart from the master's, and {SKEW_PPM:,.0f} may be"
    return None


def _played(evidence: Evidence) -> Iterator[str]:
    """Give a sentence on who played, and how well their clocks agreed; none where one did."""
    clocks = _clocks(evidence)
    known = [each for told in clocks.values() for each in told if each.get("within_ms") is not None]
    if not known:
        return
    apart_ms = max(abs(each["offset_ms"]) + each["within_ms"] for each in known)
    skews = [abs(each["skew_ppm"]) for each in known if each.get("skew_ppm") is not None]
    ran = f" and ran at most {max(skews):,.1f} ppm apart" if skews else ""
    yield (
        f"{counted(len(clocks), 'worker')} played the students; their clocks were within "
        f"{apart_ms:.1f} ms of the master's{ran}."
    )


def _clocks(evidence: Evidence) -> dict[int, list[Mapping[str, Any]]]:
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for event in _events(evidence, WORKER_CLOCK):
        found[int(event.detail.get("worker", -1))].append(event.detail)
    return found


def _events(evidence: Evidence, name: str) -> Iterator[TimelineEvent]:
    return (event for event in evidence.events if event.kind == "phase" and event.name == name)
