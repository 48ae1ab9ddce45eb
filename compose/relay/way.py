"""One way through a relay: what comes in goes out later, in the same order."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from dress_rehearsal.compose.relay.impairment import RETRANSMIT_S, Impairment

MOST_WAITING_BYTES: Final = 16 * 2**20
"""What may be under way at once: no more is read until less is, as with a TCP window."""
_RESET_WHEN_CLOSED: Final = struct.pack("ii", 1, 0)

End = Literal["eof", "reset"]
"""How a sender ends: it sends nothing more, or takes the connection down."""


@dataclass(slots=True)
class _UnderWay:
    what: bytes | End
    due_s: float
    again_s: float = 0.0
    """Above zero: a packet of it was lost, and this is when TCP waits for after the next loss."""


class Way:
    """From one end of a connection to the other.

    Args:
        source: whom it comes from; asked to send no more while too much is under way.
        sink: whom it goes to.
        on_end: called once the sender's last byte has come out.
    """

    def __init__(
        self,
        impairment: Impairment,
        source: asyncio.Transport,
        sink: asyncio.Transport,
        on_end: Callable[[], None],
    ) -> None:
        self._impairment = impairment
        self._source, self._sink, self._on_end = source, sink, on_end
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_UnderWay] = deque()
        self._waiting_bytes = 0
        self._sink_full = False
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None

    def send(self, what: bytes | End) -> None:
        """Take something in; it comes out after everything before it."""
        if not isinstance(what, bytes):
            self._closing = True
        if not self._waiting and self._impairment.is_off:
            self._deliver(what)
            return
        now = self._loop.time()
        one = _UnderWay(what, now + self._impairment.one_way_s())
        if self._impairment.loses(len(what) if isinstance(what, bytes) else 1):
            one.due_s += RETRANSMIT_S
            one.again_s = 2 * RETRANSMIT_S
        self._waiting.append(one)
        if isinstance(what, bytes):
            self._waiting_bytes += len(what)
            self._hold_or_go_on()
        self._look_later()

    def sink_is(self, *, full: bool) -> None:
        """Take note whether the one that it goes to can take no more for now."""
        self._sink_full = full
        self._hold_or_go_on()

    def drop(self) -> None:
        """Forget what is under way: there is nobody left that it could go to."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _look_later(self) -> None:
        if self._timer is None and self._waiting:
            self._timer = self._loop.call_at(self._waiting[0].due_s, self._look)

    def _look(self) -> None:
        """Let out what is due, first come first; a loss holds up all that comes after it."""
        self._timer = None
        while self._waiting and self._waiting[0].due_s <= self._loop.time():
            first = self._waiting[0]
            if first.again_s and self._impairment.loses():  # what was sent again is lost again
                first.due_s += first.again_s
                first.again_s *= 2
                continue
            self._waiting.popleft()
            self._deliver(first.what)
            if isinstance(first.what, bytes):
                self._waiting_bytes -= len(first.what)
                self._hold_or_go_on()
        self._look_later()

    def _deliver(self, what: bytes | End) -> None:
        if isinstance(what, bytes):
            self._sink.write(what)
        elif what == "reset":
            reset(self._sink)
        elif not self._sink.is_closing():
            self._sink.write_eof()
            self._on_end()

    def _hold_or_go_on(self) -> None:
        if self._closing:  # reading on after its end would find the end once more
            return
        if self._sink_full or self._waiting_bytes > MOST_WAITING_BYTES:
            self._source.pause_reading()
        else:
            self._source.resume_reading()


def reset(transport: asyncio.Transport) -> None:
    """Take a connection down so that the other side hears of it (RST)."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_WHEN_CLOSED)
    transport.abort()
