"""The two pipes to whoever leads a generator: orders come in, what it has to say goes out.

Both carry one JSON object a line.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gevent.os
from gevent.lock import Semaphore

Order = dict[str, Any]


class Lines:
    """Hears and speaks without ever blocking the loop.

    What it says are whole lines, one after the other, whoever says them and is killed meanwhile.

    Args:
        orders: the descriptor that orders come from.
        lines: the descriptor that its own lines go to.
    """

    def __init__(self, orders: int, lines: int) -> None:
        self._orders, self._lines = orders, lines
        self._turn = Semaphore()
        """Whose turn it is to speak."""
        self._unsent = b""
        """What has not been sent of lines that are being said, or that somebody was killed at."""

    def hear(self, take: Callable[[Order], None]) -> None:
        """Hand on orders until there are no more: whoever leads is gone then."""
        gevent.os.make_nonblocking(self._orders)
        waiting = b""
        while chunk := gevent.os.nb_read(self._orders, 4096):
            *lines, waiting = (waiting + chunk).split(b"\n")
            for line in lines:
                take(json.loads(line))

    def say(self, **line: Any) -> bool:
        """Write a line; return whether anybody is there to hear it."""
        with self._turn:
            self._unsent += _line(line)
            try:
                gevent.os.make_nonblocking(self._lines)
                while self._unsent:
                    sent = gevent.os.nb_write(self._lines, self._unsent)
                    self._unsent = self._unsent[sent:]
            except BrokenPipeError:
                self._unsent = b""
                return False
        return True

    def say_last(self, **line: Any) -> None:
        """Write a line, waiting until it is taken; nobody may be there."""
        data, self._unsent = self._unsent + _line(line), b""
        with suppress(BrokenPipeError):
            os.set_blocking(self._lines, True)
            while data:
                data = data[os.write(self._lines, data) :]


def _line(content: Order) -> bytes:
    return (json.dumps(content) + "\n").encode()
