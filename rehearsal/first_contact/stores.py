"""Ledgers at first contact: what each holds before and after the student bought, and lacks."""

import re
from collections.abc import Mapping
from typing import Final

from dress_rehearsal.plans import Person, Plan, format_duration
from dress_rehearsal.records.ledgers import (
    LedgerUnreadableError,
    Reading,
    Row,
    read_ledgers,
    refusals,
    shown_names,
)
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.rehearsal.first_contact.discretion import Discretion
from dress_rehearsal.rehearsal.terminal.sheet import Sheet
from dress_rehearsal.reports.words import counted

_WANTED: Final[Mapping[str, str]] = {
    "ticket": "which tickets were lost",
    "student": "who holds more than one, or another's",
    "granted": "what was sold before T-0, and in which order",
}
"""The columns of a whole ledger, and what cannot be decided without each."""

_DATED_S: Final = 120.0
"""By so much a time may differ from the clock of this machine: the probe itself takes its time."""

Held = Mapping[str, Reading | LedgerUnreadableError]


def held(plan: Plan) -> Held:
    """Return what each ledger holds now, or why it cannot be read."""
    return read_ledgers(plan.ledgers, plan.target)


def tell_ledgers(
    sheet: Sheet,
    before: Held,
    after: Held,
    person: Person,
    ticket: str | None,
    discretion: Discretion,
) -> list[str]:
    """Show what each ledger said; return what is wrong, a sentence each.

    Args:
        ticket: that the student was granted; None: none was.
    """
    wrongs = refusals(after)
    if not after:
        sheet.line("none: the audit will know answers only", 2)
    for name, now in after.items():
        then = before.get(name)
        if isinstance(now, LedgerUnreadableError) or not isinstance(then, Reading):
            sheet.line(f"{name}: cannot be read: {now}", 2, style="red")
            continue
        rows = f"{counted(then.count, 'row')} before, {now.count:,} after"
        sheet.line(f"{name}: {rows}; columns {', '.join(now.columns) or 'not known yet'}", 2)
        if now.unused:
            sheet.line(f"not used: {shown_names(now.unused)}", 4, style="bright_black")
        wrongs += _tell_ticket(sheet, name, now, person, ticket, discretion)
        _tell_lacking(sheet, now)
    return wrongs


def _tell_ticket(
    sheet: Sheet,
    name: str,
    now: Reading,
    person: Person,
    ticket: str | None,
    discretion: Discretion,
) -> list[str]:
    if ticket is None or now.columns == ("count",):
        return []
    shown = discretion.shown(ticket, 60)
    row = next((row for row in now.rows if row.ticket == ticket), None)
    if row is None and not now.rows:
        sheet.line(f"the student's ticket {shown} is not there, nor any other", 4, style="red")
        return [
            f"The ledger {name} holds nothing, though the student was granted the ticket {shown}: "
            f"where something writes it later, such as a file of a job, have it written before the "
            f"ledger is read."
        ]
    if row is None:
        sheet.line(f"the student's ticket {shown} is not there", 4, style="red")
        if any(_alike(row.ticket, ticket) for row in now.rows):
            return [
                f"The ledger {name} writes the ticket that the student was granted, {shown}, with "
                f"other hyphens or capitals: have its query write it as the app's answer does."
            ]
        named = [row.ticket for row in now.rows if row.student == person.student]
        hint = f"; of this student it has {discretion.shown(str(named[-1]), 60)}" if named else ""
        return [
            f"The ledger {name} does not have the ticket that the student was granted, {shown}"
            f"{hint}: Granted(…) and the column ticket have to name a ticket alike."
        ]
    whose = "" if row.student is None else ", as the student's"
    sheet.line(f"the student's ticket {shown} is there{whose}", 4)
    if row.student is not None and row.student != person.student:
        return [
            f"The ledger {name} has the ticket as of another student: its column student has to "
            f"name people as the roster does."
        ]
    return _misdated(name, row, now)


def _alike(one: str | None, other: str) -> bool:
    """Return whether two names of a ticket are the same but for what stands between letters."""
    plain = [re.sub("[^0-9a-z]", "", (name or "").lower()) for name in (one, other)]
    return plain[0] == plain[1] != ""


def _misdated(name: str, row: Row, now: Reading) -> list[str]:
    """Return what is wrong with the time of a ticket that was granted just now."""
    if row.granted_ns is None:
        return []
    ahead_s = (row.granted_ns - now.at_ns) / NS_PER_S
    if abs(ahead_s) <= _DATED_S:
        return []
    by = format_duration(float(round(abs(ahead_s))))
    return [
        f"The ledger {name} dates the ticket, granted just now, {by} "
        f"{'after' if ahead_s > 0 else 'before'} this machine's clock: a time that names no zone "
        f"is taken as UTC; have the query name the zone, or turn it into UTC."
    ]


def _tell_lacking(sheet: Sheet, now: Reading) -> None:
    if not now.columns:
        return
    for column, decides in _WANTED.items():
        if column not in now.columns:
            sheet.line(f"lacks {column}: it cannot be decided {decides}", 4, style="yellow")
