"""A browser in a student's hands: what happens there, by the methods of the scenario's buyer.

What a request is recorded as is what its method returns.
"""

import time
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from gevent import GreenletExit, getcurrent, sleep

from dress_rehearsal.records.steps import OTHER, STREAM
from dress_rehearsal.records.tables import JOURNEYS, NS_PER_S
from dress_rehearsal.scenarios.answers.body import LONGEST_WORD
from dress_rehearsal.scenarios.buyer import Buyer, Failed, Granted, Pending, Refused
from dress_rehearsal.scenarios.client.deadline import Deadline, ExpiredError
from dress_rehearsal.scenarios.client.http import Answer, Request
from dress_rehearsal.scenarios.client.session import Client
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.errors import ClosedError
from dress_rehearsal.scenarios.recorder import OK, REFUSED, UNKNOWN
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.call import Call, Reply, Sent
from dress_rehearsal.scenarios.students.connections import Connections, DefectError
from dress_rehearsal.scenarios.students.meaning import NO_CLAIM, meaning_of, no_of

_MOST_CONNECTIONS: Final = 100
_PREPARED: Final = frozenset({"log_in", "buy"})
"""Methods that are called ahead, for their requests to be ready when they are due: all students may
act at one instant, and what is done before it makes nobody late."""
_AHEAD_NS: Final = (500_000_000, 1_500_000_000)
"""How long ahead: each student otherwise, at times between these."""
_SPREAD: Final = 64
_new_sent: Final = Sent.__new__


class _RushIsOverError(GreenletExit):  # type: ignore[misc]
    """Ends a method when the rush has closed, also one that goes on whatever is raised in it.

    A greenlet that the scenario has started itself, and that asks on and on, ends without a word.
    """


_ENDS: Final = (ClosedError, _RushIsOverError, DefectError, GreenletExit)
"""What ends a method from outside; everything else is raised by the scenario itself."""


