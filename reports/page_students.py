"""The page's tables of people: where their stories ended, and whether anyone was wronged."""

from typing import Final

from reports.document import Audit, Census, Fairness
from reports.fairness import TOLERANCE_S
from reports.figures.style import count
from reports.page_tables import NOT_MEASURED, Cell, Table, number, span

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
    """Show where every student's story ended, and that the sum is all of them."""
    numbers = {word: int(getattr(census, word)) for word in _CENSUS_WORDS}
    rows = [
        (
            Cell(title),
            Cell(count(numbers[word]), "found" if word in _BAD_ENDS and numbers[word] else ""),
            Cell(_share(numbers[word], census.students)),
            Cell(meaning),
        )
        for word, (title, meaning) in _CENSUS_WORDS.items()
    ]
    total = sum(numbers.values())
    sums = "adds up to every student" if total == census.students else "does not add up"
    foot = (
        Cell("Students"),
        Cell(count(total)),
        Cell(_share(total, census.students)),
        Cell(f"{sums}: the plan has {count(census.students)}", "" if "adds" in sums else "found"),
    )
    columns = (
        ("Outcome", "text"),
        ("Students", "number"),
        ("Share", "number"),
        ("They …", "meaning"),
    )
    return Table("census", "Where every student's story ended", columns, rows, foot)


_AUDIT_WORDS: Final = {
    "oversold": ("Oversold", "tickets granted beyond the last one there was"),
    "duplicate_students": ("Duplicates", "tickets beyond the one a student may have"),
    "acked_but_missing": ("Lost tickets", "students told of a ticket that no row bears out"),
    "held_without_ack": ("Unannounced tickets", "tickets in the database nobody was told of"),
    "ineligible": ("Ineligible holders", "tickets of people who may not buy"),
    "sold_early": ("Sold early", "tickets granted before T-0"),
    "false_sold_out": ("False sold out", "students sent away though tickets were left"),
    "store_drift": ("Store drift", "tickets that Redis and PostgreSQL disagree about"),
    "stuck_students": ("Stuck", "students promised a ticket that was never issued"),
    "double_entry": ("Double entry", "people let in on a ticket that had been used already"),
    "lost_views": ("Lost views", "page views by which the event's counter is off"),
}


def audit_table(audit: Audit) -> Table:
    """Show every counter of the audit; each should be zero."""
    rows = []
    for word, (title, meaning) in _AUDIT_WORDS.items():
        value: int | None = getattr(audit, word)
        shown = "—" if value is None else count(value)
        rows.append((Cell(title), Cell(shown), Cell(meaning), _state(value)))
    settle = span(audit.settle_ms)
    meaning = "from the last promise until PostgreSQL had every row; a duration, not a wrong"
    rows.append((Cell("Settle time"), Cell(settle), Cell(meaning), Cell("")))
    columns = (
        ("Wrong", "text"),
        ("Found", "number"),
        ("It counts …", "meaning"),
        ("State", "text"),
    )
    return Table("audit", "Was anyone wronged?", columns, rows)


def fairness_table(fairness: Fairness) -> Table | None:
    """Show whether first come was first served; None when none of it was measured."""
    measures = (
        (
            "Inversions",
            fairness.inversions,
            f"students who came more than {TOLERANCE_S:g} s before somebody served ahead of them",
        ),
        ("Kendall's tau", fairness.kendall_tau, "the line's order against tickets': 1 the same"),
        (
            "Several devices",
            fairness.multi_device_advantage,
            "the share of those with several devices who got a ticket, less that of the others",
        ),
    )
    if all(value is None for _, value, _ in measures):
        return None
    rows = [(Cell(title), Cell(number(value)), Cell(words)) for title, value, words in measures]
    columns = (("Measure", "text"), ("Value", "number"), ("It means …", "text"))
    return Table("fairness", "Was first come first served?", columns, rows)


def _state(value: float | None) -> Cell:
    if value is None:
        return Cell(NOT_MEASURED, "open")
    return Cell("found", "found") if value else Cell("ok", "ok")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "—"
