"""The page: a run's report as one HTML file that asks nobody else for anything, and its figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from markupsafe import Markup

from dress_rehearsal.plans import plan_toml
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.records.files import remedy
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.cause import NO_CAUSE
from dress_rehearsal.reports.closed_load import users_begun
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import says_little
from dress_rehearsal.reports.figures import Drawing, draw_figures
from dress_rehearsal.reports.page import tables
from dress_rehearsal.reports.page.facts import (
    cause_evidence,
    environment_facts,
    run_files,
    timeline_rows,
)
from dress_rehearsal.reports.page.history import history_section
from dress_rehearsal.reports.page.templates import rendered
from dress_rehearsal.reports.schema import Latency, Sale, Verdict
from dress_rehearsal.reports.words import (
    HEADLINES,
    NOT_MEASURED,
    capitalized,
    counted,
    milliseconds,
    offset,
    percent,
    resource_words,
    seconds,
    written,
)


@dataclass(frozen=True, slots=True)
class KeyNumber:
    """One number of the strip below the verdict."""

    label: str
    value: str
    note: str = ""


def write_page(run: RunDirectory, evidence: Evidence, verdict: Verdict) -> None:
    """Write `report.html` and `figures/*.svg`, and the first as PNG, into the run directory.

    The same evidence and verdict give the same bytes. What was not recorded is named as missing.

    Raises:
        RunDirectoryUnusableError: they cannot be written.
    """
    _make_room(run.figures)
    figures = draw_figures(evidence, verdict)
    history = history_section(run)
    for figure in [*figures, *([history.figure] if history and history.figure else [])]:
        if isinstance(figure, Drawing):
            run.write_text(f"{run.figures.name}/{figure.name}.svg", figure.wide.file)
            if figure.png is not None:
                run.write_bytes(f"{run.figures.name}/{figure.name}.png", figure.png)
        else:  # one drawn from an earlier state of the run must not outlive it
            for suffix in ("svg", "png"):
                (run.figures / f"{figure.name}.{suffix}").unlink(missing_ok=True)
    page = rendered(
        "page.html.j2",
        answer=HEADLINES[verdict.verdict],
        verdict=verdict,
        evidence=cause_evidence(verdict),
        plan=evidence.plan,
        opened=_opened(evidence),
        key_numbers=key_numbers(evidence, verdict),
        census=tables.census_table(verdict.census),
        audit=tables.audit_table(
            verdict.audit, verdict.not_applicable, settles=evidence.plan.target.ours
        ),
        beside=tables.not_applicable_table(verdict.not_applicable),
        fairness=tables.fairness_table(verdict.fairness),
        tries=tables.tries_table(verdict.tries),
        behaviour=tables.behaviour_table(verdict.behaviour),
        others_off=tables.others_off(verdict.behaviour),
        latency=tables.latency_table(verdict.latency_ms, evidence),
        certainty=tables.certainty_table(
            verdict.latency_ms, "Step" if evidence.plan.load is None else "Request"
        ),
        figures=figures,
        lost=tables.lost_table(verdict),
        unchecked=verdict.unchecked,
        pools=tables.pool_table(verdict.pools),
        gates=tables.gates_table(verdict.gates, verdict, verdict.regressions),
        generator=tables.generator_table(verdict.generator, evidence),
        timestamps=kernel_timestamps(evidence),
        reconciliation=tables.reconciliation_table(evidence.server_counts, evidence.steps),
        uncounted=evidence.server_counts.impossible,
        server=tables.server_split_table(evidence),
        facts=environment_facts(evidence),
        plan_text=plan_toml(evidence.plan),
        timeline=timeline_rows(evidence),
        files=run_files(run, figures),
        history=history,
        svg=Markup,  # figures are made here and escape what they quote
    )
    run.write_text("report.html", page)


def _make_room(folder: Path) -> None:
    """Make the figures' folder where a run was copied without it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunDirectoryUnusableError(
            f"The folder {folder} cannot be made: {error.strerror or error}; "
            f"{remedy(error, 'make it writable')}, then run `rehearse report {folder.parent}`."
        ) from error


