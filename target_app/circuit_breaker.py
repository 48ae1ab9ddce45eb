"""The circuit breaker: stops asking a neighbour that fails, and tries one question now and then."""

import logging
import time
from collections import deque
from collections.abc import Callable

from dress_rehearsal.target_app.telemetry.metrics import BREAKER_OPENED, BREAKER_STATE

WINDOW = 20  # the last answers looked at
ENOUGH = 10  # of them before anything is concluded
FAILED_SHARE = 0.5  # from here on the circuit opens
OPEN_S = 2.0
CLOSED, HALF_OPEN, OPEN = 0, 1, 2
_LOG = logging.getLogger(__name__)


class CircuitBreaker:
    """Closed: all may ask. Open: nobody, for `OPEN_S`. Then half open: one asks, and it decides.

    A caller asks `begin()` for leave and says with `end()` how it went. Answers to questions of an
    earlier state are not counted, so a late one can neither open nor close the circuit.
    `told` is called with a sentence at each opening and closing.
    """

    def __init__(
        self,
        name: str,
        told: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = CLOSED
        self._name = name
        self._told = told
        self._clock = clock
        self._failures: deque[bool] = deque(maxlen=WINDOW)
        self._opened_s = 0.0
        self._period = 0
        self._opened = BREAKER_OPENED.labels(name)
        BREAKER_STATE.labels(name).set_function(lambda: self.state)

    @property
    def refuses(self) -> bool:
        """Whether `begin` would say no just now."""
        if self.state == OPEN:
            return self._clock() - self._opened_s < OPEN_S
        return self.state == HALF_OPEN

    def begin(self) -> int | None:
        """Return leave to ask, to be handed to `end`; None where nobody is to ask."""
        if self.refuses:
            return None
        if self.state == OPEN:
            self._enter(HALF_OPEN)
        return self._period

    def end(self, leave: int, *, failed: bool) -> None:
        """Say how the question went for which `begin` gave `leave`."""
        if leave != self._period:
            return
        if self.state == HALF_OPEN:
            self._open() if failed else self._close()
            return
        self._failures.append(failed)
        seen = len(self._failures)
        if seen >= ENOUGH and sum(self._failures) >= FAILED_SHARE * seen:
            self._open()

    def _open(self) -> None:
        if self.state == CLOSED:
            self._opened.inc()
            self._say(f"{self._name} fails too often; it is not asked, but for one trial at a time")
        self._opened_s = self._clock()
        self._enter(OPEN)

    def _close(self) -> None:
        self._say(f"{self._name} answers again; it is asked as before")
        self._enter(CLOSED)

    def _enter(self, state: int) -> None:
        self.state = state
        self._period += 1
        self._failures.clear()

    def _say(self, sentence: str) -> None:
        _LOG.warning(sentence)
        self._told(sentence)
