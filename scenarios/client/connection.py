"""One HTTP/1.1 keep-alive connection on a gevent loop, with the kernel's receive times.

The time an answer spent waiting for this process to read it is known and kept out of the latency,
through TLS too. A request is written once: nothing here ever sends it again.

The loop itself sends what is due and reads what has come; whoever asked is woken once, by the end.
"""

import select
import time
from contextlib import suppress
from typing import Any, Final

from gevent import get_hub, getcurrent, monkey

from dress_rehearsal.records.tables import ABANDONED, NS_PER_S
from dress_rehearsal.scenarios.client.deadline import ExpiredError
from dress_rehearsal.scenarios.client.exchange import Exchange, take_in, take_in_records
from dress_rehearsal.scenarios.client.http import Answer, HeadAnswer, Request
from dress_rehearsal.scenarios.client.local_address import LocalAddresses
from dress_rehearsal.scenarios.client.readiness import SOMETHING
from dress_rehearsal.scenarios.client.scheduler import Timer, scheduler
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.client.tls import Secure, TlsSession
from dress_rehearsal.scenarios.client.tunnel import open_tunnel, shake_hands
from dress_rehearsal.scenarios.client.wire import READ_BYTES, connected, send, word_of
from dress_rehearsal.scenarios.errors import (
    NotAnsweredError,
    NotSentError,
    NotUnderstoodError,
)

