"""What a student has been told about the purchase, on whichever device or copy of the click."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from gevent import Greenlet, get_hub, wait

from dress_rehearsal.scenarios.buyer import Granted
from dress_rehearsal.scenarios.outcomes import StudentOutcome
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.call import Reply
from dress_rehearsal.scenarios.students.session import Session

_FINAL: Final = frozenset({StudentOutcome.SOLD_OUT, StudentOutcome.REFUSED})


class Purchase:
    """Puts the ends of a student's devices together into the one that the census counts.

    Args:
        devices: how many devices the student rushes from.
    """

    __slots__ = (
        "_devices",
        "_ends",
        "_final",
        "_held",
        "_rush",
        "_student",
        "dismissals",
        "grant",
        "granted_at_ns",
        "here_ns",
        "session",
        "unknown",
    )

    def __init__(self, rush: Rush, student: int, devices: int) -> None:
        self.grant: Granted | None = None
        """The first one; later ones, should a target give any, change nothing."""
        self.granted_at_ns = 0
        self.session: Session | None = None
        """Where it was granted."""
        self.unknown = False
        """Whether the answer to a click was lost: it may have taken effect."""
        self.here_ns = 0
        """When the last answer to a click came that a device, not a mere copy, waited for."""
        self.dismissals: Sequence[Callable[[], None]] = ()
        """Called on the loop once the matter is decided, for devices that still wait."""
        self._rush = rush
        self._student = student
        self._devices = devices
        self._ends: tuple[StudentOutcome, ...] = ()
        self._final = False
        self._held = False

    @property
    def decided(self) -> bool:
        """Whether the student has a ticket or a final no, on any device."""
        return self._final or self.grant is not None

    def await_grant(self, under_way: Iterable[Greenlet]) -> None:
        """Wait for a grant, at most until all that could bring one are over.

        A student who is told on one of them acts then, whatever the others still wait for.
        """
        while self.grant is None and (waiting := [each for each in under_way if not each.ready()]):
            wait(waiting, count=1)

    def granted(self, reply: Reply, session: Session) -> bool:
        """Take in a grant; an answer that is none settles nothing."""
        told = reply.claim
        if not isinstance(told, Granted):
            return False
        if self.grant is None:
            self.grant, self.granted_at_ns, self.session = told, reply.at_ns, session
            self._dismiss()
        self._rush.census.acknowledged(self._student, told.ticket, reply.at_ns)
        return True

    def unanswered(self) -> None:
        """Take in that the answer to a click was lost: it may have taken effect.

        A copy's may be lost when the device itself has met an error and given up.
        """
        self.unknown = True
        if len(self._ends) == self._devices and not self.decided:
            self._rush.census.became(self._student, StudentOutcome.UNKNOWN)

    def held(self) -> None:
        """Take in that the student already holds a ticket, by a click whose answer is not here.

        That answer may still come; should it never, it is not certain what the student holds. If
        every click was answered and none granted, the student was sent away for no reason.
        """
        self._held = True
        self.ended(StudentOutcome.UNKNOWN)

    def ended(self, outcome: StudentOutcome) -> None:
        """Take in where one device's way ended; a final no, or the last device's end, settles it.

        A click whose answer never came may have taken effect, whatever followed.
        """
        if outcome in _FINAL:
            self._final = True
            self._rush.census.became(self._student, outcome)
            self._dismiss()
        elif self.unknown:
            outcome = StudentOutcome.UNKNOWN
        self._ends = (*self._ends, outcome)
        if len(self._ends) == self._devices:
            if self._held:
                end = StudentOutcome.UNKNOWN if self.unknown else StudentOutcome.REFUSED
                self._rush.census.became(self._student, end)
            elif not self._final:
                self._rush.census.became(self._student, max(self._ends))

    def _dismiss(self) -> None:
        for dismiss in self.dismissals:
            get_hub().loop.run_callback(dismiss)
        self.dismissals = ()
