"""The marks of a run: what Grafana is to annotate, read from the run directory alone."""

import html
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from dress_rehearsal.plans import FAULTS
from dress_rehearsal.records import RunDirectory, RunDirectoryUnreadableError, TimelineEvent

MarkKind = Literal["phase", "t0", "fault", "alert", "process", "abort", "gates", "verdict"]

_MOST_ALERTS: Final = 100
_NS_PER_MS: Final = 1_000_000
_PHASES: Final = {
    "stage_starting": "The stage is being set",
    "stage_ready": "The stage is ready",
    "generator_ready": "The generator is ready",
    "arrivals": "Students begin to arrive",
    "closed": "The sale closes",
    "performed": "All students have finished",
    "settled": "The stores agree",
    "unsettled": "Rows are still being written, and no longer waited for",
    "torn_down": "The stage is cleared",
}
_ENDS: Final = ("closed", "performed", "torn_down")
_MOMENTARY: Final = frozenset(
    {"worker_crash", "redis_wipe", "sigterm_mid_sale", "kill_after_grant"}
)
"""Faults that happen once; the others last until they are switched off."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One annotation.

    Attributes:
        key: the same each time the run is read, so that a mark is made once.
        until_ms: end of a region; a point when left out. Times are ms since the Unix epoch.
        text: HTML, which is what Grafana takes annotations for; escaped.
    """

    kind: MarkKind
    key: str
    at_ms: int
    until_ms: int | None
    text: str


def marks_of(run: RunDirectory) -> list[Mark]:
    """Read a run's marks in the order of their times; a run under way has some of them already.

    Raises:
        RunDirectoryUnreadableError: the timeline or the verdict is damaged.
    """
    timeline = run.timeline()
    marks = [*_moments(timeline), *_faults(timeline), *_alerts(timeline)]
    if timeline:
        marks += _judged(_verdict(run), timeline[-1].t_ns // _NS_PER_MS)
    return sorted(_told_apart(marks), key=lambda mark: mark.at_ms)


def _moments(timeline: Sequence[TimelineEvent]) -> Iterator[Mark]:
    for event in timeline:
        match event.kind:
            case "phase":
                words = _PHASES.get(event.name, event.name.replace("_", " "))
                yield _mark("phase", event, words)
            case "t0":
                yield _mark("t0", event, "T-0: the sale opens")
            case "process":
                words = str(event.detail.get("what") or f"A {event.name} process ended.")
                yield _mark("process", event, words)
            case "abort":
                reason = event.detail.get("reason")
                yield _mark("abort", event, f"The run was {event.name}: {reason or 'no reason'}")


def _faults(timeline: Sequence[TimelineEvent]) -> Iterator[Mark]:
    """Return a region from on to off; one still on ends with the sale, or is a point until then."""
    ends = [each.t_ns for each in timeline if each.kind == "phase" and each.name in _ENDS]
    faults = [event for event in timeline if event.kind == "fault"]
    begun: dict[str, TimelineEvent] = {}
    for event in faults:
        if event.detail.get("error"):
            done = "ended" if event.detail.get("on") is False else "done"
            words = f"The fault {event.name} could not be {done}: {event.detail['error']}"
            yield _mark("fault", event, words)
        elif event.detail.get("on") is not False:
            begun.setdefault(event.name, event)
        elif event.name in begun:
            on = begun.pop(event.name)
            yield _mark("fault", on, _fault_words(on), until_ns=event.t_ns)
    for on in begun.values():
        over = next((t_ns for t_ns in ends if t_ns > on.t_ns), None)
        yield _mark("fault", on, _fault_words(on), until_ns=None if on.name in _MOMENTARY else over)


def _fault_words(event: TimelineEvent) -> str:
    kind = FAULTS.get(event.name)
    what = str(event.detail.get("what") or (kind.what if kind else ""))
    grade = event.detail.get("grade")
    graded = f" ({grade})" if grade not in (None, "on") else ""
    return f"Fault {event.name}{graded}{f': {what}' if what else ''}"


def _alerts(timeline: Sequence[TimelineEvent]) -> Iterator[Mark]:
    alerts = [event for event in timeline if event.kind == "alert"]
    for event in alerts[:_MOST_ALERTS]:
        message = str(event.detail.get("message") or event.detail.get("what") or "")
        yield _mark("alert", event, f"Alert {event.name}{f': {message}' if message else ''}")
    more = alerts[_MOST_ALERTS:]
    if more:
        words = f"… and {len(more):,} alerts more; all are in timeline.jsonl"
        yield Mark("alert", "alerts-more", more[0].t_ns // _NS_PER_MS, None, words)


def _judged(verdict: Mapping[str, Any] | None, at_ms: int) -> Iterator[Mark]:
    if verdict is None:
        return
    gates = [gate for gate in verdict.get("gates", ()) if isinstance(gate, dict)]
    if gates:
        held = sum(1 for gate in gates if gate.get("status") == "pass")
        lines = [
            f"{gate.get('status')}: {gate.get('metric')} {gate.get('limit')}, "
            f"measured {_number(gate.get('value'))}"
            for gate in gates
            if gate.get("status") != "pass"
        ]
        yield Mark(
            "gates", "gates", at_ms, None, _lines(f"{held} of {len(gates)} gates hold", *lines)
        )
    reasons = [str(reason) for reason in verdict.get("reasons", ())]
    title = f"Verdict: {str(verdict['verdict']).upper()}"
    yield Mark("verdict", "verdict", at_ms, None, _lines(title, *reasons))


def _verdict(run: RunDirectory) -> Mapping[str, Any] | None:
    path = run.path / "verdict.json"
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunDirectoryUnreadableError(
            f"{path} cannot be read: {error}; write it again with `rehearse report {run.path}`."
        ) from error
    if not isinstance(document, dict) or "verdict" not in document:
        raise RunDirectoryUnreadableError(
            f"{path} is no verdict; write it again with `rehearse report {run.path}`."
        )
    return document


def _mark(kind: MarkKind, event: TimelineEvent, text: str, until_ns: int | None = None) -> Mark:
    at_ms = event.t_ns // _NS_PER_MS
    until_ms = None if until_ns is None else max(until_ns // _NS_PER_MS, at_ms + 1)
    return Mark(kind, f"{kind}-{event.name[:40]}-{at_ms}", at_ms, until_ms, _lines(text))


def _told_apart(marks: Sequence[Mark]) -> Iterator[Mark]:
    """Number the keys of marks that share kind, name and time."""
    met: Counter[str] = Counter()
    for mark in marks:
        met[mark.key] += 1
        again = f"-{met[mark.key]}" if met[mark.key] > 1 else ""
        yield Mark(mark.kind, f"{mark.key}{again}", mark.at_ms, mark.until_ms, mark.text)


def _lines(*lines: str) -> str:
    return "<br>".join(html.escape(" ".join(line.split()), quote=False) for line in lines)


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "nothing"
    return f"{value:,.10g}"
