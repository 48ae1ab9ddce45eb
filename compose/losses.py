"""The losses of a stage: who ended though nobody stopped them, and who ended as a fault wanted."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from dress_rehearsal.compose.process import Managed
from dress_rehearsal.compose.stage import Loss
from dress_rehearsal.compose.workers import Workers


class Losses:
    """Finds who ended since it last looked.

    Faults say from threads of their own whose end is planned.

    Args:
        members: returns the processes that are to serve until they are stopped.
        workers: tells those of the app, whose main process is the component `app`.
    """

    def __init__(self, members: Callable[[], Sequence[Managed]], workers: Workers) -> None:
        self.looking = threading.Lock()
        """Held while somebody looks: who asks one to end under it is never taken for a loss."""
        self._members = members
        self._workers = workers
        self._found: list[Loss] = []
        self._watched: dict[int, set[int]] = {}  # workers by the pid of the app's main process
        self._reported: set[int] = set()
        self._planned: dict[int, str] = {}  # pid to the sentence that says why
        self._expected: str | None = None

    def take(self) -> list[Loss]:
        """Return what was lost since this was last asked."""
        with self.looking:
            self._look()
            found, self._found = self._found, []
        return found

    def add(self, loss: Loss) -> None:
        """Take in one that somebody waited for."""
        with self.looking:
            self._found.append(loss)

    def plan_worker(self, app: Managed, pid: int, why: str) -> None:
        """Take the end of one of the app's workers for a planned loss."""
        with self.looking:
            self._watched.setdefault(app.pid, set()).add(pid)
            self._planned[pid] = why

    def unplan_worker(self, pid: int) -> None:
        """Take its end for a loss as any other again."""
        with self.looking:
            self._planned.pop(pid, None)

    def plan_next_worker(self, why: str | None) -> None:
        """Take the next worker that ends for a planned loss, or (None) none any more."""
        with self.looking:
            self._look()  # what has ended by now is still judged by the old rule
            self._expected = why

    def _look(self) -> None:
        for process in self._members():
            code = process.exit_code
            if process.asked_to_stop:
                continue
            if code is not None:
                if process.pid not in self._reported:
                    self._reported.add(process.pid)
                    self._found.append(_unasked(process, code))
            elif process.name == "app":
                watched = self._workers.watched(process)
                gone = self._watched.get(process.pid, set()) - watched
                self._found += [self._worker_loss(pid) for pid in sorted(gone)]
                self._watched[process.pid] = watched

    def _worker_loss(self, pid: int) -> Loss:
        loss = self._workers.loss(pid)
        why = self._planned.pop(pid, None)
        if why is None:
            why, self._expected = self._expected, None
        return loss if why is None else replace(loss, what=why, planned=True)


def _unasked(process: Managed, code: int) -> Loss:
    lines = process.last_lines(1)
    last = f" Its last line: {lines[0]}" if lines else ""
    return Loss(
        process.name,
        process.pid,
        code,
        f"{process.name} (pid {process.pid}) {process.how_it_ended(code)} though nobody stopped it."
        f"{last}",
    )


def unclean(process: Managed, code: int) -> Loss:
    """Return the loss of one that was asked to end and did not end well."""
    what = f"{process.name} was asked to end and {process.how_it_ended(code)}."
    return Loss(process.name, process.pid, code, what)


def standing(process: Managed) -> list[Loss]:
    """Return the loss of a process that is stopped, or has one below it that is; else none."""
    identity = process.identity
    if identity is None:
        return []
    still = next((one for one in (identity, *identity.descendants()) if one.stopped), None)
    if still is None:
        return []
    who = process.name if still is identity else f"a process of {process.name}"
    what = f"{who} (pid {still.pid}) stood still, stopped by a signal, when it was asked to end."
    return [Loss(process.name, still.pid, None, what)]
