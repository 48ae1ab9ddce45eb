"""`python -m target_app.writeback`: the worker that writes granted tickets to PostgreSQL.

It reads the grants stream in batches, writes each in one transaction, and acknowledges after the
commit. A crash in between is harmless: the batch is read again and its rows are found written.
"""

import asyncio
import logging
import os
import signal
import sys
import time

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from target_app.backlog import Backlog
from target_app.database import Database
from target_app.errors import SettingsError, Unavailable
from target_app.grants import Grants
from target_app.ledger import Ledger
from target_app.logs import LineHandler, Throttled, flushing, json_logs
from target_app.scrape_targets import announced_metrics
from target_app.settings import Settings, read_settings

DRAIN_S = 8.0
PAUSE_S = 0.05  # between batches: lets one fill, so a rush costs 20 commits a second and not 500
_RETRY_S = (0.1, 0.2, 0.5, 1.0)
_LOG = logging.getLogger("target_app.writeback")


class Writeback:
    """Moves grants from stream to table until told to stop, then until the stream is empty."""

    def __init__(self, grants: Grants, ledger: Ledger) -> None:
        self._grants = grants
        self._ledger = ledger
        self._stopping = asyncio.Event()
        self._stop_by_s = float("inf")
        self._setbacks = 0
        self._down = Throttled(_LOG, logging.ERROR)

    def stop(self) -> None:
        """Write what is left, then end `run`; after `DRAIN_S` end it in any case."""
        if not self._stopping.is_set():
            self._stop_by_s = time.monotonic() + DRAIN_S
            self._stopping.set()

    async def run(self) -> bool:
        """Returns whether everything that could be written was."""
        while time.monotonic() < self._stop_by_s:
            try:
                batch = await self._grants.read()
                if batch:
                    written = await self._ledger.write(batch)
                    await self._grants.acknowledge(written)
                elif self._stopping.is_set():
                    return True
            except (Unavailable, RedisError, OSError) as error:
                await self._set_back(error)
                continue
            self._setbacks = 0
            if batch:
                await self._pause(PAUSE_S)
        return False

    async def _set_back(self, error: Exception) -> None:
        self._grants.read_again()
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


def main() -> int:
    """0 when all was written, 1 when grants are left in the stream, 2 where settings are wrong."""
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with json_logs("writeback", settings.log_level) as handler:
        return asyncio.run(_serve(settings, handler))


async def _serve(settings: Settings, handler: LineHandler) -> int:
    redis = Redis.from_url(
        settings.redis_url,
        protocol=2,
        socket_timeout=2.0,
        socket_connect_timeout=1.0,
        retry=Retry(NoBackoff(), 0),
    )
    database = Database(settings.database_dsn, 1, 2.0, "target_app_writeback")
    grants = Grants(redis, settings.event)
    writeback = Writeback(grants, Ledger(database, settings.event, grants.set_aside))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, writeback.stop)
    with announced_metrics("writeback", settings.targets_dir) as port:
        await database.open()
        rounds = (Backlog(redis, settings.event).watching(), flushing(handler))
        for each in rounds:
            each.start()
        _LOG.info("write-back open", extra={"metrics_port": port})
        try:
            drained = await writeback.run()
        finally:
            for each in rounds:
                await each.stop()
            await database.close()
            await redis.aclose()
    if drained:
        _LOG.info("write-back closed; every grant that can be written is")
        return 0
    _LOG.error(
        "write-back closed with grants unwritten; they are safe in the stream, start it again"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
