"""Rows as the write-back writes them when it misbehaves; only with `APP_FAULTS=on`."""

from collections.abc import Callable

from dress_rehearsal.target_app.faulty.owners import SwappedOwners
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.writeback.rows import Rows
from dress_rehearsal.target_app.writeback.stream import Batch, Entry


class FaultyRows(Rows):
    """`wrong_owner`, where a ticket's row comes after its grant."""

    def __init__(
        self,
        database: Database,
        event: str,
        set_aside: Callable[[str, str], None],
        doubt: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(database, event, set_aside, doubt)
        self._owners = SwappedOwners(database, event)

    async def write(self, batch: Batch) -> list[Entry]:
        written = await super().write(batch)
        for entry in written:
            await self._owners.written(entry.ticket)
        return written
