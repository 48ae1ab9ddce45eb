"""The page's tables as plain rows of words, each saying whether it is well."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import pandas as pd

from dress_rehearsal.plans import format_duration
from dress_rehearsal.records.tables import CLIENT_POOLS, JOIN, QUEUE, SCAN, STEPS, STREAM
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import (
    FELT,
    PARTS,
    latency_split,
    says_little,
    unanswered_by_step,
)
from dress_rehearsal.reports.evidence.reconciliation import Reconciliation
from dress_rehearsal.reports.metrics import gate_words
from dress_rehearsal.reports.pools.client import LOCKS
from dress_rehearsal.reports.schema import (
    Audit,
    Census,
    Fairness,
    GateResult,
    Generator,
    Latency,
    Measured,
    Pool,
    Verdict,
)
from dress_rehearsal.reports.trust.generator import TIMELY_SHARE
from dress_rehearsal.reports.words import (
    EMPTY,
    NOT_APPLICABLE,
    NOT_MEASURED,
    capitalized,
    cell,
    milliseconds,
    offset,
    percent,
    pool_level,
    pool_words,
    resource_words,
    seconds,
    span_words,
    written,
)

_SOME_RUSHES: Final = frozenset({JOIN, QUEUE, STREAM, SCAN})
"""Steps of the waiting room and the gate, which not every plan has."""


class Cell(NamedTuple):
    """A cell's words; `tone` (ok, found, open) colours them, beside what they say.

    `href` is where they lead, escaped as a URL is.
    """

    text: str
    tone: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page.

    Attributes:
        columns: heading and kind (`text`, `number`, `meaning`) of each; the first names the row.
        foot: a last row that sums up, or nothing.
    """

    name: str
    caption: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Cell]]
    foot: Sequence[Cell] = ()


def _row(*cells: str | Cell) -> tuple[Cell, ...]:
    return tuple(each if isinstance(each, Cell) else Cell(each) for each in cells)


_CENSUS_WORDS: Final = {
    "ticket": ("Ticket", "hold a ticket, by the target's own word"),
    "sold_out": ("Sold out", "were told that no ticket is left"),
    "refused": ("Refused", "may not buy, and were told so"),
    "gave_up": ("Gave up", "lost patience or ran out of attempts"),
    "failed": ("Failed", "ended with an error and did not try again"),
    "unknown": ("Unknown", "never learnt the outcome; may or may not hold a ticket"),
    "never_started": ("Never started", "did not act at all, or left no record"),
    "in_flight": ("In flight", "were still under way when the run ended"),
}


_BAD_ENDS: Final = {"failed", "unknown", "never_started", "in_flight"}


def census_table(census: Census) -> Table:
    """Return where every student's story ended, and that the sum is all of them."""
    numbers = {word: int(getattr(census, word)) for word in _CENSUS_WORDS}
    rows = [
        _row(
            title,
            _bad(numbers[word]) if word in _BAD_ENDS else written(numbers[word]),
            _share(numbers[word], census.students),
            meaning,
        )
        for word, (title, meaning) in _CENSUS_WORDS.items()
    ]
    total = sum(numbers.values())
    fits = total == census.students
    sums = "adds up to every student" if fits else "does not add up"
    said = Cell(f"{sums}: the plan has {written(census.students)}", "" if fits else "found")
    foot = _row("Students", written(total), _share(total, census.students), said)
    columns = (
        ("Outcome", "text"),
        ("Students", "number"),
        ("Share", "number"),
        ("They …", "meaning"),
    )
    return Table("census", "Where every student's story ended", columns, rows, foot)


_LEAST_LOST_MS: Final = 1.0
"""Less than this of a request's time is not worth a line."""

