"""Ledgers of somebody else's: what a target of theirs says it sold, by SQL, CSV or HTTP."""

from dress_rehearsal.records.ledgers.before_and_after import (
    Ledgers,
    LedgersUnreadableError,
    promised_tickets,
)
from dress_rehearsal.records.ledgers.columns import Reading, Row
from dress_rehearsal.records.ledgers.reading import (
    read_ledger,
    read_ledgers,
    refusals,
    unreadable,
)
from dress_rehearsal.records.ledgers.table import LedgerUnreadableError, shown_names

__all__ = [
    "LedgerUnreadableError",
    "Ledgers",
    "LedgersUnreadableError",
    "Reading",
    "Row",
    "promised_tickets",
    "read_ledger",
    "read_ledgers",
    "refusals",
    "shown_names",
    "unreadable",
]
