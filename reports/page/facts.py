"""What the page says about a run's surroundings: its machine, its timeline and its files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.environment import SPEED
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.records.timeline import TimelineEvent
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.timeline import FAULTS_AND_ALERTS, event_words
from dress_rehearsal.reports.figures.drawing import Drawing, Missing
from dress_rehearsal.reports.page.tables import Cell
from dress_rehearsal.reports.trust.speed import speed_words
from dress_rehearsal.reports.words import (
    counted,
    fault_words,
    offset,
    quantity,
    seconds,
    written,
)

_MOST_EVENTS: Final = 60
_MOST_ALERTS: Final = 20
_UNITS: Final = frozenset({"ms", "s"})
"""How the name of a number with a unit ends."""
_ERRORS: Final = "ErrorRateHigh"
_SERVER_ERROR: Final = 500
_WAITED: Final = "waited_until_the_stores_agreed_ms"
_FIRST_FACTS: Final = ("git_commit", "fingerprint", "machine")


class FileLink(NamedTuple):
    """A file or folder of the run, relative to the page."""

    href: str
    name: str
    content: str


_WRITTEN_WITH_THE_PAGE: Final = {
    "verdict.json": "the verdict, for machines",
    "summary.md": "the summary, as Markdown",
    "junit.xml": "gates and audit, for CI",
}
_RECORDED: Final = {
    "plan.toml": "the resolved plan, every default written out",
    "environment.json": "the machine and its limits",
    "timeline.jsonl": "phases, T-0, faults, alerts, losses",
    "requests": "one row a request, Parquet",
    "students.parquet": "one row a student",
    "metrics.parquet": "every sample of every pool",
    "headroom.json": "what the last search for the capacity says of its plan",
    "search.json": "what such a search would take on this machine",
    "history.json": "the runs before it, of the same plan and machine",
    "ledger.parquet": "the tickets as each store holds them, and admissions",
}


def environment_facts(evidence: Evidence) -> list[tuple[str, str]]:
    """Return the machine's facts as names and values, the commit and the fingerprint first."""
    facts = evidence.environment
    first = [name for name in _FIRST_FACTS if name in facts]
    ordered = [*first, *(name for name in facts if name not in (*first, SPEED))]
    rows = [(name.replace("_", " "), _words(facts[name])) for name in ordered]
    return [*rows, ("speed", speed)] if (speed := speed_words(facts)) else rows


def timeline_rows(evidence: Evidence) -> list[tuple[Cell, str, str, str]]:
    """Return when what happened: moment, kind, name and detail in words."""
    rows: list[tuple[Cell, str, str, str]] = []
    numbered = list(enumerate(sorted(evidence.events, key=lambda event: event.t_ns)))
    hidden = {number for number, event in numbered if event.kind == "alert"}
    hidden -= set(sorted(hidden)[:_MOST_ALERTS])
    events = [event for number, event in numbered if number not in hidden]
    for event in events[:_MOST_EVENTS]:
        at_s = (event.t_ns - evidence.timeline.zero_ns) / NS_PER_S
        moment = (
            offset(at_s)
            if evidence.timeline.has_t0
            else f"{seconds(abs(at_s))} {'before' if at_s < 0 else 'after'} the first request"
        )
        detail = event.detail.get("what") or event.detail.get("reason")
        words = str(detail) if detail else ", ".join(_details(_named_waits(event)))
        if event.kind in FAULTS_AND_ALERTS:
            words = event_words(event) or words
        if event.kind == "t0":
            moment = offset(0)
        named = fault_words(event.name) if event.kind == "fault" else event.name
        rows.append((Cell(moment, sort=round(at_s, 6)), event.kind, named, words))
    left_out = len(evidence.events) - len(rows)
    if left_out:
        more = f"{written(left_out)} more, {written(len(hidden))} of them alerts"
        rows.append((Cell("…"), "more", "events", f"{more}; all are in timeline.jsonl"))
    return rows


