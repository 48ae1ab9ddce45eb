"""One HTTP/1.1 keep-alive connection on a gevent loop, with the kernel's receive times.

The time an answer spent waiting for this process to read it is known and kept out of the latency,
through TLS too. A request is written once: nothing here ever sends it again.

The loop itself sends what is due and reads what has come; whoever asked is woken once, by the end.
What a request passes each time is written out here: a call less is worth having in a rush.
"""

import time
from typing import Final

from gevent import getcurrent

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.client.deadline import ExpiredError, TimeOut
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.http import Answer, HeadAnswer, Request
from dress_rehearsal.scenarios.client.kept_line import FRESH_NS, LOOK_NS, KeptLine
from dress_rehearsal.scenarios.client.line import Line
from dress_rehearsal.scenarios.client.local_address import LocalAddresses
from dress_rehearsal.scenarios.client.readiness import SOMETHING
from dress_rehearsal.scenarios.client.scheduler import scheduler
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.client.tls import Secure
from dress_rehearsal.scenarios.client.wire import READ_BYTES
from dress_rehearsal.scenarios.errors import NotAnsweredError, NotSentError

_new_answer: Final = Answer.__new__
"""Makes an answer of which nothing has come: as `Answer()`, a call less."""
HEARTBEAT_S: Final = 10.0
"""How often a stream of server-sent events shows at least a sign of life."""


