"""Writing to the disk in a native thread, so that the loop and its students go on meanwhile."""

from collections.abc import Callable
from typing import Any

from gevent import get_hub
from gevent.event import AsyncResult

from records import RecordError


class Writer:
    """Does one write after the other, also when whoever waited for one was killed meanwhile."""

    def __init__(self) -> None:
        self._last: AsyncResult[RecordError | None] | None = None

    def do(self, write: Callable[..., RecordError | None], *arguments: Any) -> RecordError | None:
        """Call `write` once nothing else is being written; gives what it gives, when it is done."""
        self.wait()
        self._last = get_hub().threadpool.spawn(write, *arguments)
        return self.wait()

    def wait(self) -> RecordError | None:
        """Wait for the last write; gives what it gave, None where there was none."""
        return None if self._last is None else self._last.get()
