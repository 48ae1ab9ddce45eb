"""The constraints of tickets and entries, by which PostgreSQL itself refuses a wrong row."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from dress_rehearsal.target_app.errors import UnavailableError


class Constraint(NamedTuple):
    """One constraint: no two rows agree in all of these columns."""

    kind: str
    columns: str


CONSTRAINTS: Final = {
    "tickets_pkey": Constraint("PRIMARY KEY", "ticket"),
    "tickets_one_a_student": Constraint("UNIQUE", "event, student"),
    "tickets_one_a_number": Constraint("UNIQUE", "event, number"),
}
"""Every constraint of the tickets table by its name."""

ONE_A_STUDENT: Final = "tickets_one_a_student"

_OF_TABLE: Final = {
    "tickets": CONSTRAINTS,
    "entries": {"entries_pkey": Constraint("PRIMARY KEY", "event, ticket")},
}


class ConstraintsContradictedError(UnavailableError):
    """Constraints cannot be put back: rows came in meanwhile that they would have refused.

    It tells their names and never a row, which would be a student's.
    """

    def __init__(self, table: str, constraints: Sequence[str]) -> None:
        self.constraints = tuple(constraints)
        super().__init__(
            f"PostgreSQL's table {table} cannot have {' and '.join(constraints)} back, because "
            "rows came in meanwhile that contradict it; delete the rows that are too many, or "
            "begin with an empty database, and try again."
        )


async def ensure_constraints(connection: Any, table: str = "tickets") -> None:
    """Add the constraints that are missing.

    Raises `ConstraintsContradictedError` where rows contradict some; the others are there then.
    """
    missing = _OF_TABLE[table].keys() - await _present(connection, table)
    contradicted = [
        name
        for name, constraint in _OF_TABLE[table].items()
        if name in missing and not await _add(connection, table, name, constraint)
    ]
    if contradicted:
        raise ConstraintsContradictedError(table, contradicted)


async def drop_constraints(connection: Any, table: str = "tickets") -> None:
    """Leave the table without a constraint: for `naive`, and for faults that take them away."""
    for name in _OF_TABLE[table].keys() & await _present(connection, table):
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")


async def _add(connection: Any, table: str, name: str, constraint: Constraint) -> bool:
    """Add one constraint; False where rows contradict it.

    PostgreSQL is not asked to find out by failing: it would log the row.
    """
    if await _is_contradicted(
        connection, table, constraint
    ):  # told without keeping anybody waiting
        return False
    async with connection.transaction():
        await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        if name in await _present(connection, table):
            return True
        if await _is_contradicted(connection, table, constraint):
            return False
        await connection.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {name} {constraint.kind} ({constraint.columns})"
        )
    return True


async def _is_contradicted(connection: Any, table: str, constraint: Constraint) -> bool:
    return bool(
        await connection.fetchval(
            f"SELECT EXISTS (SELECT FROM {table} GROUP BY {constraint.columns} "  # noqa: S608
            "HAVING count(*) > 1)"
        )
    )


async def _present(connection: Any, table: str) -> set[str]:
    rows = await connection.fetch(
        "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass", table
    )
    return {row["conname"] for row in rows}
