"""The summary: the verdict as Markdown for GitHub's step summary, short and escaped."""

from collections.abc import Iterable, Iterator
from functools import partial

from dress_rehearsal.plans.visible import visible
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.directions import unit_of
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import ESTIMATES, says_little
from dress_rehearsal.reports.evidence.timeline import FAULTS_AND_ALERTS, event_words
from dress_rehearsal.reports.markdown import escaped, markdown_table
from dress_rehearsal.reports.metrics import gate_words
from dress_rehearsal.reports.schema import Latency, Number, Verdict
from dress_rehearsal.reports.words import (
    EMPTY,
    HEADLINES,
    NOT_APPLICABLE,
    NOT_MEASURED,
    SIGNS,
    cell,
    counted,
    milliseconds,
    offset,
    percent,
    pool_level,
    quantity,
    span_words,
    written,
)

_MOST_EVENTS = 40
_THIS_RUN_ALONE = (
    "Failed requests count with the time they took. The interval is about this run alone; what "
    "differs between runs, only repeats tell."
)
_FEW_WORDS = (
    " (few): fewer than five requests were slower, so the percentile says little more than the max."
)


def write_summary(evidence: Evidence, verdict: Verdict) -> str:
    """Return the whole of `summary.md`."""
    blocks = [
        f"# {SIGNS[verdict.verdict]} {HEADLINES[verdict.verdict]}: {escaped(verdict.plan)}",
        f"Run `{verdict.run.replace('`', '')}` · verdict **{verdict.verdict}**",
        "\n".join(f"- {escaped(reason)}" for reason in verdict.reasons),
        f"{escaped(verdict.cause)}",
        "\n\n".join(escaped(line) for line in (f"Run: {verdict.ran}", *verdict.notes)),
        *_students(evidence, verdict),
        *_fairness(evidence, verdict),
        *_faults_and_alerts(evidence),
        *_latency(evidence, verdict),
        *_tries(verdict),
        *_pools(verdict),
        *_generator(evidence, verdict),
        *_gates(verdict),
        *_behaviour(verdict),
    ]
    return visible("\n\n".join(blocks)) + "\n"


def _students(evidence: Evidence, verdict: Verdict) -> list[str]:
    if evidence.plan.load is not None:
        return []
    return [*_census(verdict), *_audit(evidence, verdict)]


def _census(verdict: Verdict) -> list[str]:
    counts = verdict.census.model_dump()
    students = counts["students"]
    rows = [
        (word.replace("_", " "), count, percent(count, students))
        for word, count in counts.items()
        if count or word in ("ticket", "sold_out")
    ]
    return ["## Students", markdown_table(("outcome", "students", "share"), rows)]


def _audit(evidence: Evidence, verdict: Verdict) -> list[str]:
    counters = verdict.audit.model_dump()
    settled = counters.pop("settle_ms")
    rows = [
        (name.replace("_", " "), written(value))
        for name, value in counters.items()
        if name not in verdict.not_applicable
    ]
    if settled is not None or evidence.plan.target.ours:
        rows.append(("settle time", milliseconds(settled)))
    blocks = ["## Audit", markdown_table(("counter", "found"), rows)]
    by_reason: dict[str, list[str]] = {}
    for name, why in verdict.not_applicable.items():
        by_reason.setdefault(why, []).append(name.replace("_", " "))
    if by_reason:
        beside = "; ".join(f"{', '.join(names)} ({why})" for why, names in by_reason.items())
        blocks.append(escaped(f"What {NOT_APPLICABLE}: {beside}."))
    if verdict.unchecked:
        words = ", ".join(f"{word} ({count}×)" for word, count in verdict.unchecked.items())
        blocks.append(escaped(f"Not checked: answers also said {words}, which no check knows."))
    return blocks


def _number(value: Number | None, *, applies: bool, unit: str) -> str:
    """Return a number, or whether it was not measured or there was nothing to be measured."""
    return quantity(value, unit) if applies or value is not None else NOT_APPLICABLE


def _fairness(evidence: Evidence, verdict: Verdict) -> list[str]:
    values = verdict.fairness.model_dump()
    if all(value is None for value in values.values()):
        return []
    plan = evidence.plan
    ordered, several = plan.event.order == "first_come", plan.students.multi_device > 0
    rows = [
        (
            name.removesuffix("_s").replace("_", " "),
            _number(
                value,
                applies=several if name == "multi_device_advantage" else ordered,
                unit="s" if name.endswith("_s") else "",
            ),
        )
        for name, value in values.items()
    ]
    return ["## Fairness", markdown_table(("measure", "value"), rows)]


def _tries(verdict: Verdict) -> list[str]:
    rows = [
        (
            step,
            written(own.students),
            written(own.requests),
            written(own.amplification),
            written(own.after_errors),
            written(own.abandoned),
        )
        for step, own in verdict.tries.items()
    ]
    if not rows:
        return []
    numbers = ("students", "requests", "amplification", "after an error", "abandoned")
    return ["## Tries", markdown_table(("step", *numbers), rows)]


def _behaviour(verdict: Verdict) -> list[str]:
    """Return what the students did as the plan has it, measured or assumed, in two sentences."""
    said = []
    for basis in ("measured", "assumed"):
        values = [
            f"{habit.key.removeprefix('students.')} {habit.value}"
            for habit in verdict.behaviour
            if habit.basis == basis and habit.value != "off"
        ]
        if values:
            said.append(f"{basis.capitalize()}: {', '.join(values)}.")
    return ["## What the students did", *map(escaped, said)] if said else []