def key_numbers(evidence: Evidence, verdict: Verdict) -> Sequence[KeyNumber]:
    """Return the six numbers everybody asks for first."""
    if evidence.plan.load is not None:
        return _load_numbers(evidence, verdict)
    sale = evidence.sale
    bought = verdict.purchase
    rate = verdict.load.busiest_second
    return (
        KeyNumber(
            "Students", written(verdict.census.students), counted(len(evidence.requests), "request")
        ),
        KeyNumber(
            "Tickets granted",
            written(sale.granted),
            f"of {written(sale.capacity)}, {sale.witness}",
        ),
        KeyNumber(
            "Sold out after",
            *_sold_out(verdict.sale, evidence.plan.event.tickets),
        ),
        KeyNumber(
            "Buying, p99",
            NOT_MEASURED if bought is None else milliseconds(bought.p99),
            "felt" if bought is None else _felt_note(bought),
        ),
        KeyNumber(
            "Busiest second",
            NOT_MEASURED if rate is None else f"{written(rate)} req/s",
            "requests sent" if rate is None else "sent within one second",
        ),
        KeyNumber(
            "Bottleneck",
            *_bottleneck(verdict),
        ),
    )


def _load_numbers(evidence: Evidence, verdict: Verdict) -> Sequence[KeyNumber]:
    """Return the same of a load without students."""
    load, steps = verdict.load, verdict.latency_ms
    known = {step: own for step, own in steps.items() if own.p99 is not None}
    slowest = max(known, key=lambda step: known[step].p99 or 0.0, default=None)
    rate = load.busiest_second
    return (
        KeyNumber("Locust users", written(users_begun(evidence)), "begun in all"),
        KeyNumber("Requests", written(load.requests), counted(len(known), "kind")),
        KeyNumber(
            "Failed",
            written(load.failed),
            "" if not load.requests else f"{percent(load.failed, load.requests)} of them",
        ),
        KeyNumber(
            "Slowest, p99",
            NOT_MEASURED if slowest is None else milliseconds(known[slowest].p99),
            slowest or "",
        ),
        KeyNumber(
            "Busiest second",
            NOT_MEASURED if rate is None else f"{written(rate)} req/s",
            "requests sent" if rate is None else "sent within one second",
        ),
        KeyNumber("Bottleneck", *_bottleneck(verdict)),
    )


def _sold_out(sale: Sale, tickets: int) -> tuple[str, str]:
    """Return after how long everything was sold, and a note."""
    if sale.sold_out_after_s is not None:
        return seconds(sale.sold_out_after_s), "from T-0 to the last ticket"
    if sale.granted is None or sale.granted >= tickets > 0:
        return NOT_MEASURED, "when tickets went is not known"
    return "never", "tickets were left" if tickets else "there were no tickets"


def _bottleneck(verdict: Verdict) -> tuple[str, str]:
    """Return what the bottleneck is, and a note; the cause's own words where there is none."""
    first = verdict.bottleneck
    if first is not None:
        return capitalized(resource_words(first.resource)), f"from {offset(first.since_s)} on"
    if verdict.cause.startswith(NO_CAUSE):
        return "none", "nobody waited long"
    return "not named", "see the cause above"


def _felt_note(bought: Latency) -> str:
    """Return what stands below the p99 of buying: what it is made of, and who failed."""
    parts = ["felt"]
    if says_little(bought, "p99"):
        parts.append(f"of {counted(bought.count, 'request')} only")
    if bought.system_p99 is not None:
        parts.append(f"the system's part {milliseconds(bought.system_p99)}")
    if bought.failed:
        parts.append(f"of good answers alone {milliseconds(bought.good_p99)}")
    return "; ".join(parts)


def kernel_timestamps(evidence: Evidence) -> str:
    """Return whether the kernel's receive times were there to split the generator's delay off."""
    if evidence.plan.load is not None:
        return (
            "Not by the kernel: times are those of Locust's clients, taken in the generator's own "
            "process. What it was late to read is in them."
        )
    answered = evidence.requests.loc[evidence.requests["status"] > 0, "first_byte_ns"]
    if answered.empty:
        return "No request was answered, so there was nothing to time."
    timed = int(answered.notna().sum())
    if timed == 0:
        return (
            "Kernel receive timestamps were not available: read lag could not be split off, so no "
            "latency is known."
        )
    if timed < len(answered):
        return (
            f"Kernel receive timestamps were available for {written(timed)} of "
            f"{counted(len(answered), 'answer')}; for the others read lag could not be split off."
        )
    return (
        f"Kernel receive timestamps were available for all {written(len(answered))} answers: the "
        "time the generator took to read them is part of no latency."
    )


def _opened(evidence: Evidence) -> str:
    if evidence.t0_ns is None:
        return "no T-0 was set"
    opened = datetime.fromtimestamp(evidence.t0_ns // NS_PER_S, UTC)
    zero = "T-0" if evidence.plan.load is None else "started"
    return f"{zero} at {opened:%Y-%m-%d %H:%M:%S} UTC"
