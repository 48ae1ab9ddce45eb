"""The standard streams: output that fails costs no rehearsal and changes no exit code.

A reader may go away (`| head -1`), a disk be full, a terminal be closed, an encoding know no µ.
What cannot be written is dropped then, and why is kept for one sentence at the end.
"""

import codecs
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, TextIO

from dress_rehearsal.plans.visible import visible

_STAND_INS: Final = {
    "…": "...",
    "→": "->",
    "−": "-",
    "–": "-",
    "—": "-",
    "·": ".",
    "×": "x",
    "µ": "u",
    "μ": "u",
    "’": "'",
    "“": '"',
    "”": '"',
    "✓": "+",
    "✗": "x",
    "✅": "+",
    "❌": "x",
    "❔": "?",
    "▁": "_",
    "▂": ".",
    "▃": ":",
    "▄": "-",
    "▅": "=",
    "▆": "+",
    "▇": "*",
    "█": "#",
}
"""What stands for our own signs where the stream's encoding has none of them."""
_ERRORS: Final = "dress-rehearsal-stand-in"
_AT_ONCE: Final = select.PIPE_BUF
"""Bytes that are taken without waiting where there is room at all, see pipe(7)."""


class Outlet(io.TextIOBase):
    """A stream that never fails: from its first failure on, what is written to it is dropped.

    Args:
        stream: what is written to; none: it was closed before we began.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._given_up = stream is None
        self._stalled = False
        self.patience_s: float | None = None
        """How long a reader may let us wait who reads no more, before what there is to say is
        dropped until they go on; None: for ever."""
        self.failure: OSError | ValueError | None = None
        """Why something could not be written."""
        if stream is None:
            self.failure = OSError(errno.EBADF, "it is closed")

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding that the stream's reader expects."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write text, with stand-ins for what the encoding does not have."""
        if self._stream is not None and not self._given_up:
            try:
                self._wait_rather_than_fail()
                self._put(self._stream, self._encodable(text))
            except (OSError, ValueError) as error:  # ValueError: it has been closed
                self._failed(error)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        if self._stream is not None and not self._given_up:
            try:
                self._wait_rather_than_fail()
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._failed(error)

    def isatty(self) -> bool:
        """Return whether a terminal is, still, at the other end."""
        try:
            return self._stream is not None and not self._given_up and self._stream.isatty()
        except ValueError:
            return False

    def fileno(self) -> int:
        """Return the stream's file descriptor.

        Raises:
            OSError: it has none.
        """
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def writable(self) -> bool:
        """Return whether text can be handed over: always, if only to be dropped."""
        return True

    def _put(self, stream: TextIO, text: str) -> None:
        try:
            descriptor = stream.fileno()
        except io.UnsupportedOperation:  # it is no file
            stream.write(text)
            return
        stream.flush()
        data = text.encode(self.encoding)
        while data and self._is_awaited(descriptor):
            data = data[os.write(descriptor, data[:_AT_ONCE]) :]

    def _is_awaited(self, descriptor: int) -> bool:
        """Wait until there is room; False: nobody has read for longer than we may wait."""
        patience_s = 0.0 if self._stalled else self.patience_s
        room = select.poll()
        room.register(descriptor, select.POLLOUT)
        self._stalled = not room.poll(None if patience_s is None else patience_s * 1000)
        if self._stalled:
            self.failure = TimeoutError(errno.ETIMEDOUT, "nobody read it")
        return not self._stalled

    def _encodable(self, text: str) -> str:
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return text.encode(self.encoding, _ERRORS).decode(self.encoding)
        return text

    def _failed(self, error: OSError | ValueError) -> None:
        self.failure, self._given_up = error, True
        # What the stream still holds would fail again when the interpreter ends, and with it the
        # exit code: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        with suppress(OSError, ValueError):
            descriptor = self.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(nowhere, descriptor)
            finally:
                os.close(nowhere)

    def _wait_rather_than_fail(self) -> None:
        """Make a pipe blocking again that another program which has it too made non-blocking."""
        with suppress(io.UnsupportedOperation):  # it is no file
            descriptor = self.fileno()
            if not os.get_blocking(descriptor):
                os.set_blocking(descriptor, True)


class VisibleOutlet(io.TextIOBase):
    """What `print` and the libraries write to: makes control characters visible on the way.

    Args:
        outlet: where it goes; consoles, whose own escape sequences are meant, write there directly.
    """

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding that the stream's reader expects."""
        return self.outlet.encoding

    def write(self, text: str) -> int:
        """Write text as it is seen."""
        self.outlet.write(visible(text))
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        self.outlet.flush()

    def isatty(self) -> bool:
        """Return whether a terminal is, still, at the other end."""
        return self.outlet.isatty()

    def fileno(self) -> int:
        """Return the stream's file descriptor.

        Raises:
            OSError: it has none.
        """
        return self.outlet.fileno()

    def writable(self) -> bool:
        """Return whether text can be handed over: always, if only to be dropped."""
        return True


def bound_patience(patience_s: float) -> None:
    """Have nobody who reads the standard streams no more keep us waiting: see `Outlet`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, VisibleOutlet):
            stream.outlet.patience_s = patience_s


@contextmanager
def guarded_streams() -> Iterator[Outlet]:
    """Have `sys.stdout` and `sys.stderr` never fail while inside; yield the former's outlet."""
    before = sys.stdout, sys.stderr
    output, errors = (Outlet(stream) for stream in before)
    sys.stdout, sys.stderr = VisibleOutlet(output), VisibleOutlet(errors)
    try:
        yield output
    finally:
        output.flush()
        errors.flush()
        sys.stdout, sys.stderr = before


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    shown = (_STAND_INS.get(one) or one.encode("unicode_escape").decode() for one in unknown)
    return "".join(shown), error.end


codecs.register_error(_ERRORS, _stand_in)
