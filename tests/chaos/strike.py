"""The blow: a signal to one process at its moment, and whether it hit somebody who lived."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.compose.pids import ProcessId
from tests.chaos.cells import Blow, Moment
from tests.chaos.rehearsal import NeverCameError, Rehearsal

_SIGNALS: Final = {
    Blow.KILL: signal.SIGKILL,
    Blow.TERM: signal.SIGTERM,
    Blow.PAUSE: signal.SIGSTOP,
    Blow.STOP: signal.SIGSTOP,
}
_STANDING: Final = (Blow.PAUSE, Blow.STOP)
PAUSE_S: Final = 3.0
_OFFSETS_S: Final = {Moment.BEFORE: -1.0, Moment.OPEN: 0.5}
_LATE_S: Final = 0.4
_TAKES_EFFECT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Strike:
    """A blow that was dealt.

    Attributes:
        victim: whom it met; None where nobody was there any more.
        missed: why it did not fall at its moment; empty when it did.
        ended_it: whether the process ended by it while the rehearsal went on.
    """

    victim: ProcessId | None
    missed: str = ""
    ended_it: bool = False


def strike(rehearsal: Rehearsal, name: str, blow: Blow, moment: Moment) -> Strike:
    """Wait for the moment, and deal a component the blow.

    A pause is over when this returns.

    Raises:
        NeverCameError: the moment never came.
    """
    rehearsal.await_stamp("t0")
    victim = rehearsal.find(name)
    rehearsal.await_offset(_OFFSETS_S.get(moment, _OFFSETS_S[Moment.OPEN]))
    if moment not in _OFFSETS_S:
        rehearsal.await_stamp("phase", "performed" if moment is Moment.SETTLING else "torn_down")
    if victim is None:
        raise NeverCameError(f"there is no {name} on the stage")
    if not victim.alive:
        return Strike(None)
    # PostgreSQL stands still only where its backends do; it ends with its main process.
    below = victim.descendants() if name == "postgres" and blow in _STANDING else []
    for process in (victim, *below):
        process.signal(_SIGNALS[blow])
    missed = _missed(rehearsal, moment, time.time_ns())
    if blow in _STANDING:
        missed = missed or _unless(_becomes(lambda: victim.stopped), "it did not stop")
        if blow is Blow.PAUSE:
            time.sleep(PAUSE_S)
            for process in (victim, *below):
                process.signal(signal.SIGCONT)
        return Strike(victim, missed)
    ended = victim.wait(_TAKES_EFFECT_S)
    if blow is Blow.KILL:
        missed = missed or _unless(ended, "it did not die")
    return Strike(victim, missed, ended)


def _missed(rehearsal: Rehearsal, moment: Moment, at_ns: int) -> str:
    """Return why a blow that fell at `at_ns` did not fall at its moment."""
    if moment in _OFFSETS_S:
        t0_ns = rehearsal.stamped("t0") or 0
        late_s = (at_ns - t0_ns) / 1e9 - _OFFSETS_S[moment]
        return f"it came {late_s:.1f} s late" if late_s > _LATE_S else ""
    if moment is Moment.SETTLING:
        read_ns = rehearsal.stamped("ledger")
        return "the stores had been read" if read_ns is not None and read_ns < at_ns else ""
    return "it had been judged" if rehearsal.verdict() is not None else ""


def _becomes(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _TAKES_EFFECT_S
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _unless(well: bool, complaint: str) -> str:
    return "" if well else complaint
