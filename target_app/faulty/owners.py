"""Rows of tickets that name another student than the one who was told."""

from typing import Final

from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal
from dress_rehearsal.target_app.enrolment import Granting
from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.telemetry.boundaries import measured

# Out and in again, for the constraint on students is looked at row by row.
_TAKE_OUT: Final = """
DELETE FROM tickets WHERE event = $1 AND ticket = ANY($2::text[])
RETURNING ticket, student, number, granted_ns, idempotency
"""
_PUT_IN: Final = """
INSERT INTO tickets (event, ticket, student, number, granted_ns, idempotency)
VALUES ($1, $2, $3, $4, $5, $6)
"""


class SwappedOwners:
    """`wrong_owner`: of the tickets it strikes, two at a time have each other's student.

    No ticket is lost and none comes to it. Of an odd number the last one keeps its own.
    """

    def __init__(self, database: Database, event: str) -> None:
        self._database = database
        self._event = event
        self._single: str | None = None

    async def written(self, ticket: str) -> None:
        """Take note of a ticket whose row is committed, and swap its owner where it is struck."""
        if not FAULTS.strikes("wrong_owner"):
            return
        single, self._single = self._single, None
        if single is None:
            self._single = ticket
        elif single != ticket:
            await self._swap(single, ticket)

    @measured("postgres", "swap_owners")
    async def _swap(self, one: str, other: str) -> None:
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_TAKE_OUT, self._event, [one, other])
            students = [row["student"] for row in reversed(rows)]
            for (ticket, _, *rest), student in zip(rows, students, strict=True):
                await connection.execute(_PUT_IN, self._event, ticket, student, *rest)


class SwappingGrant:
    """A grant whose ticket may be swapped, where its row comes with it and not later."""

    def __init__(self, owners: SwappedOwners, grant: Granting) -> None:
        self._owners = owners
        self._grant = grant

    async def __call__(self, claim: Claim) -> Grant | Refusal:
        outcome = await self._grant(claim)
        if isinstance(outcome, Grant) and outcome.issued and not outcome.replay:
            await self._owners.written(outcome.ticket)
        return outcome
