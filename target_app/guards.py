"""The guards of the tickets table: constraints that let PostgreSQL itself refuse a wrong row."""

from typing import Any, Final

GUARDS: Final = {
    "tickets_pkey": "PRIMARY KEY (ticket)",
    "tickets_one_a_student": "UNIQUE (event, student)",
    "tickets_one_a_number": "UNIQUE (event, number)",
}
"""Every guard by the name of its constraint."""

ONE_A_STUDENT: Final = "tickets_one_a_student"


async def ensure_guards(connection: Any) -> None:
    """Add the guards that are missing. PostgreSQL refuses where rows contradict them already."""
    present = await _present(connection)
    for name, guard in GUARDS.items():
        if name not in present:
            await connection.execute(f"ALTER TABLE tickets ADD CONSTRAINT {name} {guard}")


async def drop_guards(connection: Any) -> None:
    """Leave the table without a guard: for `naive`, and for faults that take them away."""
    for name in GUARDS.keys() & await _present(connection):
        await connection.execute(f"ALTER TABLE tickets DROP CONSTRAINT IF EXISTS {name}")


async def _present(connection: Any) -> set[str]:
    rows = await connection.fetch(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'tickets'::regclass"
    )
    return {row["conname"] for row in rows}