_plain_poll: Final[Any] = monkey.get_original("select", "poll")
_RECORDS: Final = 8
"""Reads of what came unasked through TLS, which may be its own business, until it is too much."""
_FRESH_NS: Final = 5_000_000
"""Before that much time has passed since an answer nobody looks again whether the connection has
been closed: who does that so soon has said so in the answer."""
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
        "_answer",
        "_caller",
        "_ending",
        "_expired",
        "_failure",
        "_give_up_ns",
        "_hub",
        "_into",
        "_limit_ns",
        "_local",
        "_prepared",
        "_read_ns",
        "_rest",
        "_scheduler",
        "_secure",
        "_socket",
        "_timeout_ns",
        "_timer",
        "_tls",
        "_unasked",
        "_waits",
        "_word",
        "stirred",
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
        self._timeout_ns = round(timeout_s * NS_PER_S)
        self._hub, self._scheduler = get_hub(), scheduler()
        self._socket: Any = None
        self._tls: TlsSession | None = None
        self._unasked: Any = None
        self.stirred = 0
        """Whether something may have come that was not read (see `readiness.Watched`)."""
        self._read_ns = 0
        """When the last answer was read (Unix)."""
        self._ending: EventStream | None = None
        """A stream that has decided, and whose end has not been read yet."""
        # Of the exchange under way:
        self._caller: Any = None
        """Whose it is: a greenlet."""
        self._waits = False
        """Whether that waits to be woken by the loop."""
        self._prepared: tuple[Request, bytes, Exchange] | None = None
        """What is to be sent when it is due."""
        self._rest = b""
        """What could not be sent at once then."""
        self._into: Exchange | None = None
        """Set once it is sent, until it is over."""
        self._answer: Answer | None = None
        """What its answer is to be put together in, if that is no usual one."""
        self._failure: Exception | None = None
        """Why it has ended without an answer."""
        self._timer: Timer | None = None
        self._limit_ns = 0
        """When its time is up (monotonic)."""
        self._give_up_ns: int | None = None
        self._word = ""
        """Which bound that is."""
        self._expired: ExpiredError | None = None
        """What was thrown at who was still busy with connecting or sending then."""

    @property
    def is_open(self) -> bool:
        """Whether there is a socket (the far end may have closed it meanwhile)."""
        return self._socket is not None

    @property
    def is_busy(self) -> bool:
        """Whether an exchange is under way."""
        return self._caller is not None

    def exchange(
        self,
        request: Request,
        trace: bytes,
        into: Exchange,
        give_up_ns: int | None = None,
        stream: EventStream | None = None,
        due_ns: int = 0,
    ) -> Answer:
        """Send one request and read its whole answer, noting every time in `into`.

        Args:
            give_up_ns: stop waiting then, if that comes before the time-out.
            stream: takes the answer in if it is to be one of server-sent events. The time-out
                then bounds the wait for its head, and how overdue a heartbeat may be after that;
                reading ends with the event that decides.
            due_ns: when it is to be sent, if not now; the time-outs begin then.

        Raises:
            NotSentError: the connection could not be made, or nothing may be sent; nothing left.
            NotAnsweredError: it was sent, then the connection was cut or the time ran out.
            NotUnderstoodError: the answer is not HTTP/1.1, or more than anybody takes in.
        """
        if request.refused is not None:
            raise NotSentError(request.refused)
        if self._caller is not None:
            raise RuntimeError("a connection carries one exchange at a time")
        self._caller = getcurrent()
        self._give_up_ns = give_up_ns
        if stream is not None:
            self._answer = stream
        elif request.head.startswith(b"HEAD "):
            self._answer = HeadAnswer()
        try:
            if not self._is_sent_by_the_loop(request, trace, into, due_ns):
                self._begin(self._timeout_ns)
                self._ready(into)
                self._await_answer(self._send(request, trace, into), into)
        except ExpiredError as stop:
            self.close()
            if stop is not self._expired:
                raise
            connecting = into.new_connection and into.connect_us is None
            if connecting and self._word == "timeout":
                raise NotSentError("connect_timeout") from stop
            raise NotAnsweredError(self._word) from stop
        except BaseException:
            self.close()
            raise
        finally:
            if self._timer is not None:
                self._timer.begin = None
            self._caller = self._into = self._answer = self._failure = None
        answer = into.answer
        assert answer is not None
        if not answer.keep_alive:
            self.close()
        elif stream is not None and not stream.whole:
            self._ending = stream
        return answer

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self._socket is not None:
            if self._tls is not None:
                with suppress(OSError):
                    self._socket.send(self._tls.bid_farewell())
                self._tls = None
            self._scheduler.forget(self._socket.fileno())
            self._socket.close()
            self._socket = self._unasked = None
        if self._ending is not None:
            self._ending.drop()
            self._ending = None

    def _begin(self, bound_ns: int) -> None:
        """Begin the time-out of the exchange under way, or begin it anew."""
        if self._timer is not None:
            self._timer.begin = None
        self._word = "timeout"
        if self._give_up_ns is not None:
            left_ns = self._give_up_ns - time.time_ns()
            if left_ns < bound_ns:
                bound_ns, self._word = left_ns, ABANDONED
        self._limit_ns = limit_ns = time.monotonic_ns() + bound_ns
        self._timer = self._scheduler.at(limit_ns, self._time_is_up)

    def _time_is_up(self) -> None:
        """End the exchange, but for an answer that has come in time and was not read yet."""
        if self._into is None:
            self._expired = ExpiredError()
            self._caller.throw(self._expired)
            return
        limit_ns = self._limit_ns
        while self._into is not None and self._limit_ns == limit_ns:
            if self._unasked is None or not self._unasked.poll(0):
                self._end(NotAnsweredError(self._word))
                return
            self._read(is_late=True)

    def _is_sent_by_the_loop(
        self, request: Request, trace: bytes, into: Exchange, due_ns: int
    ) -> bool:
        """Have the loop send a request when it is due, and wait for the answer.

        Returns:
            Whether it was sent; else it is due now, and there is no connection that it can go over.
        """
        if not due_ns and self._socket is None:
            return False
        self._prepared = request, trace, into
        if due_ns:
            at_ns = time.monotonic_ns() + due_ns - time.time_ns()
            timer = self._scheduler.at(at_ns, self._send_prepared)
        else:
            timer = self._scheduler.send(self._send_prepared)
        try:
            self._wait()
        finally:
            timer.begin = self._prepared = None
        if into.answer is not None:
            return True
        if into.sent_ns is None:
            return False
        rest, self._rest = self._rest, b""
        self._await_answer(rest, into)
        return True

    def _send_prepared(self) -> None:
        assert self._prepared is not None
        request, trace, into = self._prepared
        if self._is_doubtful():
            self._end()
            return
        self._begin(self._timeout_ns)
        try:
            self._rest = self._send(request, trace, into)
        except Exception as error:  # noqa: BLE001 - a defect of ours is told to whoever asked, too
            self._end(error)
            return
        if self._rest:
            self._end()
        else:
            self._into = into

    def _is_doubtful(self) -> bool:
        """Return whether there is no open connection, or none that carries a request as it is."""
        if self._socket is None or self.stirred or self._ending is not None:
            return True
        is_fresh = time.time_ns() - self._read_ns < _FRESH_NS
        return not is_fresh and bool(self._unasked.poll(0))

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
        self.stirred = 0

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
        self._unasked = _plain_poll()
        self._unasked.register(plain.fileno(), select.POLLIN)
        self._scheduler.watch(plain.fileno(), self)
        if self._secure is not None:
            if self._secure.tunnel:
                open_tunnel(plain, self._await_turn, self._secure.tunnel)
            self._tls = shake_hands(plain, self._await_turn, self._secure)

    def _send(self, request: Request, trace: bytes, into: Exchange) -> bytes:
        """Send a request; return what of it could not be sent at once.

        Raises:
            NotAnsweredError: the connection is broken.
        """
        now_ns = time.time_ns()
        data = request.wire(trace, now_ns)
        if into.sent_ns is None:
            into.sent_ns = now_ns
        try:
            if self._tls is not None:
                self._tls.write(data)
                data = self._tls.outgoing()
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise NotAnsweredError(word_of(error, "connection_lost")) from error
        return b"" if sent == len(data) else data[sent:]

    def _await_answer(self, rest: bytes, into: Exchange) -> None:
        """Wait for the answer to a request of which something may still have to be sent.

        Raises:
            NotAnsweredError: the connection is broken, or the time is up.
            NotUnderstoodError: the answer is not HTTP/1.1, or more than anybody takes in.
        """
        if rest:
            try:
                send(self._socket, rest)
            except OSError as error:
                raise NotAnsweredError(word_of(error, "connection_lost")) from error
        self._into = into
        self._wait()

    def _await_turn(self) -> None:
        """Wait until there is something to read that is no answer yet."""
        if self._unasked.poll(0):
            self._scheduler.wait_for_turn()
        else:
            self._wait()

    def _wait(self) -> None:
        """Wait to be woken by the loop.

        Raises:
            ExchangeError: why the exchange is over.
        """
        self._waits = True
        switch = self._hub.switch
        try:
            while self._waits:
                switch()
        finally:
            self._waits = False
        if self._failure is not None:
            raise self._failure

    def _end(self, failure: Exception | None = None) -> None:
        """Wake who waits."""
        self._into, self._failure, self._waits = None, failure, False
        self._caller.switch()

    def read(self) -> None:
        """Read what is there, in its turn; only the loop itself may call this."""
        if self._into is not None:
            self._read()
        elif self._waits and self._prepared is None:
            self.stirred = 0
            self._end()
        # Else it was not asked for: whoever sends next looks what it is.

    def _read(self, *, is_late: bool = False) -> None:
        """Read something of the answer.

        Args:
            is_late: the time is up: only what came before that counts.
        """
        into, answer = self._into, self._answer
        assert into is not None
        has_ended, self.stirred = self.stirred > SOMETHING, 0
        if answer is None:
            answer = self._answer = Answer()
        try:
            if self._tls is None:
                at_ns = take_in(self._socket, answer, into)
            else:
                at_ns = take_in_records(self._socket, self._tls, answer, into)
        except Exception as error:  # noqa: BLE001 - a defect of ours is told to whoever asked, too
            self._end(error)
            return
        if is_late and not self._was_in_time(at_ns):
            self._end(NotAnsweredError(self._word))
        elif answer.complete:
            into.answer = answer
            self._read_ns = into.read_ns or 0
            if has_ended or into.bytes_read >= READ_BYTES:
                self.stirred = SOMETHING  # there may be more, which is none of it
            self._end()
        elif at_ns:
            self._scheduler.soon(self.read)  # whether there is more nobody says again
            if isinstance(answer, EventStream):
                self._begin(self._timeout_ns + round(HEARTBEAT_S * NS_PER_S))

    def _was_in_time(self, arrived_ns: int) -> bool:
        """Return whether what has arrived (Unix) came in time, however late it is looked at."""
        return time.time_ns() - arrived_ns >= time.monotonic_ns() - self._limit_ns
