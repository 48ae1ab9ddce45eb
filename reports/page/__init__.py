"""The page: a run's report as one HTML file that asks nobody else for anything, and its figures."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from dress_rehearsal.plans import plan_toml
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.records.files import remedy
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.purchase_step import purchase_step_of
from dress_rehearsal.reports.figures import Drawing, Missing, draw_figures
from dress_rehearsal.reports.page import first_screen, tables
from dress_rehearsal.reports.page.cause import cause_lines, how_it_fits, short_cause
from dress_rehearsal.reports.page.facts import (
    environment_facts,
    kernel_timestamps,
    run_files,
    timeline_rows,
    unheard_errors,
)
from dress_rehearsal.reports.page.headroom import headroom
from dress_rehearsal.reports.page.history import HistorySection, history_section
from dress_rehearsal.reports.page.next_steps import next_steps
from dress_rehearsal.reports.page.slow_requests import (
    find_slow_lines,
    logged_words,
    slow_lists,
)
from dress_rehearsal.reports.page.strip import key_numbers
from dress_rehearsal.reports.page.templates import rendered
from dress_rehearsal.reports.pools.diagnosis import RUSH_FROM_S
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.students.bad_ends import bad_end_notes
from dress_rehearsal.reports.students.errors_met import MOST, count_kinds, met_errors
from dress_rehearsal.reports.students.worse_off import group_notes
from dress_rehearsal.reports.summary import headline, other_gates_words
from dress_rehearsal.reports.words import offset

__all__ = ["key_numbers", "write_page"]


def write_page(run: RunDirectory, evidence: Evidence, verdict: Verdict) -> None:
    """Write `report.html` and `figures/*.svg`, and the first as PNG, into the run directory.

    The same evidence, logs and verdict give the same bytes. What was not recorded is named as
    missing.

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
    values = {
        **_beginning(run, evidence, verdict, history),
        **_students(evidence, verdict),
        **_time(run, evidence, verdict),
        **_end(run, evidence, verdict, figures),
        "history": history,
    }
    run.write_text("report.html", rendered("page.html.j2", **values))


def _beginning(
    run: RunDirectory, evidence: Evidence, verdict: Verdict, history: HistorySection | None
) -> dict[str, Any]:
    """Return what the page is about and what stands on its first screen."""
    facts = (
        *group_notes(evidence, met_errors(evidence), verdict.sale),
        *bad_end_notes(verdict.bad_ends, verdict.census),
    )
    notes = [note for note in verdict.notes if note not in facts]  # they stand with the groups
    return {
        "answer": headline(verdict),
        "verdict": verdict,
        "cause": short_cause(verdict),
        "how_it_fits": how_it_fits(verdict),
        "plan": evidence.plan,
        "opened": _opened(evidence),
        "key_numbers": key_numbers(evidence, verdict),
        "headroom": headroom(run, evidence.plan, verdict),
        "next_steps": next_steps(run, evidence.plan, verdict),
        "first_gates": first_screen.first_gates(verdict),
        "other_gates": other_gates_words(verdict.gates),
        "gates": tables.gates_table(verdict.gates, verdict, verdict.regressions),
        "stands_out": facts,
        "notes": notes,
        "contents": _contents(evidence, verdict, notes, history),
    }


def _contents(
    evidence: Evidence, verdict: Verdict, notes: Sequence[str], history: HistorySection | None
) -> list[tuple[str, str]]:
    """Return the page's sections in their order: anchor and words."""
    students = evidence.plan.load is None
    return [
        *([("notes-heading", "Worth knowing")] if notes else []),
        ("suffered-heading", "Who suffered?" if students else "Errors"),
        ("slowest-heading", "The slowest 1%"),
        ("slowest-requests", "The slowest requests"),
        ("latency-heading", "Latency"),
        ("figures-heading", "What happened when"),
        *([("students-heading", "Was anyone wronged?")] if students else []),
        ("gates-heading", "Gates"),
        *([("history-heading", "The runs before")] if history else []),
        ("trust-heading", "Can it be trusted?"),
        *([("behaviour-heading", "Assumptions")] if verdict.behaviour else []),
        ("facts-heading", "Machine and plan"),
        ("glossary-heading", "Words and files"),
    ]


