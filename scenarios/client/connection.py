"""One HTTP/1.1 keep-alive connection on a gevent loop, with the kernel's receive times.

Linux stamps received TCP data when it arrives (`SO_TIMESTAMPNS`, see socket(7)); `recvmsg` hands
the stamp over with the data, so the time an answer spent waiting for this process to read it is
known and kept out of the latency. A request is written once: nothing here ever sends it again.
"""

import errno
import os
import select
import socket
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import gevent
from gevent import get_hub, monkey

from dress_rehearsal.records.stamps import SO_TIMESTAMPNS
from dress_rehearsal.records.tables import NO_FREE_PORT, NS_PER_S
from dress_rehearsal.scenarios.client.deadline import Deadline
from dress_rehearsal.scenarios.client.http import Answer, Request
from dress_rehearsal.scenarios.client.local_address import LocalAddresses
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.errors import NotAnsweredError, NotSentError, NotUnderstoodError

KERNEL_TIMES: Final = sys.platform == "linux"
"""Whether receive times come from the kernel; elsewhere they are the time of reading."""

_TIMESPEC: Final = struct.Struct("@qq")
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_TIMESPEC.size)
_READ_BYTES: Final = 16_384
_READ, _WRITE = 1, 2
_WORDS: Final = {
    errno.ECONNREFUSED: "connect_refused",
    errno.ECONNRESET: "connection_reset",
    errno.EPIPE: "connection_lost",
    errno.EADDRNOTAVAIL: NO_FREE_PORT,
    errno.EMFILE: "too_many_files",
    errno.ENFILE: "too_many_files",
}
# gevent's patched class would add its own waiting; this file does it itself.
_PlainSocket: Final[Any] = monkey.get_original("socket", "socket")
_plain_poll: Final[Any] = monkey.get_original("select", "poll")
HEARTBEAT_S: Final = 10.0
"""How often a stream of server-sent events shows at least a sign of life."""


@dataclass(slots=True)
class Exchange:
    """What one request went through; times in ns since the epoch, None where not reached."""

    sent_ns: int | None = None
    """First packet: the request's on an open connection, else the connection's own (SYN)."""
    first_byte_ns: int | None = None
    done_ns: int | None = None
    read_ns: int | None = None
    connect_us: int | None = None
    new_connection: bool = False
    bytes_read: int = 0
    """Of the answer, head and body, as far as it came."""
    answer: Answer | None = None
    error: str | None = None


