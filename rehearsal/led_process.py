"""A child process that is led by lines, over two pipes of its own."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from dress_rehearsal.compose.process import KILLED_S, ended
from dress_rehearsal.records.files import remedy
from dress_rehearsal.rehearsal.errors import GeneratorFailedError

_LAST_WORDS: Final = 15


class LedProcess:
    """A Python module in a session of its own: Ctrl-C is for its leader to handle.

    Its last two arguments are the descriptors from which it reads orders and to which it writes
    what it has to say, a line each. Standard output is none of them: whatever a `sitecustomize` or
    a library prints there goes to the log, and standard input is empty.

    Args:
        module: what `python -m` runs.
        log: gets everything else that it writes.
        heard: gets each of its lines, on a thread of their own, and None when there are no more.

    Raises:
        GeneratorFailedError: it cannot be started; nothing of it is left.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        heard: Callable[[bytes | None], None],
    ) -> None:
        self._log, self._heard = log, heard
        try:
            self._start(module, arguments, environment)
        except (OSError, RuntimeError) as error:  # the latter of a thread
            raise GeneratorFailedError(
                f"The process {module} cannot be started: {_why(error, log)}."
            ) from error

    def _start(self, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        with ExitStack() as ours, ExitStack() as its:
            its_orders, orders = os.pipe()
            its.callback(os.close, its_orders)
            self._orders = ours.enter_context(os.fdopen(orders, "wb"))
            lines, its_lines = os.pipe()
            its.callback(os.close, its_lines)
            self._lines = ours.enter_context(os.fdopen(lines, "rb"))
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments, f"{its_orders}", f"{its_lines}"],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=its.enter_context(self._log.open("ab")),
                stderr=subprocess.STDOUT,
                pass_fds=(its_orders, its_lines),
                start_new_session=True,
            )
            ours.callback(self._kill)
            self._reader = threading.Thread(target=self._read, name=module, daemon=True)
            self._reader.start()
            ours.pop_all()

    def _kill(self) -> None:
        self.signal(signal.SIGKILL)
        ended(self._process, KILLED_S)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def tell(self, order: str) -> None:
        """Give it an order; when it has ended, whoever waits for its lines finds out."""
        with suppress(BrokenPipeError):
            self._orders.write(order.encode() + b"\n")
            self._orders.flush()

    def dismiss(self) -> None:
        """Tell it that there will be no more orders."""
        with suppress(BrokenPipeError):  # it had gone before reading all
            self._orders.close()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self, patience_s: float = 0.0) -> None:
        """See it end, by SIGKILL where it does not within `patience_s`, and what it said heard."""
        self.signal(signal.SIGCONT)  # stopped, it would not hear that it is to end
        if ended(self._process, patience_s) is None:
            self.signal(signal.SIGKILL)
            ended(self._process, KILLED_S)
        self._reader.join(KILLED_S)
        self.dismiss()

    def last_words(self) -> str:
        """Return the end of its log, indented for a message; empty when there is none."""
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line}" for line in lines[-_LAST_WORDS:])

    def _read(self) -> None:
        with self._lines:  # to its end: somebody may have the pipe whom it left behind
            for line in self._lines:
                if line.endswith(b"\n"):  # else it was killed within it
                    self._heard(line)
        self._heard(None)


def _why(error: OSError | RuntimeError, log: Path) -> str:
    """Return why a process could not be started, and what helps, the end of a sentence."""
    if isinstance(error, BlockingIOError | RuntimeError):
        return "this machine lets us have no more processes now; end others, or raise ulimit -u"
    if not log.parent.is_dir():
        return f"the folder {log.parent}, which gets its log, is gone; leave a run's folder alone"
    return f"{error.strerror or error}; {remedy(error, 'try again once that has changed')}"
