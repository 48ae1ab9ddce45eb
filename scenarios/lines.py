"""The two pipes to whoever leads a generator: orders come in, what it has to say goes out.

Both carry one JSON object a line.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gevent.os

Order = dict[str, Any]


class Lines:
    """Hears and speaks without ever blocking the loop.

    Args:
        orders: the descriptor that orders come from.
        lines: the descriptor that its own lines go to.
    """

    def __init__(self, orders: int, lines: int) -> None:
        self._orders, self._lines = orders, lines

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
        data = _line(line)
        try:
            gevent.os.make_nonblocking(self._lines)
            while data:
                data = data[gevent.os.nb_write(self._lines, data) :]
        except BrokenPipeError:
            return False
        return True

    def say_last(self, **line: Any) -> None:
        """Write a line, waiting until it is taken; nobody may be there."""
        with suppress(BrokenPipeError):
            os.set_blocking(self._lines, True)
            os.write(self._lines, _line(line))


def _line(content: Order) -> bytes:
    return (json.dumps(content) + "\n").encode()