class Connection:
    """A student's connection to the target, opened when first needed.

    Args:
        address: host and port of the target.
        timeout_s: bound on connecting plus answering.
        local: says where the connection is to come from; None: whichever address the kernel takes.
    """

    __slots__ = (
        "_address",
        "_busy",
        "_ending",
        "_local",
        "_readable",
        "_socket",
        "_timeout_s",
        "_unasked",
    )

    def __init__(
        self, address: tuple[str, int], timeout_s: float, local: LocalAddresses | None = None
    ) -> None:
        self._address = address
        self._local = local
        self._timeout_s = timeout_s
        self._socket: Any = None
        self._readable: Any = None
        self._unasked: Any = None
        self._busy = False
        self._ending: EventStream | None = None
        """A stream that has decided, and whose end has not been read yet."""

    @property
    def is_open(self) -> bool:
        """Whether there is a socket (the far end may have closed it meanwhile)."""
        return self._socket is not None

    def exchange(
        self,
        request: Request,
        trace: bytes,
        into: Exchange,
        give_up_ns: int | None = None,
        stream: EventStream | None = None,
    ) -> Answer:
        """Send one request and read its whole answer, noting every time in `into`.

        Args:
            give_up_ns: stop waiting then, if that comes before the time-out.
            stream: takes the answer in if it is to be one of server-sent events. The time-out
                then bounds the wait for its head, and how overdue a heartbeat may be after that;
                reading ends with the event that decides.

        Raises:
            NotSentError: the connection could not be made; nothing left.
            NotAnsweredError: it was sent, then the connection was cut or the time ran out.
            NotUnderstoodError: the answer is not HTTP/1.1, or more than anybody takes in.
        """
        if self._busy:
            raise RuntimeError("a connection carries one exchange at a time")
        self._busy = True
        deadline = Deadline(self._timeout_s, give_up_ns)
        try:
            self._ready(into)
            self._send(request, trace, into)
            answer = self._receive(into, stream, deadline)
        except gevent.Timeout as stop:
            self.close()
            if stop is not deadline.timeout:
                raise
            connecting = into.new_connection and into.connect_us is None
            if connecting and deadline.word == "timeout":
                raise NotSentError("connect_timeout") from stop
            raise NotAnsweredError(deadline.word) from stop
        except BaseException:
            self.close()
            raise
        finally:
            deadline.close()
            self._busy = False
        if answer.keep_alive:
            self._ending = None if stream is None or stream.whole else stream
        else:
            self.close()
        return answer

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self._socket is not None:
            self._readable.stop()
            self._readable.close()
            self._socket.close()
            self._socket = self._readable = self._unasked = None
        if self._ending is not None:
            self._ending.drop()
            self._ending = None

    def _ready(self, into: Exchange) -> None:
        """Have an open connection: a closed one is noticed before, not by, sending on it.

        So is one on which something came unasked: it would be taken for the answer.
        """
        if self._ending is not None:
            self._read_end(self._ending)
        if self._socket is not None and self._unasked.poll(0):
            self.close()
        if self._socket is None:
            into.new_connection = True
            into.sent_ns = time.time_ns()
            self._connect()
            into.connect_us = (time.time_ns() - into.sent_ns) // 1000

    def _read_end(self, stream: EventStream) -> None:
        """Read the end of a stream that had decided; hang up on one that goes on."""
        with suppress(OSError, NotUnderstoodError):
            rest = self._socket.recv(_READ_BYTES)
            if rest:
                stream.feed(rest)
        if stream.whole and stream.keep_alive:
            self._ending = None
        else:
            self.close()

    def _connect(self) -> None:
        try:
            family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
            plain = _PlainSocket(family, socket.SOCK_STREAM)
            try:
                self._reach(plain)
            except BaseException:
                plain.close()
                raise
        except OSError as error:
            raise NotSentError(_word(error, "connect_failed")) from error
        self._socket = plain
        self._readable = get_hub().loop.io(plain.fileno(), _READ)
        self._unasked = _plain_poll()
        self._unasked.register(plain.fileno(), select.POLLIN)

    def _reach(self, plain: Any) -> None:
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if KERNEL_TIMES:
            plain.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        if self._local is not None:
            self._local.bind(plain)
        code = plain.connect_ex(self._address)
        if code == errno.EINPROGRESS:
            _await_writable(plain)
            code = plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def _send(self, request: Request, trace: bytes, into: Exchange) -> None:
        now_ns = time.time_ns()
        data = request.wire(trace, now_ns)
        if into.sent_ns is None:
            into.sent_ns = now_ns
        try:
            sent = self._socket.send(data)
            while sent < len(data):
                _await_writable(self._socket)
                sent += self._socket.send(data[sent:])
        except OSError as error:
            raise NotAnsweredError(_word(error, "connection_lost")) from error

    def _receive(self, into: Exchange, stream: EventStream | None, deadline: Deadline) -> Answer:
        answer = Answer() if stream is None else stream
        wait, readable = get_hub().wait, self._readable
        while not answer.complete:
            wait(readable)
            self._take_in(answer, into)
            if answer.complete:
                break
            deadline.check()
            if stream is not None:
                deadline.renew(self._timeout_s + HEARTBEAT_S)
        into.answer = answer
        return answer

    def _take_in(self, answer: Answer, into: Exchange) -> None:
        """Read what is there, with the time it arrived."""
        try:
            if KERNEL_TIMES:
                data, ancillary, _, _ = self._socket.recvmsg(_READ_BYTES, _ANCILLARY_BYTES)
            else:
                data, ancillary = self._socket.recv(_READ_BYTES), ()
        except BlockingIOError:
            return
        except OSError as error:
            raise NotAnsweredError(_word(error, "connection_lost")) from error
        into.read_ns = time.time_ns()
        if not data:
            raise NotAnsweredError("connection_lost")
        into.bytes_read += len(data)
        into.done_ns = into.read_ns
        for level, kind, stamp in ancillary:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack(stamp)
                # The two clocks agree to some microseconds; reading is never before arriving.
                into.done_ns = min(seconds * NS_PER_S + nanoseconds, into.read_ns)
        if into.first_byte_ns is None:
            into.first_byte_ns = into.done_ns
        answer.feed(data)


def _await_writable(plain: Any) -> None:
    writable = get_hub().loop.io(plain.fileno(), _WRITE)
    try:
        get_hub().wait(writable)
    finally:
        writable.close()


def _word(error: OSError, otherwise: str) -> str:
    return _WORDS.get(error.errno or 0, otherwise)