_AUDIT_WORDS: Final = {
    "oversold": ("Oversold", "tickets granted beyond the last one there was"),
    "duplicate_students": ("Duplicates", "tickets beyond the one a student may have"),
    "wrong_owner": ("Wrong owner", "tickets that are somebody else's than who was told of them"),
    "acked_but_missing": ("Lost tickets", "students told of a ticket that no row bears out"),
    "held_without_ack": ("Unannounced tickets", "tickets in the database nobody was told of"),
    "ineligible": ("Ineligible holders", "tickets of people who may not buy"),
    "sold_early": ("Sold early", "tickets granted before T-0"),
    "early_admissions": ("Let in early", "students let in before T-0"),
    "false_sold_out": ("False sold out", "students sent away though tickets were left"),
    "false_too_early": ("Told too early", "students told so who clicked after T-0"),
    "false_not_enrolled": ("Told not enrolled", "students of the roster told not to be on it"),
    "false_already_holds": ("Told to hold one", "students told so who cannot have had one"),
    "false_not_admitted": ("Not let in", "students told that it was their turn, then that not"),
    "lost_places": ("Lost places", "students who had joined the queue and were not in it"),
    "lost_sessions": ("Lost sessions", "students who had logged in and were told to log in"),
    "refused_logins": ("Refused logins", "students refused with the roster's number and PIN"),
    "false_issued": ("Issued too soon", "students told so before their ticket's row was there"),
    "wrong_code": ("Wrong QR codes", "holders given another's code, or one that another got too"),
    "false_number": ("Wrong numbers", "holders shown a number that is not their ticket's"),
    "false_place": ("Wrong places", "students told a place in the queue that was not theirs"),
    "false_countdown": ("Wrong countdown", "students told another time until T-0 than there was"),
    "false_state": ("Wrong state", "students told not open, open or sold out when it was not so"),
    "false_remaining": ("Wrong number left", "students told of more tickets left, or of fewer"),
    "replays_refused": ("Repeats refused", "students not given their ticket on clicking again"),
    "false_rejections": ("Rejections", "students whose well-formed request was called malformed"),
    "denied_tickets": ("Denied tickets", "holders whose ticket or QR code never opened"),
    "refused_entry": ("Refused entry", "holders sent away at the entrance with a good code"),
    "store_drift": ("Store drift", "tickets that Redis and PostgreSQL disagree about"),
    "stuck_students": ("Stuck", "students promised a ticket that was never issued"),
    "double_entry": ("Double entry", "people let in on a ticket that had been used already"),
    "lost_entries": ("Entries lost", "students let in whose entry was never written"),
    "lost_views": ("Lost views", "page views by which the event's counter is off"),
}


def audit_table(audit: Audit, gates: Sequence[GateResult]) -> Table:
    """Return every counter of the audit; each should be zero.

    One without a gate is about something that this rush did not have.
    """
    rows = []
    asked = {gate.metric for gate in gates}
    for word, (title, meaning) in _AUDIT_WORDS.items():
        value: int | None = getattr(audit, word)
        state = _state(value) if f"audit.{word}" in asked else Cell(NOT_APPLICABLE)
        rows.append(_row(title, cell(value), meaning, state))
    meaning = "from the last promise until PostgreSQL had every row; a duration, not a wrong"
    rows.append(_row("Settle time", milliseconds(audit.settle_ms), meaning, ""))
    columns = (
        ("Wrong", "text"),
        ("Found", "number"),
        ("It counts …", "meaning"),
        ("State", "text"),
    )
    return Table("audit", "Was anyone wronged?", columns, rows)


def fairness_table(fairness: Fairness) -> Table | None:
    """Return whether first come was first served; None when none of it was measured."""
    measures = (
        (
            "Wronged",
            fairness.inversions,
            f"students overtaken by more than the {seconds(fairness.within_s)} of the plan",
        ),
        (
            "Overtaken",
            fairness.overtaken,
            f"students who clicked before somebody served ahead of them, by more than the "
            f"{seconds(fairness.uncertainty_s)} that nobody can know",
        ),
        ("… by at most", fairness.overtaken_max_s, "how much later an overtaker clicked"),
        ("… by, p99", fairness.overtaken_p99_s, "the same, of 99% of those overtaken"),
        ("Kendall's tau", fairness.kendall_tau, "the line's order against tickets': 1 the same"),
        (
            "Several devices",
            fairness.multi_device_advantage,
            "the share of those with several devices who got a ticket, less that of the others",
        ),
    )
    if fairness.overtaken is None and fairness.multi_device_advantage is None:
        return None
    rows = [
        _row(title, (seconds if title.startswith("…") else written)(value), words)
        for title, value, words in measures
    ]
    columns = (("Measure", "text"), ("Value", "number"), ("It means …", "text"))
    return Table("fairness", "Was first come first served?", columns, rows)


def lost_table(verdict: Verdict) -> Table | None:
    """Return where the slowest tenth of the purchases lost their time; None where none was slow."""
    lost = {part: value for part, value in verdict.lost_ms.items() if value >= _LEAST_LOST_MS}
    if not lost:
        return None
    total = sum(verdict.lost_ms.values())
    ordered = sorted(lost.items(), key=lambda item: -item[1])
    rows = [
        _row(capitalized(resource_words(part)), milliseconds(value), percent(value, total), "")
        for part, value in ordered
    ]
    columns = (
        ("Where the time went", "text"),
        ("Mean", "number"),
        ("Share", "number"),
        ("", "text"),
    )
    foot = _row("All of it", milliseconds(round(total, 1)), percent(1), "")
    title = "Where the slowest tenth of the purchases lost their time"
    return Table("lost", title, columns, rows, foot)


