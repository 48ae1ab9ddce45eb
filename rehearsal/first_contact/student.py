"""The probe's one student: goes through every method of a scenario, one after the other."""

import secrets
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

from gevent import GreenletExit, getcurrent

from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.rehearsal.first_contact.exchange import (
    Exchanged,
    TooManyRequestsError,
    Wire,
)
from dress_rehearsal.scenarios import (
    Admitted,
    Buyer,
    Failed,
    Granted,
    Pending,
    Refused,
    Waiting,
)
from dress_rehearsal.scenarios.client.session import Client

METHOD_S: Final = 30.0
"""How long one method of a scenario may take."""
_AGAIN_S: Final = 0.2
_FOLLOW_UPS: Final = 20
"""How often a pending ticket, or a place in the queue, is asked for."""
_LONGEST_PAUSE_S: Final = 5.0

Claim = Granted | Pending | Refused | Failed | Admitted | Waiting
_KEY_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Played:
    """One method of the scenario, played.

    Attributes:
        claim: what it returned, where that is a claim.
        trouble: what was wrong with it, as a sentence; "": nothing.
        skipped: why it was not called, in a few words; "": it was.
    """

    method: str
    exchanged: tuple[Exchanged, ...] = ()
    claim: Claim | None = None
    trouble: str = ""
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class _Acting:
    """Who acts: somebody eager, on one device, who clicks once and goes to the entrance."""

    plan: Plan
    number: int
    journey: str = "eager"
    enters: bool = True
    copy: int = 0
    key: str = field(default_factory=lambda: f"probe-{secrets.token_hex(_KEY_BYTES)}")

    def unkept(self, what: str) -> None:
        """Count nothing: what is wrong with an answer is shown."""

    def told(self, what: Refused | Failed) -> None:
        """Record nothing: every answer is shown as it came."""


class OverdueError(BaseException):
    """A method of the scenario does not come to an end, whatever it catches."""


class ProbeStudent:
    """One student of the roster, with the scenario's class and a wire of their own.

    Args:
        kind: the scenario's class.
        file: where it was written, for sentences.
        number: the person's place in the roster.
    """

    def __init__(
        self,
        kind: type[Buyer],
        person: Person,
        wire: Wire,
        file: Path,
        plan: Plan,
        number: int = 0,
    ) -> None:
        self._kind, self._wire, self._file = kind, wire, file
        self._pause_s = plan.students.ticket_poll
        self._person, self._acting = person, _Acting(plan, number)
        self._buyer: Buyer | None = None

    @property
    def steps(self) -> Steps:
        """What the scenario does, by its methods, and what its answers can be held to."""
        kind = self._kind
        roles = {method: role for method, role in kind.roles.items() if self.has(method)}
        return Steps(roles, claims=kind.claims, idempotent=kind.idempotent)

    def has(self, method: str) -> bool:
        """Return whether the scenario says anything about a moment."""
        return getattr(self._kind, method, None) is not getattr(Buyer, method, None)

    def play(self, method: str, *arguments: Any) -> Played:
        """Call one method, and return what came of it."""
        if not self.has(method):
            return Played(method, skipped="the scenario says nothing about it")
        claim: Any = None
        trouble = ""
        self._wire.exchanged.clear()
        try:
            with _bounded():
                claim = getattr(self._acts(), method)(*arguments)
        except (KeyboardInterrupt, GreenletExit):
            raise
        except OverdueError:
            trouble = f"{method} did not come to an end within {METHOD_S:g} s."
        except TooManyRequestsError:
            trouble = f"{method} does not stop asking: it was stopped after 100 requests."
        except BaseException as error:  # noqa: BLE001 - the user's own code, whatever it raises
            trouble = f"{method} failed{self._where(error)}: {_named(error)}."
        exchanged = tuple(self._wire.exchanged)
        if claim is not None and not isinstance(claim, Claim):
            trouble = trouble or (
                f"{method} returned something else than Granted, Pending, Refused or nothing: "
                f"{type(claim).__name__}."
            )
            claim = None
        return Played(method, exchanged, claim, trouble)

    def _acts(self) -> Buyer:
        """Return who acts, made when the first method is called: that may fail like any."""
        if self._buyer is None:
            self._buyer = self._kind(self._person, Client(self._wire.origin, self._wire.perform))
            self._buyer.acting = self._acting
        return self._buyer

    def await_turn(self) -> Iterator[Played]:
        """Ask for the place in the queue until it decides, twenty times at most."""
        for position in range(_FOLLOW_UPS):
            played = self.play("queue")
            yield played
            if played.trouble or not (played.claim is None or isinstance(played.claim, Waiting)):
                return
            if position < _FOLLOW_UPS - 1:
                asked_s = None if played.claim is None else played.claim.again_in_s
                time.sleep(min(self._pause_s if asked_s is None else asked_s, _LONGEST_PAUSE_S))

    def follow(self, pending: Pending | Granted) -> Iterator[Played]:
        """Ask for a ticket until it is there or refused, twenty times at most."""
        for position in range(_FOLLOW_UPS):
            if position:
                time.sleep(self._pause_s)
            played = self.play("follow_up", pending)
            yield played
            told = played.claim
            if played.trouble or played.skipped or isinstance(told, Refused):
                return
            if isinstance(told, Granted) and told.issued:
                return
            if isinstance(told, Pending | Granted):
                pending = told

    def _where(self, error: BaseException) -> str:
        """Return where in the scenario's file something was raised."""
        frames = traceback.extract_tb(error.__traceback__)
        lines = [
            frame.lineno
            for frame in frames
            if Path(frame.filename).resolve() == self._file.resolve()
        ]
        return f" in line {lines[-1]} of {self._file.name}" if lines else ""


def await_instant(t_ns: int) -> None:
    """Sleep until an instant, if it has not come yet."""
    left_s = (t_ns - time.time_ns()) / NS_PER_S
    if left_s > 0:
        time.sleep(left_s)


def _named(error: BaseException) -> str:
    said = str(error).strip()
    return f"{type(error).__name__}{f': {said}' if said else ''}".rstrip(".")


@contextmanager
def _bounded() -> Iterator[None]:
    """Raise OverdueError in whatever is done inside for too long, be it a loop or a sleep."""

    inside = getcurrent()

    def overdue(_number: int, _frame: FrameType | None) -> None:
        if getcurrent() is inside:
            raise OverdueError
        inside.throw(OverdueError)  # it waits for an answer: this is the loop

    before: Callable[[int, FrameType | None], Any] | int | None
    before = signal.signal(signal.SIGALRM, overdue)
    # Again and again: it may be caught where everything is.
    signal.setitimer(signal.ITIMER_REAL, METHOD_S, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
