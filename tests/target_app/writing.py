"""The write-back as tests run it: its worker on a thread, and what was granted and written."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dress_rehearsal.target_app.writeback.__main__ import Writeback
from dress_rehearsal.target_app.writeback.services import Services
from tests.target_app.apps import Stage

Holding = tuple[str, int, int, str]
"""Ticket, number, when it was granted in ns, idempotency key."""


class Running:
    """A write-back worker on a thread of this process."""

    def __init__(self, stage: Stage) -> None:
        self.drained: bool | None = None
        self._stage = stage
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        assert self._ready.wait(10)

    async def _run(self) -> None:
        services = Services(self._stage.settings)
        self._worker = Writeback(services.source, services.rows)
        self._loop = asyncio.get_running_loop()
        await services.open()
        self._ready.set()
        self.drained = await self._worker.run()
        await services.close()

    def stop(self) -> bool | None:
        """Have it write what is left; whether it could."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._worker.stop)
        self._thread.join(15)
        assert not self._thread.is_alive()
        return self.drained


@contextmanager
def running(stage: Stage) -> Iterator[Running]:
    worker = Running(stage)
    try:
        yield worker
    finally:
        worker.stop()


def drain(stage: Stage) -> bool | None:
    return Running(stage).stop()


def held(stage: Stage) -> dict[str, Holding]:
    """What each student holds by Redis."""
    with stage.client() as redis:
        holders = redis.hgetall(f"event:{stage.event}:holders")
    return {
        student.decode(): tuple(json.loads(holder).values()) for student, holder in holders.items()
    }


def written(stage: Stage) -> dict[str, Holding]:
    """What each student holds by PostgreSQL."""
    return {
        row["student"]: (row["ticket"], row["number"], row["granted_ns"], row["idempotency"])
        for row in stage.rows()
    }


def write_row(stage: Stage, grant: Mapping[str, Any]) -> None:
    """Commit a grant's row, as a worker that died afterwards had."""
    stage.postgres.run(
        "INSERT INTO tickets VALUES ($1, $2, $3, $4, $5, $6)",
        grant["ticket"],
        stage.event,
        grant["student"],
        int(grant["number"]),
        int(grant["granted_ns"]),
        grant["idempotency"],
    )


def total(counter: Any) -> float:
    return float(counter._value.get())
