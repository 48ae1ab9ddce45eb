"""The wrongs of holders: a ticket that is denied, a QR code that never opens, an entrance closed.

denied_tickets  holders who were told that their ticket is unknown, whose QR code never opened
                though it was asked for again and again, or was pending after it had been issued,
                or who got an answer without a code in it where most others got one
refused_entry   holders sent away at the entrance with a good code: called invalid or unknown,
                called used before anybody can have entered with it, or called out of date within
                `FRESH_NS` of being fetched

Each counts students.
"""

from http.client import OK
from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import CODE, ENTRANCE, TICKET
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.audit.said import NEVER_NS, Said
from dress_rehearsal.reports.numbers import integers
from dress_rehearsal.reports.words import counted, written

TRIES: Final = 3
"""Who asked so often and met nothing but failures cannot open the ticket; once is bad luck."""

FRESH_NS: Final = 5 * NS_PER_S
"""A code that was fetched so lately is good, by any way of making codes that change with time."""


def denied_tickets(said: Said) -> tuple[int, str] | None:
    """Count the holders who were denied their ticket or its code; None without any record."""
    if said.evidence.requests.empty:
        return None
    unknown = said.which("ticket_unknown", roles=(TICKET, CODE))
    told = said.evidence.promises.students.set_index("student")["issued_ns"]
    pending = np.flatnonzero(said.which("ticket_pending", roles=(CODE,)))
    issued_ns = integers(told.reindex(said.student[pending]), missing=NEVER_NS)
    put_off = said.student[pending[issued_ns <= said.sent_ns[pending]]]
    asked = (said.role == CODE) & said.answered
    blank = asked & _without_code(said)
    opened = said.students(asked & (said.outcome == "ok") & ~blank)
    tries = pd.Series(said.student[asked & (said.outcome == "failed")]).value_counts()
    refused = said.students(asked & (said.outcome == "refused"))
    closed = np.setdiff1d(np.union1d(refused, tries.index[tries >= TRIES]), opened)
    nothing = np.setdiff1d(said.students(blank), opened)
    who = np.union1d(np.union1d(said.students(unknown), put_off), np.union1d(closed, nothing))
    return len(who), (
        f"Denied tickets: {counted(len(who), 'student')} could not open the ticket that "
        f"{'was' if len(who) == 1 else 'they were'} promised: its QR code never opened, or it was "
        f"called unknown or pending{_blanks(len(nothing))}."
    )


def _blanks(holders: int) -> str:
    return f" ({written(holders)} got an answer without a code in it)" if holders else ""


def _without_code(said: Said) -> Any:
    """Return which answers that open a ticket have no code in them, where most others have one.

    Nothing at all, or a page of HTML where others get a code. Without `claims = True`, and in runs
    of before it was recorded, nobody looked; nor is it known where answers could not be kept.
    """
    requests = said.evidence.requests
    opened = (said.role == CODE) & (said.outcome == "ok")
    opened &= (requests["status"] == OK).to_numpy(dtype=bool, na_value=False)
    coded = opened & said.known("told_code")
    if 2 * coded.sum() <= opened.sum() or said.evidence.left_out["answer"]:
        return np.zeros(len(opened), dtype=bool)
    return opened & ~coded


def refused_entry(said: Said) -> tuple[int, str] | None:
    """Count the holders sent away with a good code, None when nobody went to the entrance."""
    scans = said.role == ENTRANCE
    if not scans.any():
        return None
    invalid = said.which("qr_invalid", "ticket_unknown", "unauthenticated", roles=(ENTRANCE,))
    entered = scans & said.reached & (said.outcome != "refused")
    entered_ns = said.first_ns(entered, said.sent_ns)
    used = said.which("already_entered", roles=(ENTRANCE,)) & (entered_ns > said.done_ns)
    fetched = (said.role == CODE) & (said.outcome == "ok")
    age_ns = said.sent_ns - said.last_before_ns(fetched)
    old = said.which("qr_expired", roles=(ENTRANCE,)) & (age_ns < FRESH_NS)
    who = said.students(invalid | used | old)
    return len(who), (
        f"Refused at the entrance: {counted(len(who), 'holder')} came with a good code that had "
        f"admitted nobody, and {'was' if len(who) == 1 else 'were'} sent away."
    )
