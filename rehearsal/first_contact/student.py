"""The probe's one student: goes through every method of a scenario, one after the other."""

import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from dress_rehearsal.plans import Person
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.rehearsal.first_contact.exchange import (
    Exchanged,
    TooManyRequestsError,
    Wire,
)
from dress_rehearsal.scenarios import Buyer, Granted, Pending, Refused
from dress_rehearsal.scenarios.client.session import Client

METHOD_S: Final = 30.0
"""How long one method of a scenario may take."""
_AGAIN_S: Final = 0.2
_FOLLOW_UPS: Final = 20
"""How often a pending ticket is asked for."""

Claim = Granted | Pending | Refused


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


class OverdueError(BaseException):
    """A method of the scenario does not come to an end, whatever it catches."""


class ProbeStudent:
    """One student of the roster, with the scenario's class and a wire of their own.

    Args:
        kind: the scenario's class.
        file: where it was written, for sentences.
        pause_s: between two questions for a pending ticket.
    """

    def __init__(
        self, kind: type[Buyer], person: Person, wire: Wire, file: Path, pause_s: float
    ) -> None:
        self._kind, self._wire, self._file, self._pause_s = kind, wire, file, pause_s
        self._buyer = kind(person, Client(wire.origin, wire.perform))

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
                claim = getattr(self._buyer, method)(*arguments)
        except OverdueError:
            trouble = f"{method} did not come to an end within {METHOD_S:g} s."
        except TooManyRequestsError:
            trouble = f"{method} does not stop asking: it was stopped after 100 requests."
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's own code
            trouble = f"{method} failed{self._where(error)}: {_named(error)}."
        exchanged = tuple(self._wire.exchanged)
        if claim is not None and not isinstance(claim, Granted | Pending | Refused):
            trouble = trouble or (
                f"{method} returned something else than Granted, Pending, Refused or nothing: "
                f"{type(claim).__name__}."
            )
            claim = None
        return Played(method, exchanged, claim, trouble)

    def follow(self, pending: Pending) -> Iterator[Played]:
        """Ask for a pending ticket until it is there or refused, twenty times at most."""
        for position in range(_FOLLOW_UPS):
            if position:
                time.sleep(self._pause_s)
            played = self.play("follow_up", pending)
            yield played
            if played.trouble or played.skipped or isinstance(played.claim, Granted | Refused):
                return
            if isinstance(played.claim, Pending):
                pending = played.claim

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

    def overdue(_number: int, _frame: FrameType | None) -> None:
        raise OverdueError

    before: Callable[[int, FrameType | None], Any] | int | None
    before = signal.signal(signal.SIGALRM, overdue)
    # Again and again: it may be caught where everything is.
    signal.setitimer(signal.ITIMER_REAL, METHOD_S, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
