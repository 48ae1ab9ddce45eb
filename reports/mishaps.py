"""The mishaps of a run: faults that were switched on purpose, and alerts that the app raised."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from plans.faults import FAULTS
from records import TimelineEvent
from reports.evidence import Evidence
from reports.quantities import NS_PER_S

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
        """Tell whether any of it falls into a window."""
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
    """Give when each fault was on; one that could not be done was not."""
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