def latency_table(latency_ms: dict[str, Latency], evidence: Evidence) -> Table:
    """Return each step's felt latency, and what was not answered beside it.

    Steps that not every rush has are left out where nobody took them.
    """
    bad = unanswered_by_step(evidence.latency)
    rows = []
    for step, part in latency_ms.items():
        failed, unknown, abandoned = (
            int(bad.at[step, word]) if step in bad.index else 0
            for word in ("failed", "unknown", "abandoned")
        )
        if step in _SOME_RUSHES and not part.count + failed + unknown + abandoned:
            continue
        rows.append(
            _row(
                step,
                written(part.count),
                *(_percentile(part, field) for field in (*FELT, "system_p99")),
                _bad(failed),
                _bad(unknown),
                written(abandoned),
            )
        )
    latencies = ("Count", "p50", "p90", "p99", "p99.9", "Max", "System p99")
    words = (*latencies, "Failed", "Unknown", "Abandoned")
    columns = (("Step", "text"), *((word, "number") for word in words))
    caption = "What students felt, in ms; abandoned: the student needed the answer no more"
    return Table("latency-table", caption, columns, rows)


def certainty_table(latency_ms: dict[str, Latency]) -> Table:
    """Return between what values each step's p99 lies, and what it is of good answers alone.

    Steps that nobody took are left out, and what is of good answers where nothing failed.
    """
    taken = {step: part for step, part in latency_ms.items() if part.count}
    failing = any(part.failed for part in taken.values())
    rows = [
        _row(
            step,
            _percentile(part, "p99"),
            span_words(part.p99_low, part.p99_high),
            *(_good_answers(part) if failing else []),
        )
        for step, part in taken.items()
    ]
    good = ("Not answered well", "p99 of good answers") if failing else ()
    words = ("p99", "95% interval", *good)
    columns = (("Step", "text"), *((word, "number") for word in words))
    return Table("certainty", "How sure each p99 is, in ms: of this run alone", columns, rows)


def _good_answers(part: Latency) -> tuple[Cell, str]:
    bad = f"{written(part.failed)} ({percent(part.failed, part.count)})"
    return Cell(bad, "found" if part.failed else ""), _percentile(part, "good_p99")


def _percentile(latency: Latency, field: str) -> str:
    """Return a number of a step's latency, with a word where too few requests are behind it."""
    words = cell(getattr(latency, field))
    return f"{words} (few)" if says_little(latency, field) else words


def pool_table(pools: Sequence[Pool]) -> Table:
    """Return every pool's numbers, the first to saturate first."""
    never = float("inf")
    ranked = sorted(pools, key=lambda p: never if p.saturated_at_s is None else p.saturated_at_s)
    rows = []
    for pool in ranked:
        since = pool.saturated_at_s
        undecided = since is not None and pool.name in CLIENT_POOLS and pool.name not in LOCKS
        diagnosis = pool.diagnosis or ("undecided" if undecided else EMPTY)
        levels = (pool.peak_used, pool.max, pool.peak_pending)
        rows.append(
            _row(
                pool_words(pool.name),
                *(cell(level, partial(pool_level, pool.name)) for level in levels),
                cell(pool.wait_p99_ms, milliseconds),
                _bad(pool.timeouts),
                "never" if since is None else Cell(offset(since), "found"),
                _bad(pool.leaked),
                Cell(diagnosis.replace("_", " "), "ok" if pool.diagnosis == "healthy" else ""),
            )
        )
    most = ("Used, up to", "Max", "Waiting, up to")  # each worker's own most, added up
    numbers = (*most, "Wait p99", "Timeouts", "Saturated", "Leaked")
    columns = (("Pool", "text"), *((word, "number") for word in numbers), ("Diagnosis", "text"))
    caption = "Pools, the first to saturate first; up to: each worker's own most, added up"
    return Table("pool-table", caption, columns, rows)


def gates_table(gates: Sequence[GateResult], measured: Measured) -> Table:
    """Return each limit and the number held against it: correctness first, then the plan's own.

    Args:
        measured: where the numbers are from.
    """
    tones = {"pass": "ok", "fail": "found", "inconclusive": "open"}
    compared = any(gate.baseline is not None for gate in gates)
    rows = [
        _row(
            gate.metric,
            Cell(gate.status, tones[gate.status]),
            gate.limit,
            gate_words(gate, measured),
            *([written(gate.baseline)] if compared else []),
        )
        for gate in gates
    ]
    columns = (
        ("Metric", "text"),
        ("Result", "text"),
        ("Limit", "number"),
        ("Measured", "number"),
        *([("Baseline", "number")] if compared else []),
    )
    return Table("gates", "Correctness first, then the plan's own limits", columns, rows)