class Browser:
    """One device's browser, with a buyer of its own; request numbers are the student's.

    It is what the buyer can know of who acts (`scenarios.buyer.Acting`).

    Args:
        device: recorded as the number of the browser's first connection.
        numbers: the student's request numbers, shared by all of the student's browsers.
    """

    __slots__ = (
        "_buyer",
        "_calls",
        "_connections",
        "_device",
        "_journey",
        "_numbers",
        "_rush",
        "ahead_ns",
        "logged_in",
        "number",
        "plan",
        "student",
    )

    def __init__(
        self, rush: Rush, student: int, device: int = 0, numbers: Iterator[int] | None = None
    ) -> None:
        self.student = self.number = student
        self.plan = rush.plan
        self.logged_in = False
        """Whether a login has succeeded."""
        least_ns, most_ns = _AHEAD_NS
        self.ahead_ns = least_ns + (most_ns - least_ns) * (student % _SPREAD) // _SPREAD
        """How long before its time what is prepared is called."""
        self._rush = rush
        self._journey = int(rush.timetable.journey[student])
        self._device = device
        self._numbers = count() if numbers is None else numbers
        self._buyer: Buyer | None = None
        self._connections = Connections(rush, student)
        self._calls: dict[Any, Call] = {}
        """Methods under way, by the greenlet that each runs in."""

    def on_device(self, device: int) -> "Browser":
        """Return a browser on another of the student's devices, with a session of its own."""
        return Browser(self._rush, self.student, device, self._numbers)

    @property
    def journey(self) -> str:
        """What kind of student it is."""
        return JOURNEYS[self._journey]

    @property
    def enters(self) -> bool:
        """Whether the student, with a ticket, goes to the entrance."""
        return bool(self._rush.timetable.enters[self.student])

    @property
    def copy(self) -> int:
        """Which copy of a click the call under way is."""
        call = self._calls.get(getcurrent())
        return 0 if call is None else call.copy

    @property
    def key(self) -> str:
        """The idempotency key of the call under way."""
        call = self._calls.get(getcurrent())
        wish = self._device if call is None else self._device + call.wish
        return f"{self._rush.key}-{self.student:x}-{wish}"

    def unkept(self, what: str) -> None:
        """Count a value that the target said and that cannot be kept."""
        self._rush.recorder.lost[what[:LONGEST_WORD]] += 1

    def told(self, what: Refused | Failed) -> None:
        """Take in what the last answer meant of the call under way, which goes on."""
        call = self._calls.get(getcurrent())
        if call is None or call.last is None:
            raise ValueError("told() says what an answer meant, and this call has had none")
        if call.last.answer is not None:
            call.last.outcome, call.last.error = no_of(what)

    def has(self, method: str) -> bool:
        """Return whether the scenario says anything about a moment."""
        return method in self._rush.moments

    def page(self, intended_ns: int, give_up_ns: int | None = None) -> Reply:
        """Look at the page where tickets will be sold; cut at `give_up_ns`, when it is reloaded."""
        return self._do("arrive", intended_ns, give_up_ns=give_up_ns)

    def countdown(self, intended_ns: int, give_up_ns: int) -> Reply:
        """Wait as a page does; cut at `give_up_ns`, when the student acts."""
        return self._do("wait", intended_ns, give_up_ns=give_up_ns)

    def login(self, intended_ns: int) -> Reply:
        """Log in; where the scenario says nothing about it, everybody is."""
        reply = self._do("log_in", intended_ns)
        self.logged_in = self.logged_in or reply.outcome == OK
        return reply

    def join(self, intended_ns: int) -> Reply:
        """Join the queue of the waiting room."""
        return self._do("join", intended_ns)

    def queue(self, intended_ns: int, leave_ns: int) -> Reply:
        """Ask for the place in the queue; a stream of events is left at `leave_ns`."""
        return self._do("queue", intended_ns, leave_ns=leave_ns)

    def buy(self, intended_ns: int, copy: int = 0, wish: int = 0) -> Reply:
        """Buy, and stay until a ticket that is pending is granted or refused.

        Args:
            copy: which copy of a click it is.
            wish: which wish to buy: copies of one have the same key.
        """
        reply = self._do("buy", intended_ns, copy=copy, wish=wish)
        if not isinstance(reply.claim, Pending):
            return reply
        census, promised = self._rush.census, reply.claim.ticket
        census.put_off(self.student, promised, reply.at_ns)
        if not self.has("follow_up"):
            self._rush.troubles.returned("buy", "returned Pending, but there is no follow_up()")
            return Reply(UNKNOWN, NO_CLAIM, reply.at_ns)
        pause_ns = round(self.plan.students.ticket_poll * NS_PER_S)
        pending = reply.claim
        while True:
            reply = self._do("follow_up", reply.at_ns + pause_ns, pending, copy=copy, wish=wish)
            if isinstance(reply.claim, Granted) or reply.outcome == REFUSED:
                census.settled(self.student, promised)
                return reply
            pending = reply.claim if isinstance(reply.claim, Pending) else pending

    def follow_up(self, granted: Granted, intended_ns: int) -> Reply:
        """Ask for a ticket that is granted, and not issued yet."""
        return self._do("follow_up", intended_ns, granted)

    def collect(self, granted: Granted, intended_ns: int) -> Reply:
        """Open a ticket's code."""
        return self._do("collect", intended_ns, granted)

    def enter(self, granted: Granted, intended_ns: int) -> Reply:
        """Show a ticket's code at the entrance."""
        return self._do("enter", intended_ns, granted)

    def lend(self, granted: Granted, intended_ns: int) -> Reply:
        """Have a friend show a copy of it, over a connection of the friend's own."""
        return self._do("lend", intended_ns, granted, copy=1)

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()

    def _do(
        self,
        method: str,
        intended_ns: int,
        told: Granted | Pending | None = None,
        *,
        copy: int = 0,
        wish: int = 0,
        give_up_ns: int | None = None,
        leave_ns: int | None = None,
    ) -> Reply:
        """Call a method when it is due, and record what came of its requests.

        Args:
            told: what the method is given, if anything.
            give_up_ns: when the method is cut.
            leave_ns: when a stream of events is.

        Raises:
            ClosedError: it would be due after the rush has closed, or goes on when it has.
        """
        rush = self._rush
        role = rush.moments.get(method)
        if role is None:
            return Reply(OK, None, intended_ns)
        if intended_ns >= rush.closed_ns:
            raise ClosedError
        is_prepared, called_ns = method in _PREPARED, time.time_ns()
        if is_prepared or intended_ns > called_ns:
            rush.sleep_until(intended_ns - (self.ahead_ns if is_prepared else 0))
            called_ns = time.time_ns()
        call, caller = Call(role, intended_ns, called_ns, copy, wish, leave_ns), getcurrent()
        self._calls[caller] = call
        said: Any = None
        raised: BaseException | None = None
        try:
            if give_up_ns is None:
                buyer = self._made_buyer() if self._buyer is None else self._buyer
                moment = getattr(buyer, method)
                said = moment() if told is None else moment(told)
            else:
                said = self._called_until(give_up_ns, method)
        except _ENDS as cut:  # the generator ends, or the student acts no more here
            self._record(call, is_last=True)
            if isinstance(cut, _RushIsOverError):
                raise ClosedError from cut
            if isinstance(cut, DefectError) and cut.__cause__ is not None:
                raise cut.__cause__  # noqa: B904 (it is what was raised)
            raise
        except BaseException as error:  # noqa: BLE001 - the user's own code, whatever it raises
            raised = error
        finally:
            del self._calls[caller]
        at_ns = call.over_ns()
        outcome, word, claim = meaning_of(method, call.last, said, raised, rush.troubles)
        raised = None  # it holds this frame, by the way that it came
        self._record(call, outcome, word, is_last=True)
        if is_prepared or intended_ns >= rush.closed_ns:
            rush.sleep_until(intended_ns)  # it is not over before it was to begin
        return Reply(outcome, word, at_ns, claim, call.stream)

    def _made_buyer(self) -> Buyer:
        rush = self._rush
        buyer = rush.buyer(rush.people[self.student], Client(rush.origin, self._perform))
        buyer.acting = self
        self._buyer = buyer
        return buyer

    def _called_until(self, give_up_ns: int, method: str) -> Any:
        """Return what a method returns, None where it is cut."""
        deadline = Deadline(max(give_up_ns - time.time_ns(), 0))
        try:
            buyer = self._made_buyer() if self._buyer is None else self._buyer
            return getattr(buyer, method)()
        except ExpiredError as error:
            if error is not deadline.expired:
                raise
            return None
        finally:
            deadline.close()

    def _perform(self, request: Request, name: str, stream: EventStream | None = None, /) -> Answer:
        """Send one request of the method under way; without an answer its status is 0."""
        greenlet = getcurrent()
        call = self._calls.get(greenlet)
        is_asides = call is None  # of a greenlet that the scenario has started itself
        if call is None:
            call = self._beside(time.time_ns())
        elif call.last is not None:
            self._record(call)
        rush, now_ns = self._rush, time.time_ns()
        due_ns = call.due_ns(now_ns)
        if now_ns >= rush.closed_ns or due_ns >= rush.closed_ns:
            sleep(0)  # who asks on and on all the same lets the others end
            raise _RushIsOverError
        if request.refused is not None:
            rush.sleep_until(due_ns)
        sent = _new_sent(Sent)
        sent.name, sent.intended_ns, sent.seq = name, due_ns, next(self._numbers)
        if stream is not None:
            sent.stream = stream
        ahead_ns = due_ns if due_ns > now_ns else 0
        if is_asides:
            rush.asides.add(greenlet)
        try:
            return self._connections.exchange(request, sent, call.copy, call.leave_ns, ahead_ns)
        finally:
            call.ended(sent)
            if is_asides:
                self._record(call)
                rush.asides.discard(greenlet)

    def _beside(self, now_ns: int) -> Call:
        """Return what stands for a greenlet that the scenario has started itself.

        Nothing that it sends leaves before the method begins which started it, or what did.
        """
        greenlet = getcurrent()
        while greenlet is not None and greenlet not in self._calls:
            started_by = getattr(greenlet, "spawning_greenlet", None)
            greenlet = None if started_by is None else started_by()
        method = self._calls.get(greenlet)
        return Call(OTHER, now_ns if method is None else method.beside_ns(now_ns), now_ns)

    def _record(
        self,
        call: Call,
        outcome: int | None = None,
        word: str | None = None,
        *,
        is_last: bool = False,
    ) -> None:
        """Record a call's request that ended last, if it has not been yet.

        Args:
            outcome: what its method says of it, and `word`; without it counts what it came to.
            is_last: whether the method is over: its last request is what it is for.
        """
        sent, call.last = call.last, None
        if sent is None:
            return
        if outcome is not None:
            sent.outcome, sent.error = outcome, word
        recorder, role = self._rush.recorder, OTHER
        if sent.sent_ns is None and (sent.done_ns or 0) < sent.intended_ns:
            recorder.begun.discard(sent)
            return  # called ahead, it was cut before anybody meant to send it
        if is_last:
            role = call.role if sent.stream is None else STREAM
        recorder.record(
            sent.intended_ns,
            sent,
            self.student,
            sent.seq,
            min(self._device + sent.connection, _MOST_CONNECTIONS),
            self._journey,
            recorder.steps.place(sent.name, role),
            sent.outcome,
        )
        sent.answer = sent.stream = None  # whoever counts exchanges later needs no answers