def unheard_errors(evidence: Evidence) -> str:
    """Return why an alert told of server errors of which no request here has one; else empty."""
    told = any(event.kind == "alert" and event.name == _ERRORS for event in evidence.events)
    if not told or (evidence.requests["status"].fillna(0) >= _SERVER_ERROR).any():
        return ""
    return (
        f"{_ERRORS} counts what the servers answered. No student got such an answer: those that it "
        f"is about had left by then, and their requests are counted here as never answered."
    )


def kernel_timestamps(evidence: Evidence) -> str:
    """Return whether the kernel's receive times were there to split the generator's delay off."""
    if evidence.plan.load is not None:
        return (
            "Not by the kernel: times are those of Locust's clients, taken in the generator's own "
            "process. What it was late to read is in them."
        )
    rows = evidence.requests
    with_answer = (rows["status"] > 0).to_numpy(dtype=bool, na_value=False)
    answered = int(with_answer.sum())
    if not answered:
        return "No request was answered, so there was nothing to time."
    timed = int((rows["first_byte_ns"].notna().to_numpy(dtype=bool) & with_answer).sum())
    if timed == 0:
        return (
            "Kernel receive timestamps were not available: read lag could not be split off, so no "
            "latency is known."
        )
    if timed < answered:
        return (
            f"Kernel receive timestamps were available for {written(timed)} of "
            f"{counted(answered, 'answer')}; for the others read lag could not be split off."
        )
    every = "the one answer" if answered == 1 else f"all {written(answered)} answers"
    return (
        f"Kernel receive timestamps were available for {every}: the "
        "time the generator took to read them is no part of an answer's own latency; what the "
        "student does next waits for it."
    )


def run_files(run: RunDirectory, figures: Iterable[Drawing | Missing]) -> list[FileLink]:
    """Return the run's files: those recorded as they are there, those of the report always."""
    links = [FileLink(name, name, content) for name, content in _WRITTEN_WITH_THE_PAGE.items()]
    for name, content in _RECORDED.items():
        path = run.path / name
        if path.exists():
            shown = f"{name}/" if path.is_dir() else name
            links.append(FileLink(shown, shown, content))
    for path in _logs(run.logs):
        name = f"{run.logs.name}/{path.name}"
        links.append(FileLink(quote(name), name, "log"))
    for figure in figures:
        if isinstance(figure, Drawing):
            name = f"{run.figures.name}/{figure.name}.svg"
            links.append(FileLink(name, name, f"figure: {figure.heading.lower()}"))
    return links


def _logs(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []


def _named_waits(event: TimelineEvent) -> Mapping[str, Any]:
    """Return an event's detail in which the waiting for the stores is called so: it is not the
    settle time of the audit, which counts from the last promise."""
    if event.kind != "ledger" and (event.kind, event.name) != ("phase", "settled"):
        return event.detail
    names = {"after_ms": _WAITED, "settle_ms": _WAITED}
    return {names.get(key, key): value for key, value in event.detail.items()}


def _details(detail: Mapping[str, Any]) -> Iterator[str]:
    for key, value in detail.items():
        name, _, unit = key.rpartition("_")
        if not name or unit not in _UNITS:
            name, shown = key, _told(value)
        elif value is None:
            shown = _words(value)
        else:
            numbers = value if isinstance(value, list) else [value]
            shown = " to ".join(quantity(number, unit) for number in numbers)
        if shown:
            yield f"{name.replace('_', ' ')}: {shown}"


def _told(value: Any) -> str:
    """Return a detail in words, without what is empty; of a table of counts, those that are 0."""
    if isinstance(value, Mapping):
        told = {key: _told(part) for key, part in value.items() if part != 0}
        return ", ".join(f"{key.replace('_', ' ')} {part}" for key, part in told.items() if part)
    if isinstance(value, list):
        return ", ".join(filter(None, map(_told, value)))
    if isinstance(value, bool) or value is None:
        return _words(value)
    return written(value) if isinstance(value, int | float) else str(value)


def _words(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(part)}" for key, part in value.items())
    if isinstance(value, list):
        if not value:
            return "none"
        return ", ".join(_words(part) for part in value)
    return str(value)
