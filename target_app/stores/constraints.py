"""The guards: constraints of tickets and entries that let PostgreSQL itself refuse a wrong row."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from dress_rehearsal.target_app.errors import UnavailableError


class Guard(NamedTuple):
    """One constraint: no two rows agree in all of these columns."""

    kind: str
    columns: str


GUARDS: Final = {
    "tickets_pkey": Guard("PRIMARY KEY", "ticket"),
    "tickets_one_a_student": Guard("UNIQUE", "event, student"),
    "tickets_one_a_number": Guard("UNIQUE", "event, number"),
}
"""Every guard of the tickets table by the name of its constraint."""

ONE_A_STUDENT: Final = "tickets_one_a_student"

_OF_TABLE: Final = {
    "tickets": GUARDS,
    "entries": {"entries_pkey": Guard("PRIMARY KEY", "event, ticket")},
}


class ConstraintsContradictedError(UnavailableError):
    """Guards cannot be put back: rows came in while they were away that they would have refused.

    It tells their names and never a row, which would be a student's.
    """

    def __init__(self, table: str, guards: Sequence[str]) -> None:
        self.guards = tuple(guards)
        super().__init__(
            f"PostgreSQL's table {table} cannot have {' and '.join(guards)} back, because rows "
            "came in meanwhile that contradict it; delete the rows that are too many, or begin "
            "with an empty database, and try again."
        )


async def ensure_guards(connection: Any, table: str = "tickets") -> None:
    """Add the guards that are missing.

    Raises `ConstraintsContradictedError` where rows contradict some of them; the others are there then.
    """
    missing = _OF_TABLE[table].keys() - await _present(connection, table)
    contradicted = [
        name
        for name, guard in _OF_TABLE[table].items()
        if name in missing and not await _add(connection, table, name, guard)
    ]
    if contradicted:
        raise ConstraintsContradictedError(table, contradicted)


async def drop_guards(connection: Any, table: str = "tickets") -> None:
    """Leave the table without a guard: for `naive`, and for faults that take them away."""
    for name in _OF_TABLE[table].keys() & await _present(connection, table):
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")


async def _add(connection: Any, table: str, name: str, guard: Guard) -> bool:
    """Add one guard; False where rows contradict it.

    PostgreSQL is not asked to find out by failing: it would log the row.
    """
    if await _is_contradicted(connection, table, guard):  # told without keeping anybody waiting
        return False
    async with connection.transaction():
        await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        if name in await _present(connection, table):
            return True
        if await _is_contradicted(connection, table, guard):
            return False
        await connection.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {name} {guard.kind} ({guard.columns})"
        )
    return True


async def _is_contradicted(connection: Any, table: str, guard: Guard) -> bool:
    return bool(
        await connection.fetchval(
            f"SELECT EXISTS (SELECT FROM {table} GROUP BY {guard.columns} "  # noqa: S608
            "HAVING count(*) > 1)"
        )
    )


async def _present(connection: Any, table: str) -> set[str]:
    rows = await connection.fetch(
        "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass", table
    )
    return {row["conname"] for row in rows}
