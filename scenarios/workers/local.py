"""The workers that a master starts on its own machine: processes that end when it does."""

import shutil
import socket
import tempfile
import time
from collections.abc import Sequence
from typing import Final, Self

import gevent

from dress_rehearsal.records.environment_variables import all_but
from dress_rehearsal.scenarios.last_words import GONE_S
from dress_rehearsal.scenarios.workers.channel import About
from dress_rehearsal.scenarios.workers.process import (
    ForkedWorker,
    Process,
    input_of,
    started_worker,
)
from dress_rehearsal.scenarios.workers.secret import FILE_VARIABLE, VARIABLE

LOOPBACK: Final = "127.0.0.1"
_LOOK_S: Final = 0.02
_KILLED_S: Final = 5.0


class LocalWorkers:
    """Processes that play; leave the context, and none is left.

    Args:
        number: how many.
        port: where the master listens on loopback.
        forked: those of them that are there already; the others are processes of
            `python -m dress_rehearsal.scenarios.workers`.
    """

    def __init__(
        self, number: int, port: int, secret: bytes, forked: Sequence[ForkedWorker] = ()
    ) -> None:
        self._processes: list[Process] = list(forked)
        # Where this process is killed the last of its workers takes the folder away.
        self._folder = tempfile.mkdtemp(prefix="rehearsal-workers-") if number else None
        try:
            for worker in forked:
                worker.tell(LOOPBACK, port, f"{self._folder}", secret)
            for _ in range(number - len(forked)):
                process = started_worker(
                    LOOPBACK, port, f"{self._folder}", secret, all_but((VARIABLE, FILE_VARIABLE))
                )
                self._processes.append(process)
        except BaseException:
            self.end(0)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.end(GONE_S)

    def has(self, about: About) -> bool:
        """Return whether a worker is one of these processes."""
        pids = {process.pid for process in self._processes}
        return about.host == socket.gethostname() and about.pid in pids

    @property
    def ended(self) -> dict[int, int]:
        """The exit code of each process that has ended, by its pid; negative: by which signal."""
        codes = {process.pid: process.poll() for process in self._processes}
        return {pid: code for pid, code in codes.items() if code is not None}

    def end(self, patience_s: float) -> None:
        """See all of them end, by SIGKILL where they do not within the time."""
        deadline_s = time.monotonic() + patience_s
        while len(self.ended) < len(self._processes) and time.monotonic() < deadline_s:
            gevent.sleep(_LOOK_S)
        for process in self._processes:
            input_of(process).close()
            process.kill()
        for process in self._processes:
            process.wait(_KILLED_S)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def why(code: int) -> str:
    """Return how a process ended, as the end of a sentence."""
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"its process {how} before the rush was over"
