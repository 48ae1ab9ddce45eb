"""A worker's process, as its master or `rehearse worker` starts it."""

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Final, Protocol

import gevent
from gevent import monkey

_close: Final[Callable[[int], None]] = monkey.get_original("os", "close")
"""At once: gevent's own waits for the loop, and a worker that waits for its master has none."""
_LOOK_S: Final = 0.02
_STDIN: Final = 0


class Process(Protocol):
    """What a worker runs in: a process of `subprocess`, or a forked one."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def stdin(self) -> IO[bytes] | None:
        """The pipe whose end is the worker's."""

    def poll(self) -> int | None:
        """Return its exit code, negative: by which signal; None while it runs."""

    def kill(self) -> None:
        """Send it SIGKILL, if it is still there."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit code and return it."""


class ForkedWorker:
    """A worker that was forked from its master, which shares its memory as long as both only read.

    Args:
        pipe: a descriptor; its other end is the worker's standard input.
    """

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self.stdin: IO[bytes] | None = os.fdopen(pipe, "wb")
        self._code: int | None = None

    def tell(self, host: str, port: int, folder: str, secret: bytes) -> None:
        """Say where its master is, and the secret: it waits for that (see `started_worker`)."""
        pipe = input_of(self)
        with suppress(BrokenPipeError):  # it has ended: whoever looks finds out how
            pipe.write(json.dumps([host, f"{port}", folder]).encode() + b"\n")
            pipe.write(secret.hex().encode() + b"\n")
            pipe.flush()

    def poll(self) -> int | None:
        """Return its exit code, negative: by which signal; None while it runs."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def kill(self) -> None:
        """Send it SIGKILL, if it is still there."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit code and return it.

        Raises:
            TimeoutError: it still runs.
        """
        deadline_s = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline_s is not None and time.monotonic() > deadline_s:
                raise TimeoutError(f"worker {self.pid} still runs")
            gevent.sleep(_LOOK_S)
        return code


def forked_workers(number: int, held: Sequence[int]) -> list[ForkedWorker] | None:
    """Fork workers from this process, which has imported all that they need.

    What is there by now they share: 60 MB that each would otherwise have for itself. So it is done
    before this process knows of anything that is not for them.

    Args:
        held: descriptors that are this process's alone.

    Returns:
        None in each of the workers: there standard input is the end of its pipe.
    """
    sys.stdout.flush()  # else each would write it once more
    gc.collect()
    gc.freeze()  # else the first look for garbage would write to each page that is shared
    workers: list[ForkedWorker] = []
    for _ in range(number):
        theirs, ours = os.pipe()
        pid = os.fork()
        if not pid:
            os.dup2(theirs, _STDIN)
            for one in (theirs, ours, *held):
                _close(one)
            for worker in workers:
                input_of(worker).close()
            return None
        _close(theirs)
        workers.append(ForkedWorker(pid, ours))
    return workers


def started_worker(
    host: str,
    port: int,
    folder: str,
    secret: bytes,
    environment: Mapping[str, str],
    more: Sequence[str] = (),
) -> "subprocess.Popen[bytes]":
    """Start `python -m dress_rehearsal.scenarios.workers`.

    It is given the secret over a pipe that stays open as long as this process lives: its end is
    the worker's. So nothing of it stands in a command line or an environment.

    Args:
        host, port: where its master is.
        folder: of what it writes to the disk; whoever starts it takes it away again.
        more: further words of its command line.
    """
    module = "dress_rehearsal.scenarios.workers"
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, host, f"{port}", folder, *more],
        env=dict(environment),
        stdin=subprocess.PIPE,
    )
    pipe = input_of(process)
    pipe.write(secret.hex().encode() + b"\n")
    pipe.flush()
    return process


def input_of(process: Process) -> IO[bytes]:
    """Return the pipe whose end is the worker's."""
    pipe = process.stdin
    if pipe is None:
        raise RuntimeError("a worker was started without a pipe")
    return pipe