def generator_table(generator: Generator, evidence: Evidence) -> Table:
    """Return whether the generator did what it was meant to, when it was meant to."""
    allowed = evidence.plan.generator
    timely, released = generator.timely, generator.released
    limited = Cell("yes", "found") if generator.limited else Cell("no", "ok")
    rows = [
        _row("Requests", written(generator.requests), EMPTY, ""),
        _delay("Late start, p99", generator.late_start_p99_ms, allowed.max_late_start),
        _row(
            f"Sent within {format_duration(evidence.plan.timely)} of their time at T-0",
            percent(timely, released) if released else NOT_MEASURED,
            percent(float(TIMELY_SHARE)),
            _state(timely < TIMELY_SHARE * released if released else None, "too few"),
        ),
        _row("Release skew at T-0, p99", milliseconds(generator.release_skew_ms), EMPTY, ""),
        _row("Read lag, p99", milliseconds(generator.read_lag_p99_ms), EMPTY, ""),
        _row("CPU at its peak", _cores(generator.cpu_peak), EMPTY, ""),
        _row(
            "Other programs' CPU around T-0, up to",
            _cores(generator.foreign_cpu_cores),
            _cores(allowed.max_foreign_cpu),
            "",
        ),
        _row("A clock's largest step", milliseconds(generator.clock_step_ms), EMPTY, ""),
        _row("Limited the measurement", limited, EMPTY, ""),
    ]
    columns = (("Generator", "text"), ("Measured", "number"), ("Allowed", "number"), ("", "text"))
    return Table("generator-table", "What the generator did itself", columns, rows)


def reconciliation_table(reconciliation: Reconciliation) -> Table:
    """Return requests as the generator recorded and as the server counted them."""
    rows = []
    for step, tally in reconciliation.tallies.items():
        if step in _SOME_RUSHES and not tally.recorded + tally.uncertain + tally.counted:
            continue
        off = tally.difference
        state = Cell(f"off by {off:+,}", "found") if off else Cell("agree", "ok")
        numbers = (tally.recorded, tally.uncertain, tally.counted)
        rows.append(_row(step, *(written(part) for part in numbers), state))
    columns = (
        ("Step", "text"),
        ("Recorded with an answer", "number"),
        ("Sent, never answered", "number"),
        ("Counted by the server", "number"),
        ("", "text"),
    )
    return Table("reconciliation", "Requests, counted on both sides", columns, rows)


def server_split_table(evidence: Evidence) -> Table | None:
    """Return where the server says the time went; None when no answer carried Server-Timing."""
    half, most = latency_split(evidence.latency, 50), latency_split(evidence.latency, 99)
    parts = [part for part in PARTS if not most.empty and most[f"{part}_ms"].notna().any()]
    if not parts:
        return None
    rows = []
    known = [step for step in STEPS if step in most.index]
    for step in [*known, *(step for step in most.index if step not in STEPS)]:
        cells = []
        for part in parts:
            middle, far = half.at[step, f"{part}_ms"], most.at[step, f"{part}_ms"]
            shown = f"{milliseconds(middle)} / {milliseconds(far)}"
            cells.append(EMPTY if pd.isna(far) else shown)
        rows.append(_row(str(step), *cells))
    columns = (("Step", "text"), *((f"{part}, p50 / p99", "number") for part in parts))
    return Table("server", "Where the server says the time went", columns, rows)


def _cores(number: float | None) -> str:
    return NOT_MEASURED if number is None else f"{written(number)} cores"


def _delay(title: str, value_ms: float | None, allowed_s: float) -> tuple[Cell, ...]:
    state = _state(None if value_ms is None else value_ms > allowed_s * 1e3, "too late")
    return _row(title, milliseconds(value_ms), milliseconds(1e3 * allowed_s), state)


def _bad(number: int | None) -> Cell:
    """Return how often something happened that should not."""
    return Cell(cell(number), "found" if number else "")


def _state(wrong: float | None, words: str = "found") -> Cell:
    if wrong is None:
        return Cell(NOT_MEASURED, "open")
    return Cell(words, "found") if wrong else Cell("ok", "ok")


def _share(part: int, whole: int) -> str:
    return percent(part, whole) if whole else EMPTY
