"""Entries: who the entrance let in, held against its own table.

double_entry  admissions beyond one a ticket
lost_entries  students who were let in, and no entry of their ticket was ever written: whoever has
              a copy of the code gets in as well
"""

from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import ENTRANCE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import GATE
from dress_rehearsal.reports.numbers import integers
from dress_rehearsal.reports.words import counted


def double_entries(evidence: Evidence) -> tuple[int, str] | None:
    """Count admissions beyond one a ticket, None when nobody went to the entrance.

    Two witnesses: the entrance's own table (rows beyond one a ticket) and what scanners were told
    (`ok` beyond one for the same student's ticket). Whichever saw more is believed: a table with
    a key cannot hold what the scanners let through, and a scanner's answer may have been lost.
    """
    tickets = _entered(evidence)["ticket"]
    if tickets.empty and not _scans(evidence).any():
        return None
    welcomed = _welcomed(evidence)
    by_rows = len(tickets) - tickets.nunique()
    by_word = len(welcomed) - len(np.unique(welcomed))
    twice = max(by_rows, by_word)
    return twice, (
        f"Double entry: the entrance let {counted(twice, 'person', 'people')} in on a ticket that "
        f"had been used already."
    )


def lost_entries(evidence: Evidence) -> tuple[int, str] | None:
    """Count who was let in without an entry, None where nobody came or the table was not read."""
    if not _scans(evidence).any():
        return None
    entered = _entered(evidence)
    if not _was_read(evidence, rows=len(entered)):
        return None
    known = [
        evidence.promises.tickets[["student", "ticket"]],
        *(held[["student", "ticket"]] for held in evidence.stores.holdings.values()),
    ]
    tickets = pd.concat([each.astype("object") for each in known])
    noted = tickets.loc[tickets["ticket"].isin(entered["ticket"]), "student"]
    written = np.union1d(integers(noted), integers(entered["student"], missing=-1))
    lost = np.setdiff1d(_welcomed(evidence), written)
    return len(lost), (
        f"Entries lost: {counted(len(lost), 'student was', 'students were')} let in and the "
        f"entrance's table has no entry of their ticket, so a copy of it lets another in."
    )


def entry_problems(evidence: Evidence) -> list[str]:
    """Return sentences on why the entrance's table could not be read, if it should have been."""
    return [
        f"The entrance's admissions could not be audited: {event.detail['error']}"
        for event in evidence.events
        if event.kind == "ledger" and event.name == GATE and "error" in event.detail
    ]


def _was_read(evidence: Evidence, *, rows: int) -> bool:
    """Return whether the entrance's table was read at the end, and its rows are all here."""
    return any(
        event.kind == "ledger" and event.name == GATE and event.detail.get("tickets") == rows
        for event in evidence.events
    )


def _entered(evidence: Evidence) -> pd.DataFrame:
    """Return the rows of the entrance's table: ticket, student (-1 where its holder is unknown)."""
    rows = evidence.ledger[(evidence.ledger["source"] == GATE).to_numpy(dtype=bool)]
    return rows[["ticket", "student"]].astype({"ticket": "object"})


def _scans(evidence: Evidence) -> "pd.Series[bool]":
    return (evidence.requests["role"] == ENTRANCE).astype(bool)


def _welcomed(evidence: Evidence) -> Any:
    """Return the student of each scan that let somebody in."""
    let_in = _scans(evidence) & (evidence.requests["outcome"] == "ok").astype(bool)
    return integers(evidence.requests.loc[let_in, "student"])