def _faults_and_alerts(evidence: Evidence) -> list[str]:
    events = [event for event in evidence.events if event.kind in FAULTS_AND_ALERTS]
    if not events:
        return []
    events.sort(key=lambda event: event.t_ns)
    t0_ns = evidence.t0_ns
    rows = [
        (
            EMPTY if t0_ns is None else offset((event.t_ns - t0_ns) / NS_PER_S),
            f"{event.kind}: {event.name}",
            event_words(event),
        )
        for event in events[:_MOST_EVENTS]
    ]
    blocks = ["## Faults and alerts", markdown_table(("when", "what", "detail"), rows)]
    if len(events) > _MOST_EVENTS:
        more = written(len(events) - _MOST_EVENTS)
        blocks.append(f"… and {more} more; all are in `timeline.jsonl`.")
    return blocks


def _latency(evidence: Evidence, verdict: Verdict) -> list[str]:
    taken = {step: own for step, own in verdict.latency_ms.items() if own.count}
    failing = any(own.failed for own in taken.values())
    rows = [
        (
            step,
            cell(own.count),
            *([cell(own.failed)] if failing else []),
            *_percentiles(own, "p50", "p90", "p99"),
            span_words(own.p99_low, own.p99_high, milliseconds),
            *_percentiles(own, "p99_9", "max", "system_p99"),
            *(_percentiles(own, "good_p99") if failing else []),
        )
        for step, own in taken.items()
    ]
    head = (
        *("step", "requests"),
        *(["failed"] if failing else []),
        *("p50", "p90", "p99", "its 95% interval", "p99.9", "max", "p99 from sent"),
        *(["p99 answered well"] if failing else []),
    )
    closed = evidence.plan.load is not None
    title = "## Latency" if closed else "## Latency from the moment students meant to act"
    blocks = [title, markdown_table(head, rows)]
    blocks.append(f"{_THIS_RUN_ALONE}{_FEW_WORDS if _any_few(taken.values()) else ''}")
    return blocks


def _percentiles(own: Latency, *fields: str) -> Iterator[str]:
    """Return numbers of a step's latency, each with a word where it says little."""
    for field in fields:
        words = cell(getattr(own, field), milliseconds)
        yield f"{words} (few)" if says_little(own, field) else words


def _any_few(steps: Iterable[Latency]) -> bool:
    return any(says_little(own, field) for own in steps for field in ESTIMATES)


def _pools(verdict: Verdict) -> list[str]:
    rows = [
        (
            pool.name,
            *(
                cell(level, partial(pool_level, pool.name))
                for level in (pool.peak_used, pool.max, pool.peak_pending)
            ),
            cell(pool.wait_p99_ms, milliseconds),
            cell(pool.timeouts),
            cell(pool.saturated_at_s, offset),
            pool.diagnosis or EMPTY,
        )
        for pool in verdict.pools
    ]
    levels = ("used, up to", "max", "waiting, up to")
    head = ("pool", *levels, "wait p99", "timeouts", "saturated at", "diagnosis")
    blocks = ["## Pools", markdown_table(head, rows)]
    if verdict.bottleneck:
        blocks.append(escaped(verdict.bottleneck.evidence))
    return blocks


def _generator(evidence: Evidence, verdict: Verdict) -> list[str]:
    own, counts = verdict.generator, evidence.server_counts
    timely = percent(own.timely, own.released) if own.released else NOT_MEASURED
    students = [
        ("late start p99", milliseconds(own.late_start_p99_ms)),
        ("read lag p99", milliseconds(own.read_lag_p99_ms)),
        ("sent in time at T-0", timely),
        ("release skew at T-0", milliseconds(own.release_skew_ms)),
    ]
    rows = [
        ("requests", written(own.requests)),
        *(students if evidence.plan.load is None else []),
        ("CPU peak, cores", written(own.cpu_peak)),
        (
            f"other programs' CPU{' at T-0' if evidence.plan.load is None else ''}, cores",
            written(own.foreign_cpu_cores),
        ),
        *(
            []
            if own.held_back_share is None
            else [("held back by its own CPU limit", f"{percent(own.held_back_share)} of a second")]
        ),
        ("limited the measurement", "yes" if own.limited else "no"),
    ]
    if counts.impossible:
        said = f"Recorded requests against the server's own count: {counts.impossible}"
    else:
        total = sum(tally.recorded for tally in counts.tallies.values())
        differing = sum(1 for tally in counts.tallies.values() if tally.difference)
        found = f"{differing} of {len(counts.tallies)} steps differ" if differing else "they agree"
        said = f"{counted(total, 'recorded answer')} against the server's own count: {found}."
    return ["## Generator", markdown_table(("", "measured"), rows), escaped(said)]


def _gates(verdict: Verdict) -> list[str]:
    rows: list[tuple[str, ...]] = [
        (
            f"{SIGNS[gate.status]} {gate.name}",
            gate.limit,
            gate_words(gate, verdict),
            gate.status,
        )
        for gate in verdict.gates
    ]
    rows += [
        (
            own.name,
            f"{own.margins} worse than before",
            quantity(own.value, unit_of(own.metric)),
            "left to a comparison",
        )
        for own in verdict.regressions
    ]
    return ["## Gates", markdown_table(("metric", "limit", "value", "status"), rows)]
