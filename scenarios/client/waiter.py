"""A waiter: who has begun something that the loop ends, and is woken once, by the end."""

from typing import Any, Final

from gevent import Greenlet, get_hub

_switch_to: Final = Greenlet.switch
"""Switches to a greenlet; a hub's own `switch` first asks who leaves whether there is a hook."""


class Waiter:
    """Holds who waits, one at a time."""

    __slots__ = ("_caller", "_failure", "_hub", "_waits")

    def __init__(self) -> None:
        self._hub = get_hub()
        self._caller: Any = None
        """Whose greenlet has begun something; None: there is nothing under way."""
        self._waits = False
        """Whether that waits to be woken by the loop."""
        self._failure: Exception | None = None
        """Why it has ended without what was waited for."""

    def _wait(self) -> None:
        """Wait to be woken by the loop.

        Raises:
            Exception: why it is over.
        """
        self._waits = True
        hub = self._hub
        try:
            while self._waits:
                _switch_to(hub)
        finally:
            self._waits = False
        if self._failure is not None:
            raise self._failure

    def _end(self, failure: Exception | None = None) -> None:
        """Wake who waits."""
        self._failure, self._waits = failure, False
        self._caller.switch()
