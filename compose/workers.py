"""The workers of an app: the processes below its main one, some of whose ends are losses."""

from typing import Protocol

import psutil

from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.process import Managed
from dress_rehearsal.compose.stage import Loss


class Workers(Protocol):
    """Tells an app's workers by their pids."""

    def below(self, app: Managed) -> set[int]:
        """Return the app's processes below its main one."""

    def watched(self, app: Managed) -> set[int]:
        """Return those whose end is a loss, or would be: who is missing from now on is lost."""

    def loss(self, pid: int) -> Loss:
        """Return the loss of one that was watched and is no more."""


class Children:
    """The workers of the reference app: the children of its main process."""

    def below(self, app: Managed) -> set[int]:
        """Return the app's processes below its main one."""
        try:
            children = psutil.Process(app.pid).children()
        except psutil.NoSuchProcess:
            return set()
        return {child.pid for child in children if ProcessId.of(child.pid) is not None}

    def watched(self, app: Managed) -> set[int]:
        """Return the same: each one's end is a loss."""
        return self.below(app)

    def loss(self, pid: int) -> Loss:
        """Return the loss of one."""
        what = f"A worker of the app (pid {pid}) ended though nobody stopped it."
        return Loss("app", pid, None, what)
