"""Entry: a QR code shown at an entrance admits once, at whichever gate it is shown first."""

import time
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.qr import read_payload
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import ENTRY_SCANS

# The key of `entries` decides between two gates at once: the second insert waits for the first and
# then does nothing. Looking first is for when a fault has taken the key away and is over.
_ENTER = """
WITH known AS (
    SELECT 1 FROM tickets WHERE event = $1 AND ticket = $2 LIMIT 1
), entered AS (
    INSERT INTO entries (event, ticket, gate)
    SELECT $1, $2, $3 FROM known
    WHERE NOT EXISTS (SELECT 1 FROM entries WHERE event = $1 AND ticket = $2)
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT EXISTS (SELECT 1 FROM known) AS known, EXISTS (SELECT 1 FROM entered) AS entered
"""
_ENTER_AGAIN = """
WITH known AS (
    SELECT 1 FROM tickets WHERE event = $1 AND ticket = $2 LIMIT 1
), entered AS (
    INSERT INTO entries (event, ticket, gate) SELECT $1, $2, $3 FROM known ON CONFLICT DO NOTHING
)
SELECT EXISTS (SELECT 1 FROM known) AS known, true AS entered
"""
# A statement of its own, after the one above has waited: it sees what another gate has just done.
_ENTRY = """
SELECT entered_at, gate FROM entries WHERE event = $1 AND ticket = $2 ORDER BY entered_at LIMIT 1
"""


class Admission(msgspec.Struct):
    """Let this ticket's holder in."""

    ticket: str
    admitted: bool = True


class Entry(NamedTuple):
    """When and where somebody entered with a ticket."""

    entered_at: datetime
    gate: str

    def sentence(self, gate: str, now: datetime) -> str:
        """Return what those at `gate` need to tell a repeated scan from fraud."""
        at = self.entered_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        ago_s = max(0, round((now - self.entered_at).total_seconds()))
        same = "this gate" if self.gate == gate else "another gate"
        return (
            f"Somebody entered with this ticket at {at}, {ago_s} s ago, "
            f"at gate {self.gate} ({same})."
        )


class Entrance:
    """Reads codes and lets in."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database = database
        self._event = settings.event
        self._key = settings.key("qr")

    async def scan(self, payload: str, gate: str) -> Admission | Entry | str:
        """Let the holder in; else return the entry made before, or a problem code."""
        outcome = await self._judge(payload, gate)
        match outcome:
            case Admission():
                result = "admitted"
            case Entry():
                result = "already_entered"
            case _:
                result = outcome
        ENTRY_SCANS.labels(result).inc()
        return outcome

    async def _judge(self, payload: str, gate: str) -> Admission | Entry | str:
        shown = read_payload(self._key, self._event, payload)
        if shown is None:
            return "qr_invalid"
        if not shown.is_good_at(time.time()):
            return "qr_expired"
        return await self._enter(shown.ticket, gate)

    @measured("postgres", "enter")
    async def _enter(self, ticket: str, gate: str) -> Admission | Entry | str:
        statement = _ENTER_AGAIN if FAULTS.strikes("qr_replay") else _ENTER
        async with self._database.transaction(single=True) as connection:
            row = await connection.fetchrow(statement, self._event, ticket, gate)
            if not row["known"]:
                return "ticket_unknown"
            if row["entered"]:
                return Admission(ticket)
            entry = await connection.fetchrow(_ENTRY, self._event, ticket)
        return Entry(*entry) if entry is not None else "already_entered"
