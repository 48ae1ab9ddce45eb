"""What the audit of a plan will be able to decide, from what the ledgers were seen to hold."""

from collections.abc import Mapping
from typing import Final

from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.records.ledgers import Reading
from dress_rehearsal.rehearsal.first_contact.sheet import Sheet
from dress_rehearsal.rehearsal.first_contact.stores import Held

_LEVELS: Final[Mapping[str, str]] = {
    "answers": "answers only: a wrong that they show is proven, none shown proves nothing",
    "count": "answers and a count: how many were oversold or lost, not which",
    "tickets": "answers and tickets: which were lost, not whose",
    "owners": "answers, tickets and owners, not times: all but what depends on the order",
    "everything": "answers, tickets, owners and times: everything",
}


def level_of(after: Held) -> str:
    """Return the level of an audit with these ledgers: a key of the levels' words."""
    columns = {
        column
        for reading in after.values()
        if isinstance(reading, Reading)
        for column in reading.columns
    }
    if {"ticket", "student", "granted"} <= columns:
        return "everything"
    if {"ticket", "student"} <= columns:
        return "owners"
    if "ticket" in columns:
        return "tickets"
    return "count" if "count" in columns else "answers"


def tell_decisions(sheet: Sheet, plan: Plan, people: list[Person], after: Held) -> None:
    """Show the level of the audit, and what stands in the way of more."""
    sheet.line(f"It knows {_LEVELS[level_of(after)]}.", 2)
