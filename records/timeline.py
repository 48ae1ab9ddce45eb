"""The timeline: one line of JSON an event, and the one reader that knows their shapes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, Literal, TypedDict

import msgspec

from dress_rehearsal.records.damage import Damage, is_shallow, lines_left_out

FILE: Final = "timeline.jsonl"

EventKind = Literal["phase", "t0", "process", "abort", "fault", "alert", "ledger"]
"""phase: a part of the run begins. t0: the sale opens. process: one of the stage or the generator
was lost. abort: the run was cut short. ledger: a store was read, or could not be."""


ABORTED: Final = "aborted"
"""Name of the abort of a rush that did more harm than the plan's `[abort]` allows."""

OUT_OF_SPACE: Final = "out of space"
"""Name of the abort of a run whose stage had no space left to keep anything."""

STAGE_FAILED: Final = "stage_failed"
"""The phase in which the stage turned out not to be set; tells why."""

LOCUST_ENDED: Final = "locust_ended"
"""The phase in which a plain Locust file took its leave; tells what became of its users."""

WORKER: Final = "worker"
"""The phase in which a worker got its share of the students; tells whose process it is, and the
digest of everybody's timetable, which is the same for any number of workers."""

WORKER_LOST: Final = "worker_lost"
"""The phase in which a worker turned out not to tell what became of its students; tells why."""

WORKER_LATE: Final = "worker_late"
"""The phase in which a worker joined a rush that had begun, and got no students."""

WORKER_CLOCK: Final = "worker_clock"
"""The phase in which a worker's clock was compared with that of the master; tells how far it is
ahead and how exact that is, at the end also how far it ran apart, or why that is not known."""

SHARDS_MISSING: Final = "shards_missing"
"""The phase in which files of requests turned out missing that a worker had sent."""


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One line of `timeline.jsonl`; `t_ns` is in nanoseconds since the Unix epoch."""

    t_ns: int
    kind: EventKind
    name: str
    detail: dict[str, Any]

    def line(self) -> bytes:
        """Return it as it is written; what UTF-8 cannot hold (a lone surrogate) as `?`."""
        document = {
            "t_ns": self.t_ns,
            "kind": self.kind,
            "name": self.name,
            "detail": self.detail,
        }
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


class _Detail(TypedDict, total=False):
    """What any event may tell beside its name, by the type of it; keys beyond these are shown as
    they are and decide nothing."""

    # What happened, in sentences.
    what: str | None
    reason: str | None
    message: str | None
    error: str | None
    url: str | None
    # Of faults and alerts.
    on: bool | None
    grade: str | float | None
    # Of lost processes.
    pid: int | None
    exit: int | None
    planned: bool | None
    unclean: list[str]
    # Of what could not be kept of a target's answers: how often, by what it was.
    values: dict[str, int]
    # Of a plain Locust file, whose counts are values too: what its tasks raised, which hosts it may
    # not ask. Of a busy loop: which lines of the user's kept everybody waiting.
    exceptions: list[str]
    refused: list[str]
    places: list[str]
    # Of workers: how far a clock is ahead, by how many millionths it runs faster, and how exact
    # that is; which files are missing; what the timetable comes to.
    worker: int
    host: str
    timetable: str
    offset_ms: float | None
    within_ms: float | None
    skew_ppm: float | None
    skew_within_ppm: float | None
    files: list[str]
    # Of stores.
    tickets: int
    before: int
    columns: list[str]
    settle_ms: float | None
    after_ms: float | None


class _Line(msgspec.Struct):
    t_ns: int
    kind: EventKind
    name: str
    detail: dict[str, Any]


def read_events(content: bytes) -> tuple[list[TimelineEvent], list[Damage]]:
    """Return the events of a timeline as they were written, and what of it cannot be read.

    Only a line feed ends a line: what else Unicode calls a line's end may stand within one. A last
    line that a crash cut is no damage: a run cut short tells so itself.
    """
    events: list[TimelineEvent] = []
    bad: list[int] = []
    lines = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        event = _event(line)
        if event is not None:
            events.append(event)
        elif line and number < len(lines):
            bad.append(number)
    return events, [lines_left_out(FILE, bad)] if bad else []


def on_one_axis(
    events: Sequence[TimelineEvent], apart_ns: int
) -> tuple[list[TimelineEvent], list[Damage]]:
    """Return the events in the order of their times, without those at impossible ones.

    A second T-0 is left out too: a run has one, and which one is the true one nobody knows.

    Args:
        apart_ns: how far from the others an event may be at most.
    """
    damage: list[Damage] = []
    if not events:
        return [], damage
    middle = median(event.t_ns for event in events)
    kept = [event for event in events if abs(event.t_ns - middle) <= apart_ns]
    if len(kept) < len(events):
        lost = len(events) - len(kept)
        damage.append(
            Damage(
                FILE,
                f"{lost} of {len(events)} events happened at a time that cannot be; left out",
            )
        )
    openings = {event.t_ns for event in kept if event.kind == "t0"}
    if len(openings) > 1:
        damage.append(
            Damage(FILE, f"there are {len(openings)} different T-0; the first in it is taken")
        )
    opened = False
    single = []
    for event in kept:
        if event.kind != "t0" or not opened:
            single.append(event)
        opened = opened or event.kind == "t0"
    return sorted(single, key=lambda event: event.t_ns), damage


def _event(line: bytes) -> TimelineEvent | None:
    try:
        read = msgspec.json.decode(line, type=_Line)
        msgspec.convert(read.detail, _Detail)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not is_shallow(read.detail):
        return None
    return TimelineEvent(read.t_ns, read.kind, read.name, read.detail)
