"""The summary: the verdict as Markdown for GitHub's step summary, short and escaped."""

import html
import re
from collections.abc import Iterable, Sequence

from dress_rehearsal.reports.numbers import counted, written
from dress_rehearsal.reports.reconciliation import Reconciliation
from dress_rehearsal.reports.schema import Number, Status, Verdict
from dress_rehearsal.reports.timeline import Mishap

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
_SIGN: dict[Status, str] = {"pass": "✅", "fail": "❌", "inconclusive": "❔"}
_HEADLINE: dict[Status, str] = {
    "pass": "It will hold",
    "fail": "It does not hold",
    "inconclusive": "This run decides nothing",
}
Cell = str | Number | None
_MISHAPS = 40


def write_summary(verdict: Verdict, counts: Reconciliation, mishaps: Sequence[Mishap] = ()) -> str:
    """Return the whole of `summary.md`.

    Args:
        mishaps: the run's faults and alerts, in the order of their times.
    """
    blocks = [
        f"# {_SIGN[verdict.verdict]} {_HEADLINE[verdict.verdict]}: {escaped(verdict.plan)}",
        f"Run `{verdict.run.replace('`', '')}` · verdict **{verdict.verdict}**",
        "\n".join(f"- {escaped(reason)}" for reason in verdict.reasons),
        *_census(verdict),
        *_audit(verdict),
        *_fairness(verdict),
        *_mishaps(mishaps),
        *_latency(verdict),
        *_pools(verdict),
        *_generator(verdict, counts),
        *_gates(verdict),
    ]
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    """Return text that Markdown and HTML show as it is, on one line."""
    # "@" as an entity, so that GitHub calls nobody.
    shown = html.escape(_SPECIAL.sub(r"\\\1", " ".join(text.split())), quote=False)
    return shown.replace("@", "&#64;")


def _table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' + '---:|' * (len(head) - 1)}"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: Cell) -> str:
    if value is None:
        return "–"
    return escaped(value) if isinstance(value, str) else written(value)


def _census(verdict: Verdict) -> list[str]:
    counts = verdict.census.model_dump()
    students = counts["students"]
    rows = [
        (word.replace("_", " "), count, f"{100 * count / students:.1f}%")
        for word, count in counts.items()
        if count or word in ("ticket", "sold_out")
    ]
    return ["## Students", _table(("outcome", "students", "share"), rows)]


def _audit(verdict: Verdict) -> list[str]:
    rows = [
        (name.replace("_", " ").replace(" ms", ", ms"), value)
        for name, value in verdict.audit.model_dump().items()
    ]
    return ["## Audit", _table(("counter", "found"), rows)]


def _fairness(verdict: Verdict) -> list[str]:
    values = verdict.fairness.model_dump()
    if all(value is None for value in values.values()):
        return []
    rows = [(name.replace("_", " "), value) for name, value in values.items()]
    return ["## Fairness", _table(("measure", "value"), rows)]


def _mishaps(moments: Sequence[Mishap]) -> list[str]:
    if not moments:
        return []
    rows = [(each.moment, f"{each.kind}: {each.name}", each.words) for each in moments[:_MISHAPS]]
    blocks = ["## Faults and alerts", _table(("when", "what", "detail"), rows)]
    if len(moments) > _MISHAPS:
        blocks.append(f"… and {len(moments) - _MISHAPS:,} more; all are in `timeline.jsonl`.")
    return blocks


def _latency(verdict: Verdict) -> list[str]:
    rows = [
        (step, own.count, own.p50, own.p90, own.p99, own.p99_9, own.max, own.system_p99)
        for step, own in verdict.latency_ms.items()
        if own.count
    ]
    head = ("step", "requests", "p50", "p90", "p99", "p99.9", "max", "p99 from sent")
    return ["## Latency, ms from the moment students meant to act", _table(head, rows)]


def _pools(verdict: Verdict) -> list[str]:
    rows = [
        (
            pool.name,
            pool.peak_used,
            pool.max,
            pool.peak_pending,
            pool.wait_p99_ms,
            pool.timeouts,
            pool.saturated_at_s,
            pool.diagnosis,
        )
        for pool in verdict.pools
    ]
    head = (
        "pool",
        "used, up to",
        "max",
        "waiting, up to",
        "wait p99, ms",
        "timeouts",
        "saturated at, s",
    )
    blocks = ["## Pools", _table((*head, "diagnosis"), rows)]
    if verdict.bottleneck:
        first = verdict.bottleneck
        blocks.append(
            f"Saturated first: **{escaped(first.resource)}** at {_relative(first.since_s)}: "
            f"{escaped(first.evidence)}"
        )
    return blocks


def _generator(verdict: Verdict, counts: Reconciliation) -> list[str]:
    own = verdict.generator
    rows: list[tuple[Cell, ...]] = [
        ("requests", own.requests),
        ("late start p99, ms", own.late_start_p99_ms),
        ("read lag p99, ms", own.read_lag_p99_ms),
        ("release skew at T-0, ms", own.release_skew_ms),
        ("CPU peak, cores", own.cpu_peak),
        ("limited the measurement", "yes" if own.limited else "no"),
    ]
    if counts.impossible:
        said = f"Recorded requests against the server's own count: {counts.impossible}"
    else:
        total = sum(tally.recorded for tally in counts.tallies.values())
        differing = sum(1 for tally in counts.tallies.values() if tally.difference)
        found = f"{differing} of {len(counts.tallies)} steps differ" if differing else "they agree"
        said = f"{counted(total, 'recorded answer')} against the server's own count: {found}."
    return ["## Generator", _table(("", "measured"), rows), escaped(said)]


def _gates(verdict: Verdict) -> list[str]:
    rows = [
        (
            f"{_SIGN[gate.status]} {gate.metric}",
            gate.limit,
            "never" if gate.never else gate.value,
            gate.status,
        )
        for gate in verdict.gates
    ]
    return ["## Gates", _table(("metric", "limit", "value", "status"), rows)]


def _relative(seconds: float) -> str:
    return f"T-0 {'+' if seconds >= 0 else '−'} {abs(seconds):g} s"
