"""The guards of the tickets table: added where missing, dropped where asked, again at will."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg

from target_app.guards import GUARDS, drop_guards, ensure_guards

Start = Callable[..., Any]


def test_guards_are_dropped_and_added_again_any_number_of_times(start_app: Start) -> None:
    app = start_app("atomic_update")
    bearer = app.login(0)

    async def swing() -> list[set[str]]:
        connection = await asyncpg.connect(app.stage.settings.database_dsn)
        seen = []
        try:
            for step in (drop_guards, drop_guards, ensure_guards, ensure_guards):
                await step(connection)
                rows = await connection.fetch(
                    "SELECT conname FROM pg_constraint "
                    "WHERE conrelid = 'tickets'::regclass AND contype IN ('p', 'u')"
                )
                seen.append({row["conname"] for row in rows})
        finally:
            await connection.close()
        return seen

    assert asyncio.run(swing()) == [set(), set(), set(GUARDS), set(GUARDS)]
    assert app.buy(bearer).status_code == 201