class Connection(KeptLine):
    """A student's connection to the target, opened when first needed.

    Args:
        address: host and port of the target.
        timeout_s: bound on connecting plus answering.
        local: says where the connection is to come from; None: whichever address the kernel takes.
        secure: what stands between it and an https origin; None: it speaks plain HTTP.
    """

    __slots__ = (
        "_answer",
        "_expired",
        "_give_up_ns",
        "_into",
        "_is_held",
        "_prepared",
        "_rest",
        "_time_out",
        "_timeout_ns",
    )

    def __init__(
        self,
        address: tuple[str, int],
        timeout_s: float,
        local: LocalAddresses | None = None,
        secure: Secure | None = None,
    ) -> None:
        super().__init__(address, local, secure, scheduler())
        self._timeout_ns = round(timeout_s * NS_PER_S)
        self._time_out = TimeOut(self._scheduler, self._time_is_up)
        # Of the exchange under way:
        self._prepared: tuple[Request, bytes, Exchange] | None = None
        """What is to be sent when it is due."""
        self._is_held = False
        """Whether that is due, and waits for its turn only."""
        self._rest = b""
        """What could not be sent at once then."""
        self._into: Exchange | None = None
        """Set once it is sent, until it is over."""
        self._answer: Answer | None = None
        """What its answer is put together in."""
        self._give_up_ns: int | None = None
        self._expired: ExpiredError | None = None
        """What was thrown at who was still busy with connecting or sending then."""

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
            due_ns: when it is to be sent (Unix), if not now; the time-out begins then.

        Raises:
            NotSentError: the connection could not be made, or nothing may be sent; nothing left.
            NotAnsweredError: it was sent, then the connection was cut or the time ran out.
            NotUnderstoodError: the answer is not HTTP/1.1, or more than anybody takes in.
            RuntimeError: another one is under way, or the loop itself would have to wait for it.
        """
        if request.refused is not None:
            raise NotSentError(request.refused)
        caller = getcurrent()
        if self._caller is not None or caller is self._hub:
            raise self._cannot_wait()
        self._caller, self._give_up_ns, self._answer = caller, give_up_ns, stream
        if request.head.startswith(b"HEAD "):
            self._answer = HeadAnswer()
        try:
            if due_ns or self._line is not None:
                self._prepared = request, trace, into
                self._have_sent(into, due_ns)
            if into.answer is None:  # it is due now, and there is no line that it can go over
                self._prepared = None
                self._time_out.begin(self._timeout_ns, give_up_ns)
                self._await_answer(self._send(self._ready(into), request, trace, into), into)
        except BaseException as stop:
            self.close()
            if stop is self._expired:
                raise self._not_in_time(into) from stop
            raise
        finally:
            self._caller = self._into = self._answer = self._failure = self._expired = None
            self._prepared, self._is_held = None, False
            if self._line is None:
                self._time_out.drop()
            self._time_out.limit_ns = 0
        answer = into.answer
        assert answer is not None
        if stream is not None or not answer.keep_alive:
            self._look_after(answer, stream)
        return answer

    def _cannot_wait(self) -> RuntimeError:
        if self._caller is not None:
            return RuntimeError("a connection carries one exchange at a time")
        return RuntimeError(
            "a request was made in a callback of the loop, which cannot wait for an answer; make "
            "it in a greenlet of its own (gevent.spawn)"
        )

    def _look_after(self, answer: Answer, stream: EventStream | None) -> None:
        """See to the line after an answer that may not be all that comes."""
        if not answer.keep_alive:
            self.close()
        elif stream is not None and not stream.whole:
            self._ending = stream

    def _not_in_time(self, into: Exchange) -> NotSentError | NotAnsweredError:
        """Return what it means that the time was up before the request was sent whole."""
        if self._time_out.word == "timeout" and into.new_connection and into.connect_us is None:
            return NotSentError("connect_timeout")
        return NotAnsweredError(self._time_out.word)

    def close(self) -> None:
        """Hang up, if there is a line."""
        super().close()
        if self._answer is not None:
            self._answer.drop()
        if self._caller is None:
            self._time_out.drop()

    def _time_is_up(self) -> None:
        """End the exchange, but for an answer that has come in time and was not read yet."""
        if self._into is None:
            self._expired = ExpiredError()
            self._caller.throw(self._expired)
            return
        limit_ns = self._time_out.limit_ns
        while self._into is not None and self._time_out.limit_ns == limit_ns:
            if self._line is None or not self._line.has_something():
                self._end(NotAnsweredError(self._time_out.word))
                return
            self.read(is_late=True)

    def _have_sent(self, into: Exchange, due_ns: int) -> None:
        """Have the loop send what is prepared when it is due, and wait for the answer.

        There is none, and nothing was sent, where there is no line then that it can go over.
        """
        if due_ns:
            # In this order: what passes between the two makes it later, never early.
            at_ns = due_ns - time.time_ns() + time.monotonic_ns()
            timer = self._scheduler.at(at_ns, self._send_due)
            try:
                self._wait()
            finally:
                timer.begin = None
        else:
            self._is_held = True
            self._scheduler.send(self._send_held)
            self._wait()
        if into.answer is None and into.sent_ns is not None:
            rest, self._rest = self._rest, b""
            self._await_answer(rest, into)

    def _send_due(self) -> None:
        self._is_held = True
        self._send_held()

    def _send_held(self) -> None:
        """Send what is prepared; who has to connect, or to wait for room, does so itself."""
        prepared, line = self._prepared, self._line
        if not self._is_held or prepared is None:
            return  # it was cut meanwhile
        self._is_held = False
        if line is None or self.stirred or self._ending is not None:
            self._end()
            return
        self._time_out.begin(self._timeout_ns, self._give_up_ns)
        now_ns = time.time_ns()
        if now_ns - self._read_ns >= FRESH_NS and now_ns - self._scheduler.looked_ns >= LOOK_NS:
            if self._something_came(line, now_ns):
                self._end()
                return
            now_ns = time.time_ns()
        request, trace, into = prepared
        try:
            into.sent_ns = now_ns
            self._rest = line.send(request.wire(trace, now_ns))
        except Exception as error:  # noqa: BLE001 - a defect of ours is told to whoever asked, too
            self._end(error)
            return
        if self._rest:
            self._end()
        else:
            self._into = into

    def _send(self, line: Line, request: Request, trace: bytes, into: Exchange) -> bytes:
        """Send a request; return what of it could not be sent at once."""
        now_ns = time.time_ns()
        if into.sent_ns is None:
            into.sent_ns = now_ns
        return line.send(request.wire(trace, now_ns))

    def _await_answer(self, rest: bytes, into: Exchange) -> None:
        """Wait for the answer to a request of which something may still have to be sent."""
        if rest and self._line is not None:
            self._line.send_rest(rest)
        self._into = into
        if self.stirred:  # it came while the rest was sent: nobody says again that it is there
            self._scheduler.soon(self.read)
        self._wait()

    def _end(self, failure: Exception | None = None) -> None:
        """Wake who waits."""
        self._into = None
        super()._end(failure)

    def read(self, *, is_late: bool = False) -> None:
        """Read what is there, in its turn; only the loop itself may call this.

        Args:
            is_late: the time is up: only what came before that counts.
        """
        line, into, answer = self._line, self._into, self._answer
        if line is None or into is None:
            self._read_unasked()
            return
        has_ended, self.stirred = self.stirred > SOMETHING, 0
        if answer is None:
            answer = self._answer = _new_answer(Answer)
        try:
            at_ns = line.take_in(answer, into)
        except Exception as error:  # noqa: BLE001 - a defect of ours is told to whoever asked, too
            self._end(error)
            return
        if is_late and not self._time_out.was_kept(at_ns):
            self._end(NotAnsweredError(self._time_out.word))
        elif answer.complete:
            into.answer = answer
            self._read_ns = into.read_ns or 0
            if has_ended or into.bytes_read >= READ_BYTES:
                self.stirred = SOMETHING  # there may be more, which is none of it
            self._into, self._waits = None, False
            self._caller.switch()
        elif at_ns:
            self._scheduler.soon(self.read)  # whether there is more nobody says again
            if isinstance(answer, EventStream):
                bound_ns = self._timeout_ns + round(HEARTBEAT_S * NS_PER_S)
                self._time_out.begin(bound_ns, self._give_up_ns)

    def _read_unasked(self) -> None:
        """Wake who waits for anything at all, not for an answer, but for it to be read."""
        if self._into is None and self._waits and self._prepared is None:
            self.stirred = 0
            self._end()
        # Else it was not asked for: whoever sends next looks what it is.
