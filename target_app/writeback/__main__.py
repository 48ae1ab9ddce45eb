"""The worker that writes granted tickets to PostgreSQL.

Run as `python -m dress_rehearsal.target_app.writeback`.

It reads grants in batches, from the Redis stream, SQS or Kafka as `APP_ALLOCATION` says, writes
each batch in one transaction, and acknowledges after the commit. A crash in between is harmless:
the batch is read again and its rows are found written.
"""

import asyncio
import logging
import signal
import sys
import time

from redis.exceptions import RedisError

from dress_rehearsal.target_app.errors import SettingsError, UnavailableError
from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.secret_files import environment
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.telemetry.logs import LineHandler, Throttled, flushing, json_logs
from dress_rehearsal.target_app.telemetry.scrape_targets import announced_metrics, reached_at
from dress_rehearsal.target_app.writeback.rows import Rows
from dress_rehearsal.target_app.writeback.services import Services
from dress_rehearsal.target_app.writeback.stream import Entry, Source

DRAIN_S = 8.0
PAUSE_S = 0.05  # between batches: lets one fill, so a rush costs 20 commits a second and not 500
_RETRY_S = (0.1, 0.2, 0.5, 1.0)
_LOG = logging.getLogger("dress_rehearsal.target_app.writeback.__main__")


class Writeback:
    """Moves grants from source to table until told to stop, then until the source is empty."""

    def __init__(self, source: Source, rows: Rows) -> None:
        self._source = source
        self._rows = rows
        self._stopping = asyncio.Event()
        self._stop_by_s = float("inf")
        self._setbacks = 0
        self._down = Throttled(_LOG, logging.ERROR)
        self._overflow = _Overflow()

    def stop(self) -> None:
        """Write what is left, then end `run`; after `DRAIN_S` end it in any case."""
        if not self._stopping.is_set():
            self._stop_by_s = time.monotonic() + DRAIN_S
            self._stopping.set()

    async def run(self) -> bool:
        """Return whether everything that could be written was."""
        while time.monotonic() < self._stop_by_s:
            try:
                moved = await self._move()
                if self._stopping.is_set() and await self._source.is_empty(not moved):
                    return True
            except (UnavailableError, RedisError, OSError) as error:
                await self._set_back(error)
        return False

    async def _move(self) -> bool:
        """Move one batch; return whether there was one."""
        batch = await self._source.read()
        kept, dropped = self._overflow.split(batch.entries)
        written = await self._rows.write(batch._replace(entries=kept)) if kept else []
        await self._source.acknowledge(written + dropped)
        self._setbacks = 0
        if batch.entries:
            await self._pause(PAUSE_S)
        return bool(batch.entries)

    async def _set_back(self, error: Exception) -> None:
        self._source.read_again()
        self._down.log("write-back waits", {"reason": str(error), "setbacks": self._setbacks})
        delay_s = _RETRY_S[min(self._setbacks, len(_RETRY_S) - 1)]
        self._setbacks += 1
        await self._pause(delay_s)

    async def _pause(self, delay_s: float) -> None:
        """Wait, in full while draining (what failed may recover), else until told to stop."""
        if self._stopping.is_set():
            await asyncio.sleep(min(delay_s, max(0.0, self._stop_by_s - time.monotonic())))
            return
        try:
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
        except TimeoutError:
            return


class _Overflow:
    """The fault `drop_queue_items`: a queue of so many items a second, which forgets the rest.

    They are acknowledged like the others, and a line in the log is all there is of them.
    """

    def __init__(self) -> None:
        self._second = 0
        self._kept = 0
        self._told = False

    def split(self, entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
        """Return the entries to write, and those to forget."""
        size = int(FAULTS.grade("drop_queue_items"))
        if not size:
            return entries, []
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._kept = second, 0
        room = max(0, size - self._kept)
        self._kept += len(entries[:room])
        if entries[room:] and not self._told:
            _LOG.warning("the queue is full; what comes now is dropped", extra={"size": size})
            self._told = True
        return entries[:room], entries[room:]


def main() -> int:
    """Write until told to stop.

    Return 0 when all was written, 1 when grants are left unwritten, 2 where settings are wrong.
    """
    try:
        settings = Settings.read(environment())
        reached_at(settings.metrics_host)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with json_logs("writeback", settings.log_level) as handler:
        return asyncio.run(_serve(settings, handler))


async def _serve(settings: Settings, handler: LineHandler) -> int:
    services = Services(settings)
    writeback = Writeback(services.source, services.rows)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, writeback.stop)
    flush = flushing(handler)
    flush.start()
    try:
        await services.open()
        announced = announced_metrics("writeback", settings.targets_dir, settings.metrics_host)
        with announced as port:
            _LOG.info("write-back open", extra={"metrics_port": port})
            drained = await writeback.run()
    finally:
        await services.close()
        await flush.stop()
    if drained:
        _LOG.info("write-back closed; every grant that can be written is")
        return 0
    _LOG.error(
        "write-back closed with grants unwritten; they are safe where they wait, start it again"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
