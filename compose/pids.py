"""A pid that is never mistaken for another process's: it is kept with when that one started."""

import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

MARKER = "DRESS_REHEARSAL_STAGE"
"""Environment variable that every process of a stage carries: the stage's folder."""

_POLL_S = 0.02


def started_at(pid: int) -> int | None:
    """Return when a process started, in a unit that only serves comparison.

    On Linux these are clock ticks since boot, which no change of the wall clock moves.

    Returns:
        None when there is no such process, or only its zombie.
    """
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, *fields = stat.rpartition(")")[2].split()
        return None if state in "ZX" else int(fields[18])
    try:
        process = psutil.Process(pid)
        gone = process.status() == psutil.STATUS_ZOMBIE
        return None if gone else round(process.create_time() * 1e6)
    except psutil.NoSuchProcess:
        return None


@dataclass(frozen=True, slots=True)
class ProcessId:
    """The pid of one process and when that started: a recycled pid is never taken for it."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """Identify a process; None when it has already ended."""
        started = started_at(pid)
        return None if started is None else cls(pid, started)

    @property
    def alive(self) -> bool:
        """Whether this very process, not a later one with its pid, still runs."""
        return started_at(self.pid) == self.started

    @property
    def stopped(self) -> bool:
        """Whether this very process lives and is stopped, as by SIGSTOP."""
        try:
            state = psutil.Process(self.pid).status()
        except psutil.NoSuchProcess:
            return False
        return state == psutil.STATUS_STOPPED and self.alive

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process, or to nobody."""
        if sys.platform == "linux":
            try:
                handle = os.pidfd_open(self.pid)
            except ProcessLookupError:
                return
            try:
                # The handle is held first and compared afterwards: what it names cannot change.
                if self.alive:
                    signal.pidfd_send_signal(handle, number)
            except ProcessLookupError:
                return
            finally:
                os.close(handle)
        elif self.alive:
            os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> bool:
        """Wait until it has ended, child or not; False when it still runs after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        if sys.platform == "linux" and timeout_s > 0:
            try:
                handle = os.pidfd_open(self.pid)
            except ProcessLookupError:
                return True
            try:
                if self.alive:
                    ended = select.poll()
                    ended.register(handle, select.POLLIN)
                    ended.poll(timeout_s * 1000)
            finally:
                os.close(handle)
            return not self.alive
        while self.alive:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def descendants(self) -> list["ProcessId"]:
        """List its children and theirs, as they are now."""
        if not self.alive:
            return []
        try:
            children = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        found = (ProcessId.of(child.pid) for child in children)
        return [child for child in found if child is not None]

    def continue_tree(self) -> None:
        """SIGCONT it and everything below it, which is nothing to what is not stopped."""
        for process in [self, *self.descendants()]:
            process.signal(signal.SIGCONT)

    def kill_tree(self) -> None:
        """SIGKILL it and everything below it."""
        tree = [self, *self.descendants()]
        for process in tree:
            process.signal(signal.SIGKILL)


def carrying_marker(folder: Path) -> Iterator[ProcessId]:
    """Find every process of the stage in `folder`, whoever its parent is by now.

    PostgreSQL's backends write their titles over their environment; they are told by their
    name and by working in the stage's folder.
    """
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER) != str(folder) and not (
                process.name() == "postgres" and Path(process.cwd()).is_relative_to(folder)
            ):
                continue
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or another user's, which none of ours can be
        found = ProcessId.of(process.pid)
        if found is not None:
            yield found


def kill_remnants(folder: Path) -> int:
    """SIGKILL whatever is left of the stage in `folder`, and return how many processes that was."""
    killed = 0
    for _ in range(5):  # one of them may be starting another right now
        found = list(carrying_marker(folder))
        if not found:
            break
        for process in found:
            process.signal(signal.SIGKILL)
        for process in found:
            process.wait(1.0)
        killed += len(found)
    return killed