def _students(evidence: Evidence, verdict: Verdict) -> dict[str, Any]:
    """Return what came of the students."""
    return {
        "groups": tables.group_tables(verdict.groups, purchase_step_of(verdict)),
        "bad_ends": tables.bad_ends_table(verdict.bad_ends, verdict.census),
        "errors": tables.errors_table(verdict.errors, _kinds_of_errors(evidence, verdict)),
        "tries": tables.tries_table(verdict.tries),
        "census": tables.census_table(verdict.census),
        "audit": tables.audit_table(
            verdict.audit, verdict.not_applicable, settles=evidence.plan.target.ours
        ),
        "beside": tables.not_applicable_table(verdict.not_applicable),
        "unchecked": verdict.unchecked,
        "fairness": tables.fairness_table(verdict.fairness),
        "behaviour": tables.behaviour_table(verdict.behaviour),
        "others_off": tables.others_off(verdict.behaviour),
    }


def _kinds_of_errors(evidence: Evidence, verdict: Verdict) -> int:
    """Return how many different errors there are; the verdict has the most frequent alone."""
    listed = len(verdict.errors)
    return listed if listed < MOST else count_kinds(met_errors(evidence))


def _time(run: RunDirectory, evidence: Evidence, verdict: Verdict) -> dict[str, Any]:
    """Return where the time went."""
    lines = find_slow_lines(run, evidence, verdict)
    return {
        "latency": tables.latency_table(verdict.latency_ms, evidence),
        "counts": tables.counts_table(evidence),
        "certainty": tables.certainty_table(
            verdict.latency_ms, "Step" if evidence.plan.load is None else "Request"
        ),
        "cause_lines": cause_lines(
            verdict, "students" if evidence.plan.load is None else "requests"
        ),
        "parts": tables.parts_tables(verdict),
        "slow_lists": slow_lists(evidence, verdict, lines),
        "slow_lines": lines,
        "logged": logged_words(verdict, lines, ours=evidence.plan.target.ours),
        "pools": tables.pool_table(verdict.pools, has_t0=evidence.t0_ns is not None),
        "rush": offset(RUSH_FROM_S),
        "undecided_pools": tables.undecided_pools(verdict.pools),
        "server": tables.server_split_table(evidence),
    }


def _end(
    run: RunDirectory, evidence: Evidence, verdict: Verdict, figures: Sequence[Drawing | Missing]
) -> dict[str, Any]:
    """Return the figures, whether it can be trusted, and what it was measured on."""
    return {
        "figures": {figure.name: figure for figure in figures},
        "svg": Markup,  # figures are made here and escape what they quote
        "generator": tables.generator_table(verdict.generator, evidence),
        "timestamps": kernel_timestamps(evidence),
        "reconciliation": tables.reconciliation_table(evidence.server_counts, evidence.steps),
        "uncounted": evidence.server_counts.impossible,
        "facts": environment_facts(evidence),
        "plan_text": plan_toml(evidence.plan),
        "timeline": timeline_rows(evidence),
        "unheard_errors": unheard_errors(evidence),
        "files": run_files(run, figures),
    }


def _make_room(folder: Path) -> None:
    """Make the figures' folder where a run was copied without it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunDirectoryUnusableError(
            f"The folder {folder} cannot be made: {error.strerror or error}; "
            f"{remedy(error, 'make it writable')}, then run `rehearse report {folder.parent}`."
        ) from error


def _opened(evidence: Evidence) -> str:
    if evidence.t0_ns is None:
        return "no T-0 was set"
    opened = datetime.fromtimestamp(evidence.t0_ns // NS_PER_S, UTC)
    zero = "T-0" if evidence.plan.load is None else "started"
    return f"{zero} at {opened:%Y-%m-%d %H:%M:%S} UTC"
