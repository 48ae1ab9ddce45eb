"""The workers of a user's own app: who was below its main process when the sale was set to open."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import psutil

from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.process import Managed
from dress_rehearsal.compose.stage import Loss

REPLACED_S: Final = 2.0
"""How long a worker's parent may take to start another in its place."""


class SealedWorkers:
    """Those that were taken for workers, and whoever took the place of one.

    What comes later may be a helper that is meant to end. A worker that ends is lost, and replaced
    where its parent soon starts another of its name: servers recycle workers after so many
    requests, and what they do when one has crashed looks the same from here.
    """

    def __init__(self) -> None:
        self._sealed: dict[int, _Worker] = {}

    def seal(self, main: Iterable[Managed]) -> None:
        """Take whoever is below these processes now for a worker."""
        for process in main:
            for one in _descendants(process):
                worker = _Worker.of(one)
                if worker is not None:
                    self._sealed[one.pid] = worker

    @property
    def identities(self) -> set[ProcessId]:
        """All of them, those that have ended too."""
        return {worker.identity for worker in self._sealed.values()}

    @property
    def any_missed(self) -> bool:
        """Whether one has ended that may be replaced yet."""
        return any(worker.missed for worker in self._sealed.values())

    def below(self, app: Managed) -> set[int]:
        """Return the app's processes below its main one, workers or not."""
        return {one.pid for one in _descendants(app)}

    def watched(self, app: Managed) -> set[int]:
        """Return the workers that live, and those that may be replaced yet."""
        now_s = time.monotonic()
        for worker in list(self._sealed.values()):
            if worker.over or worker.identity.alive:
                continue
            worker.gone_s = worker.gone_s or now_s
            worker.successor = self._successor(worker, app)
            worker.given_up = worker.successor is None and now_s - worker.gone_s >= REPLACED_S
        return {pid for pid, worker in self._sealed.items() if not worker.over}

    def loss(self, pid: int) -> Loss:
        """Return the loss of one, with who took its place."""
        worker = self._sealed[pid]
        who = f"A worker of the app ({worker.name}, pid {pid})"
        if worker.successor is None:
            return Loss("app", pid, None, f"{who} ended though nobody stopped it.")
        what = f"{who} ended, and pid {worker.successor} took its place."
        return Loss("app", pid, None, what, replaced=True)

    def _successor(self, gone: "_Worker", app: Managed) -> int | None:
        """Return who took a worker's place, and take them for a worker from now on."""
        for one in _descendants(app):
            if one.pid in self._sealed:
                continue
            newcomer = _Worker.of(one)
            if newcomer is not None and (newcomer.parent, newcomer.name) == (
                gone.parent,
                gone.name,
            ):
                self._sealed[one.pid] = newcomer
                return one.pid
        return None


@dataclass(slots=True)
class _Worker:
    """A process below the app's main one, while it lives and afterwards.

    Attributes:
        parent: the pid of who started it.
        gone_s: when it was first found to have ended (monotonic); None: it lives.
        successor: the pid of who took its place.
        given_up: nobody did.
    """

    identity: ProcessId
    parent: int
    name: str
    gone_s: float | None = None
    successor: int | None = None
    given_up: bool = False

    @classmethod
    def of(cls, identity: ProcessId) -> "_Worker | None":
        """Return what is known of a process, None where it has ended."""
        try:
            process = psutil.Process(identity.pid)
            return cls(identity, process.ppid(), process.name())
        except psutil.Error:
            return None

    @property
    def over(self) -> bool:
        """Whether it has ended, and what became of its place is known."""
        return self.given_up or self.successor is not None

    @property
    def missed(self) -> bool:
        """Whether it has ended, and may be replaced yet."""
        return self.gone_s is not None and not self.over


def _descendants(process: Managed) -> Sequence[ProcessId]:
    identity = process.identity
    return () if identity is None else identity.descendants()
