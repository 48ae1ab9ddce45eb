"""An action run again and again in the background, until it is stopped for certain."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

_LOG = logging.getLogger(__name__)


class Periodic:
    """Runs `action`, waits `period_s`, and so on. An error is logged, and it goes on."""

    def __init__(self, name: str, period_s: float, action: Callable[[], Awaitable[object]]) -> None:
        self._name = name
        self._period_s = period_s
        self._action = action
        self.stopped = False
        """Whether an action that waits without end must do so no longer: its cancellation may
        have been lost (see `_run`)."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start on the running loop, with the action at once."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Stop and wait until the action under way has ended."""
        self.stopped = True
        if self._task is None:
            return
        self._task.cancel()
        try:
            await self._task
        except asyncio.CancelledError:
            if not self._task.cancelled():
                raise

    async def _run(self) -> None:
        while True:
            try:
                await self._action()
            except Exception:  # noqa: BLE001 (whatever it is, it is logged and tried again)
                _LOG.exception("%s failed; it is tried again in %g s", self._name, self._period_s)
            # Cancelling is not enough: up to Python 3.11 `asyncio.wait_for`, which the clients of
            # the stores use, loses a cancellation that comes as the answer does.
            if self.stopped:
                return
            await asyncio.sleep(self._period_s)
