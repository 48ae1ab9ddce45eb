"""What Ctrl-C, and SIGTERM as a CI runner sends it, mean while something is under way."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM)

_Handler = Callable[[int, FrameType | None], None] | signal.Handlers


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `KeyboardInterrupt` on either signal, even where a shell has SIGINT ignored for what
    it runs in the background."""
    with _signals(_interrupt):
        yield


@contextmanager
def uninterruptible() -> Iterator[None]:
    """Go on whatever the user presses: for what is short, and worthless when cut in two."""
    with _signals(signal.SIG_IGN):
        yield


@contextmanager
def noticed() -> Iterator[Callable[[], bool]]:
    """Go on when either signal comes, and yield what returns whether one has: for a wait that may
    be cut short but not left."""
    came = threading.Event()
    with _signals(lambda _number, _frame: came.set()):
        yield came.is_set


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _signals(handler: _Handler) -> Iterator[None]:
    before = [(number, signal.signal(number, handler)) for number in _ENDINGS]
    try:
        yield
    finally:
        for number, previous in before:
            signal.signal(number, previous)
