"""The line under a connection: a socket to the far end, and TLS over it where there is any."""

import select
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Self

from gevent import monkey

from dress_rehearsal.scenarios.client.exchange import Exchange, take_in, take_in_records
from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.client.local_address import LocalAddresses
from dress_rehearsal.scenarios.client.readiness import Watched
from dress_rehearsal.scenarios.client.scheduler import Scheduler
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.client.tls import Secure, TlsSession
from dress_rehearsal.scenarios.client.tunnel import open_tunnel, shake_hands
from dress_rehearsal.scenarios.client.wire import READ_BYTES, connected, send, word_of
from dress_rehearsal.scenarios.errors import NotAnsweredError, NotSentError, NotUnderstoodError

_plain_poll: Final[Any] = monkey.get_original("select", "poll")
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
        """Read what is there (see `exchange.take_in`)."""
        if self._tls is None:
            return take_in(self.plain, answer, into)
        return take_in_records(self.plain, self._tls, answer, into)

    def close(self) -> None:
        """Hang up."""
        if self._tls is not None:
            with suppress(OSError):
                self.plain.send(self._tls.bid_farewell())
        self._scheduler.forget(self.plain.fileno())
        self.plain.close()
