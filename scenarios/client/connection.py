"""One HTTP/1.1 keep-alive connection on a gevent loop, with the kernel's receive times.

The time an answer spent waiting for this process to read it is known and kept out of the latency,
through TLS too. A request is written once: nothing here ever sends it again.
"""

import select
import time
from contextlib import suppress
from typing import Any, Final

from gevent import get_hub, getcurrent, monkey

from dress_rehearsal.scenarios.client.deadline import Deadline, ExpiredError
from dress_rehearsal.scenarios.client.exchange import Exchange, take_in, take_in_records
from dress_rehearsal.scenarios.client.http import Answer, HeadAnswer, Request
from dress_rehearsal.scenarios.client.local_address import LocalAddresses
from dress_rehearsal.scenarios.client.scheduler import scheduler
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.client.tls import Secure, TlsSession
from dress_rehearsal.scenarios.client.tunnel import open_tunnel, shake_hands
from dress_rehearsal.scenarios.client.wire import (
    READ,
    READ_BYTES,
    connected,
    send,
    word_of,
)
from dress_rehearsal.scenarios.errors import NotAnsweredError, NotSentError, NotUnderstoodError

_plain_poll: Final[Any] = monkey.get_original("select", "poll")
_RECORDS: Final = 8
"""Reads of what came unasked through TLS, which may be its own business, until it is too much."""
HEARTBEAT_S: Final = 10.0
"""How often a stream of server-sent events shows at least a sign of life."""


class Connection:
    """A student's connection to the target, opened when first needed.

    Args:
        address: host and port of the target.
        timeout_s: bound on connecting plus answering.
        local: says where the connection is to come from; None: whichever address the kernel takes.
        secure: what stands between it and an https origin; None: it speaks plain HTTP.
    """

    __slots__ = (
        "_address",
        "_busy",
        "_ending",
        "_hub",
        "_local",
        "_readable",
        "_reader",
        "_scheduler",
        "_secure",
        "_socket",
        "_timeout_s",
        "_tls",
        "_unasked",
    )

    def __init__(
        self,
        address: tuple[str, int],
        timeout_s: float,
        local: LocalAddresses | None = None,
        secure: Secure | None = None,
    ) -> None:
        self._address = address
        self._local = local
        self._secure = secure
        self._tls: TlsSession | None = None
        self._timeout_s = timeout_s
        self._socket: Any = None
        self._readable: Any = None
        self._reader: Any = None
        """The greenlet that waits for something to read."""
        self._unasked: Any = None
        self._busy = False
        self._ending: EventStream | None = None
        """A stream that has decided, and whose end has not been read yet."""

    @property
    def is_open(self) -> bool:
        """Whether there is a socket (the far end may have closed it meanwhile)."""
        return self._socket is not None

    @property
    def is_busy(self) -> bool:
        """Whether an exchange is under way."""
        return self._busy

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
            NotSentError: the connection could not be made, or nothing may be sent; nothing left.
            NotAnsweredError: it was sent, then the connection was cut or the time ran out.
            NotUnderstoodError: the answer is not HTTP/1.1, or more than anybody takes in.
        """
        if request.refused is not None:
            raise NotSentError(request.refused)
        if self._busy:
            raise RuntimeError("a connection carries one exchange at a time")
        self._busy = True
        deadline = Deadline(self._timeout_s, give_up_ns)
        try:
            self._ready(into)
            self._send(request, trace, into)
            answer = self._receive(request, into, stream, deadline)
        except ExpiredError as stop:
            self.close()
            if stop is not deadline.expired:
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
            if self._tls is not None:
                with suppress(OSError):
                    self._socket.send(self._tls.bid_farewell())
                self._tls = None
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
        if self._socket is not None and self._unasked.poll(0) and not self._is_its_own_business():
            self.close()
        if self._socket is None:
            into.new_connection = True
            into.sent_ns = time.time_ns()
            self._connect()
            into.connect_us = (time.time_ns() - into.sent_ns) // 1000

    def _is_its_own_business(self) -> bool:
        """Return whether what came unasked is TLS's own, such as the tickets of sessions."""
        if self._tls is None:
            return False
        try:
            for _ in range(_RECORDS):
                self._tls.take_in(self._socket.recv(READ_BYTES))
                if next(self._tls.plain(), None) is not None:
                    return False
                if not self._unasked.poll(0):
                    return not self._tls.is_amid_a_record
        except OSError:
            pass  # it has ended, or is broken: either way it carries nothing more
        return False

    def _read_end(self, stream: EventStream) -> None:
        """Read the end of a stream that had decided; hang up on one that goes on."""
        if self._tls is None:
            with suppress(OSError, NotUnderstoodError):
                rest = self._socket.recv(READ_BYTES)
                if rest:
                    stream.feed(rest)
        if stream.whole and stream.keep_alive:
            self._ending = None
        else:
            self.close()

    def _connect(self) -> None:
        try:
            plain = connected(self._address, self._local)
        except OSError as error:
            raise NotSentError(word_of(error, "connect_failed")) from error
        self._socket = plain
        self._hub, self._scheduler = get_hub(), scheduler()
        self._readable = self._hub.loop.io(plain.fileno(), READ)
        self._unasked = _plain_poll()
        self._unasked.register(plain.fileno(), select.POLLIN)
        if self._secure is not None:
            if self._secure.tunnel:
                open_tunnel(plain, self._readable, self._secure.tunnel)
            self._tls = shake_hands(plain, self._readable, self._secure)

    def _send(self, request: Request, trace: bytes, into: Exchange) -> None:
        now_ns = time.time_ns()
        data = request.wire(trace, now_ns)
        if into.sent_ns is None:
            into.sent_ns = now_ns
        try:
            if self._tls is not None:
                self._tls.write(data)
                data = self._tls.outgoing()
            sent = self._socket.send(data)
            if sent < len(data):
                send(self._socket, data[sent:])
        except OSError as error:
            raise NotAnsweredError(word_of(error, "connection_lost")) from error

    def _receive(
        self, request: Request, into: Exchange, stream: EventStream | None, deadline: Deadline
    ) -> Answer:
        answer: Answer
        if stream is not None:
            answer = stream
        else:
            answer = HeadAnswer() if request.head.startswith(b"HEAD ") else Answer()
        while not answer.complete:
            self._await_readable(deadline)
            if self._tls is None:
                arrived_ns = take_in(self._socket, answer, into)
            else:
                arrived_ns = take_in_records(self._socket, self._tls, answer, into)
            if deadline.is_over and not deadline.was_kept(arrived_ns):
                raise NotAnsweredError(deadline.word)
            if stream is not None and arrived_ns and not stream.complete:
                deadline.renew(self._timeout_s + HEARTBEAT_S)
        into.answer = answer
        return answer

    def _await_readable(self, deadline: Deadline) -> None:
        """Wait until there is something to read; once the time is up, only for what is there.

        Raises:
            NotAnsweredError: the time is up, and nothing is.
        """
        if not deadline.is_over:
            self._reader = getcurrent()
            self._readable.start(self._wake)
            try:
                while self._reader is not None:
                    self._hub.switch()
            except ExpiredError as stop:
                if stop is not deadline.expired:
                    raise
            else:
                return
            finally:
                self._reader = None
                if self._readable is not None:
                    self._readable.stop()
        if self._unasked is None or not self._unasked.poll(0):  # somebody may have hung up
            raise NotAnsweredError(deadline.word)

    def _wake(self) -> None:
        """Have who waits read what is there when it is its turn."""
        self._readable.stop()
        self._scheduler.soon(self._read_on)

    def _read_on(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:  # its time may have been up meanwhile
            reader.switch()
