"""What the audit of a plan will be able to decide, from what its ledgers were seen to hold."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.ledgers import Reading
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.rehearsal.first_contact.stores import Held
from dress_rehearsal.rehearsal.terminal.sheet import Sheet
from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.audit.applicability import foreseen
from dress_rehearsal.reports.evidence.stores import FACT_OF, Fact

_WORDS: Final[Mapping[Fact, str]] = {
    "count": "how many tickets were sold",
    "tickets": "which",
    "owners": "to whom",
    "times": "when",
    "numbers": "in which order",
}
_THEIRS_TO_CHANGE: Final = ("ledger", "the sale was open")
"""Words of reasons that another plan would not have."""
_ALONE: Final = "answers only: a wrong that they show is proven, none shown proves nothing"


def known_of(after: Held) -> set[Fact]:
    """Return what the ledgers say."""
    columns = {
        column
        for reading in after.values()
        if isinstance(reading, Reading)
        for column in reading.columns
    }
    return {fact for column in columns for fact in FACT_OF.get(column, ())}


def tell_decisions(sheet: Sheet, plan: Plan, after: Held, steps: Steps) -> None:
    """Show what the audit will know, what it will measure, and what does not apply, and why.

    Args:
        steps: of the scenario, by their roles.
    """
    known = known_of(after)
    words = [words for fact, words in _WORDS.items() if fact in known]
    sheet.line(
        f"It will know what was answered, and {_listed(words)}."
        if words
        else f"It will know {_ALONE}.",
        2,
    )
    reasons = foreseen(plan, known, len(after), steps)
    measured = [name for name in COUNTERS if name not in reasons]
    sheet.line(f"measured: {', '.join(measured)}", 2)
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name in COUNTERS:
        if name in reasons:
            by_reason[reasons[name]].append(name)
    rest: list[str] = []
    for reason, names in by_reason.items():
        if any(words in reason for words in _THEIRS_TO_CHANGE):
            told = f"does not apply, because {reason}: {', '.join(names)}"
            sheet.line(told, 2, style="bright_black")
        else:
            rest += names
    told = f"does not apply to this scenario (the report says why): {', '.join(rest)}"
    sheet.line(told, 2, style="bright_black")


def _listed(words: list[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
