"""What Ctrl-C, SIGTERM as a CI runner sends it, and SIGHUP mean while something is under way.

SIGHUP says that the terminal has gone: as good a reason to end as the others, unless whoever
started us (`nohup`) wanted it to be none.
"""

import os
import signal
import sys
import time
from _thread import start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_ENDINGS: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    *([] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]),
)
_SAME_S: Final = 0.3
"""Signals this close to each other are one wish: a terminal that is closed has both the kernel and
the shell say so."""
_AGAIN_S: Final = 0.05
"""So long after a wish was lost it is said again."""

_Handler = Callable[[int, FrameType | None], None] | signal.Handlers


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `KeyboardInterrupt` on such a signal, even where a shell has SIGINT ignored for what
    it runs in the background.

    Raised in a callback of the interpreter's own (a destructor, an import's lock) it would be lost
    there: it is raised again a moment later, or once what is `uninterruptible` then is done.
    """
    last_s, under_way = -_SAME_S, True

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal last_s
        before_s, last_s = last_s, time.monotonic()
        if last_s - before_s >= _SAME_S:
            raise KeyboardInterrupt

    def lost(what: "sys.UnraisableHookArgs") -> None:
        nonlocal last_s
        if not isinstance(what.exc_value, KeyboardInterrupt):
            before(what)
            return
        last_s = -_SAME_S
        start_new_thread(again, ())

    def again() -> None:
        time.sleep(_AGAIN_S)
        while under_way and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            time.sleep(_AGAIN_S)
        if under_way:
            os.kill(os.getpid(), signal.SIGINT)

    before, sys.unraisablehook = sys.unraisablehook, lost
    try:
        with _signals(interrupt):
            yield
    finally:
        under_way = False
        sys.unraisablehook = before


@contextmanager
def uninterruptible() -> Iterator[None]:
    """Go on whatever the user presses: for what is short, and worthless when cut in two."""
    with _signals(signal.SIG_IGN):
        yield


@contextmanager
def noticed() -> Iterator[Callable[[], bool]]:
    """Go on when such a signal comes, and yield what returns whether one has: for a wait that may
    be cut short but not left."""
    came: list[int] = []  # an event has a lock: a second signal amid the first would wait for it
    with _signals(lambda number, _frame: came.append(number)):
        yield lambda: bool(came)


@contextmanager
def _signals(handler: _Handler) -> Iterator[None]:
    before = [(number, signal.signal(number, handler)) for number in _ENDINGS]
    try:
        yield
    finally:
        for number, previous in before:
            signal.signal(number, previous)
