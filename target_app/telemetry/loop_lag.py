"""Event-loop lag: how late the loop runs a timer, read from outside even while it is blocked."""

import asyncio
import time
from collections import deque

from dress_rehearsal.target_app.periodic import Periodic
from dress_rehearsal.target_app.telemetry.metrics import LOOP_LAG

PERIOD_S = 0.05
WINDOW_S = 0.5


class LoopLag:
    """Keeps the lags of the last half second and shows the worst of them."""

    def __init__(self) -> None:
        self._lags_s: deque[float] = deque(maxlen=int(WINDOW_S / PERIOD_S))
        self._due_s = float("inf")
        self._periodic = Periodic("loop-lag", 0.0, self._measure)

    def start(self) -> None:
        """Start measuring the running loop."""
        self._periodic.start()
        LOOP_LAG.set_function(self.worst_s)

    async def stop(self) -> None:
        """Stop measuring."""
        await self._periodic.stop()

    def worst_s(self) -> float:
        """Return the worst lag of the window in seconds; a timer overdue right now counts."""
        return max((*self._lags_s, time.monotonic() - self._due_s, 0.0))

    async def _measure(self) -> None:
        self._due_s = time.monotonic() + PERIOD_S
        await asyncio.sleep(PERIOD_S)
        self._lags_s.append(max(0.0, time.monotonic() - self._due_s))
