"""The line under a connection: a socket to the far end, and TLS over it where there is any."""

import select
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from socket import SOL_SOCKET
from typing import Any, Final, Self

from gevent import monkey

from dress_rehearsal.records.stamps import SO_TIMESTAMPNS
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.client.local_address import LocalAddresses
from dress_rehearsal.scenarios.client.readiness import Watched
from dress_rehearsal.scenarios.client.scheduler import Scheduler
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.client.tls import Secure, TlsSession
from dress_rehearsal.scenarios.client.tunnel import open_tunnel, shake_hands
from dress_rehearsal.scenarios.client.wire import (
    ANCILLARY_BYTES,
    READ_BYTES,
    TIMESPEC,
    connected,
    send,
    word_of,
)
from dress_rehearsal.scenarios.errors import NotAnsweredError, NotSentError, NotUnderstoodError

_plain_poll: Final[Any] = monkey.get_original("select", "poll")
_timespec: Final = TIMESPEC.unpack
_RECORDS: Final = 8
"""Reads of what came unasked through TLS, which may be its own business, until it is too much."""


class Line:
    """An open line.

    Args:
        watched: is told by the loop when there is something to read.
    """

    __slots__ = ("_scheduler", "_tls", "plain")

    def __init__(self, plain: Any, scheduler: Scheduler, watched: Watched) -> None:
        self.plain = plain
        """The socket."""
        self._tls: TlsSession | None = None
        self._scheduler = scheduler
        scheduler.watch(plain.fileno(), watched)

    @classmethod
    def opened(
        cls,
        address: tuple[str, int],
        local: LocalAddresses | None,
        scheduler: Scheduler,
        watched: Watched,
    ) -> Self:
        """Return a new line to an address.

        Raises:
            NotSentError: there is none.
        """
        scheduler.hurried += 1
        try:
            plain = connected(address, local)
        except OSError as error:
            raise NotSentError(word_of(error, "connect_failed")) from error
        finally:
            scheduler.hurried -= 1
        return cls(plain, scheduler, watched)

    def secure(self, secure: Secure, await_turn: Callable[[], None]) -> None:
        """Have it go through a proxy's tunnel, if there is one, and through TLS.

        Args:
            await_turn: waits until there is something to read.

        Raises:
            NotSentError: it does not.
        """
        self._scheduler.hurried += 1
        try:
            if secure.tunnel:
                open_tunnel(self.plain, await_turn, secure.tunnel)
            self._tls = shake_hands(self.plain, await_turn, secure)
        finally:
            self._scheduler.hurried -= 1

    def has_something(self) -> bool:
        """Return whether there is something to read, if only that the far end has hung up."""
        poll = _plain_poll()  # one that is kept would be as large as all else of a line
        poll.register(self.plain.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def carries_more(self) -> bool:
        """Return whether it carries another request, after something came that nobody asked for.

        It does where that is TLS's own business, such as the tickets of sessions.
        """
        if self._tls is None:
            return False
        try:
            for _ in range(_RECORDS):
                self._tls.take_in(self.plain.recv(READ_BYTES))
                if next(self._tls.plain(), None) is not None:
                    return False
                if not self.has_something():
                    return not self._tls.is_amid_a_record
        except OSError:
            pass  # it has ended, or is broken: either way it carries nothing more
        return False

    def read_end(self, stream: EventStream) -> bool:
        """Read the end of a stream that had decided; return whether that was all of it."""
        if self._tls is None:
            with suppress(OSError, NotUnderstoodError):
                rest = self.plain.recv(READ_BYTES)
                if rest:
                    stream.feed(rest)
        return stream.whole and stream.keep_alive

    def send(self, data: bytes) -> bytes:
        """Send bytes; return what of them could not be sent at once, as it is to be sent on.

        Raises:
            NotAnsweredError: the line is broken.
        """
        try:
            if self._tls is not None:
                self._tls.write(data)
                data = self._tls.outgoing()
            sent = self.plain.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise NotAnsweredError(word_of(error, "connection_lost")) from error
        return b"" if sent == len(data) else data[sent:]

    def send_rest(self, rest: bytes) -> None:
        """Send what could not be sent at once, and wait for it.

        Raises:
            NotAnsweredError: the line is broken.
        """
        self._scheduler.hurried += 1
        try:
            send(self.plain, rest)
        except OSError as error:
            raise NotAnsweredError(word_of(error, "connection_lost")) from error
        finally:
            self._scheduler.hurried -= 1

    def take_in(self, answer: Answer, into: Exchange) -> int:
        """Read what is there; return when it arrived (Unix ns), 0 where there is nothing.

        Through TLS, what a read brought counts with the time that it arrived at, if it completed
        a record: of a record whose end has not come nothing can be known.

        Raises:
            NotAnsweredError: the line is broken.
            NotUnderstoodError: what came is not HTTP/1.1, or more than anybody takes in.
        """
        try:
            data, ancillary, _, _ = self.plain.recvmsg(READ_BYTES, ANCILLARY_BYTES)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise NotAnsweredError(word_of(error, "connection_lost")) from error
        into.read_ns = at_ns = time.time_ns()
        for level, kind, stamp in ancillary:
            if kind == SO_TIMESTAMPNS and level == SOL_SOCKET:
                seconds, nanoseconds = _timespec(stamp)
                at_ns = seconds * NS_PER_S + nanoseconds
                if at_ns > into.read_ns:  # two clocks, which agree to some microseconds
                    at_ns = into.read_ns
        if self._tls is not None:
            self._take_in_records(self._tls, data, at_ns, answer, into)
        elif data:
            into.take_in(data, at_ns, answer)
        else:
            into.end(answer)
        return at_ns

    def _take_in_records(
        self, tls: TlsSession, data: bytes, at_ns: int, answer: Answer, into: Exchange
    ) -> None:
        try:
            tls.take_in(data)
            for part in tls.plain():
                if answer.complete:  # bytes that nobody asked for
                    answer.keep_alive = False
                    break
                if not part:
                    into.end(answer)
                    break
                into.take_in(part, at_ns, answer)
            reply = tls.outgoing()
            if reply and self.plain.send(reply) != len(reply):  # of TLS itself: it takes new keys
                raise BlockingIOError
        except OSError as error:
            if not answer.complete:
                raise NotAnsweredError(_word_through_tls(error)) from error
            answer.keep_alive = False  # what fails after it costs the line, and not the answer

    def close(self) -> None:
        """Hang up."""
        if self._tls is not None:
            with suppress(OSError):
                self.plain.send(self._tls.bid_farewell())
        self._scheduler.forget(self.plain.fileno())
        self.plain.close()


def _word_through_tls(error: OSError) -> str:
    """Return the word in `error` for what became of a line through TLS."""
    if isinstance(error, ssl.SSLEOFError):
        return "connection_lost"
    if isinstance(error, ssl.SSLError | BlockingIOError):
        return "tls_broken"
    return word_of(error, "connection_lost")
