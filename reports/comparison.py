"""The comparison: several runs side by side in one table and one figure, a row a run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.records.files import remedy
from dress_rehearsal.records.tables import CLIENT_POOLS
from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.evidence import Evidence, read_evidence
from dress_rehearsal.reports.evidence.sale import time_to_know_ms
from dress_rehearsal.reports.figures.comparison import Bars, draw_comparison
from dress_rehearsal.reports.markdown import markdown_table
from dress_rehearsal.reports.schema import Audit, Verdict
from dress_rehearsal.reports.verdict import judge
from dress_rehearsal.reports.words import EMPTY, cell, milliseconds, seconds, written

_MB: Final = 1e6


@dataclass(frozen=True, slots=True)
class Compared:
    """One run's row; None stands for "not measured".

    Attributes:
        tickets_per_s: tickets granted over the time from the first to the last grant.
        sold_out_s: from T-0 to the last ticket; None also when some were left.
        purchase_p99_ms: felt by students.
        pool_wait_p99_ms: of the client pool that was waited for longest, named in `waited_for`.
        wrongs: the audit in words: clean, or each counter above zero.
        received_mb: bytes of all answers.
        app_cpu_s: CPU seconds of all the target's own processes but its stores.
        know_p50_ms, know_p99_ms: from the last grant until students were told of it.
    """

    label: str
    verdict: str
    tickets: int
    tickets_per_s: float | None
    sold_out_s: float | None
    purchase_p99_ms: float | None
    pool_wait_p99_ms: float | None
    waited_for: str | None
    wrongs: str
    requests: int
    received_mb: float
    app_cpu_s: float | None
    know_p50_ms: float | None
    know_p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rows in the order in which the runs were given."""

    rows: tuple[Compared, ...]

    def markdown(self) -> str:
        """Return a Markdown table with a row a run; columns nobody measured are left out."""
        columns = {head: [words(row) for row in self.rows] for head, words in _COLUMNS.items()}
        shown = {head: cells for head, cells in columns.items() if set(cells) != {EMPTY}}
        texts = [position for position, head in enumerate(shown) if head in _TEXTS]
        return markdown_table(list(shown), zip(*shown.values(), strict=True), texts) + "\n"

    def figure(self, path: Path) -> None:
        """Write small panels of requests, bytes, CPU and time to know as SVG.

        Raises:
            RunDirectoryUnusableError: the file cannot be written.
        """
        drawn = draw_comparison([row.label for row in self.rows], self._bars())
        try:
            path.write_text(drawn.file, encoding="utf-8")
        except OSError as error:
            raise RunDirectoryUnusableError(
                f"The figure {path} cannot be written: {error.strerror or error}; "
                f"{remedy(error, 'name another file')}."
            ) from error

    def _bars(self) -> list[Bars]:
        measured = [
            Bars("Requests", [row.requests for row in self.rows], written),
            Bars(
                "Received by students, MB",
                [row.received_mb for row in self.rows],
                _megabytes,
            ),
            Bars("CPU of the app", [row.app_cpu_s for row in self.rows], seconds),
            Bars(
                "Until sold out was known: median, and p99 as a line",
                [row.know_p50_ms for row in self.rows],
                milliseconds,
                [row.know_p99_ms for row in self.rows],
            ),
        ]
        return [bars for bars in measured if any(value is not None for value in bars.values)]


def compare(runs: Sequence[tuple[str, RunDirectory]]) -> Comparison:
    """Return each run's numbers, judged from its files, beside the others'.

    Raises:
        RunDirectoryUnreadableError: a file of a run is missing or damaged.
        MetricUnknownError: a gate of a plan names a number that no verdict holds.
    """
    rows = []
    for name, run in runs:
        evidence = read_evidence(run)
        rows.append(compared(name, evidence, judge(evidence)))
    return Comparison(tuple(rows))


def compared(name: str, evidence: Evidence, verdict: Verdict) -> Compared:
    """Return one run's row."""
    sale = evidence.sale
    waits = [
        (pool.wait_p99_ms, pool.name)
        for pool in verdict.pools
        if pool.name in CLIENT_POOLS and pool.wait_p99_ms is not None
    ]
    longest = max(waits, default=(None, None))
    bought = verdict.purchase
    know_ms = time_to_know_ms(
        sale.capacity, evidence.ledger, evidence.requests, evidence.stores.durable
    )
    return Compared(
        label=name,
        verdict=verdict.verdict,
        tickets=sale.granted,
        tickets_per_s=verdict.sale.tickets_per_s,
        sold_out_s=verdict.sale.sold_out_after_s,
        purchase_p99_ms=bought.p99 if bought else None,
        pool_wait_p99_ms=longest[0],
        waited_for=longest[1],
        wrongs=audit_words(verdict.audit),
        requests=len(evidence.requests),
        received_mb=float(evidence.requests["bytes"].fillna(0).sum()) / _MB,
        app_cpu_s=_app_cpu_s(evidence),
        know_p50_ms=float(np.percentile(know_ms, 50)) if len(know_ms) else None,
        know_p99_ms=float(np.percentile(know_ms, 99, method="higher")) if len(know_ms) else None,
    )


def audit_words(audit: Audit) -> str:
    """Return the audit in words: `clean`, every wrong with its count, or `not audited`."""
    counts = {name: getattr(audit, name) for name in COUNTERS}
    wrongs = [
        f"{name.replace('_', ' ')} {written(count)}" for name, count in counts.items() if count
    ]
    if wrongs:
        return ", ".join(wrongs)
    return "not audited" if counts["oversold"] is None else "clean"


def _app_cpu_s(evidence: Evidence) -> float | None:
    """Return the CPU seconds of the app's workers and writers from the first arrival on."""
    samples = evidence.samples
    each = samples.series("process_cpu_seconds_total", "processes")
    rows = [series for series in each if series.label("component") in ("app", "writeback")]
    if not rows:
        return None
    grown = samples.increases(rows, evidence.timeline.phases.get("arrivals"))
    return float(grown["increase"].sum())


def _megabytes(value: float) -> str:
    return f"{written(value)} MB"


def _waited(row: Compared) -> str:
    return cell(row.pool_wait_p99_ms, lambda wait_ms: f"{milliseconds(wait_ms)} ({row.waited_for})")


_TEXTS: Final = frozenset({"run", "verdict", "audit"})
_COLUMNS: Final[dict[str, Callable[[Compared], str]]] = {
    "run": lambda row: row.label,
    "verdict": lambda row: row.verdict,
    "tickets/s": lambda row: cell(row.tickets_per_s, lambda rate: written(round(rate))),
    "sold out after": lambda row: cell(row.sold_out_s, seconds),
    "purchase p99": lambda row: cell(row.purchase_p99_ms, milliseconds),
    "pool wait p99": _waited,
    "audit": lambda row: row.wrongs,
    "requests": lambda row: written(row.requests),
    "received": lambda row: _megabytes(row.received_mb),
    "app CPU": lambda row: cell(row.app_cpu_s, seconds),
    "until known, p50": lambda row: cell(row.know_p50_ms, milliseconds),
    "until known, p99": lambda row: cell(row.know_p99_ms, milliseconds),
}
