"""Whom Locust deals students to: the workers that were admitted and there when the rush began.

Each of those has its share for good. Locust itself deals all anew whenever a worker joins, and
would take from the others students who are in the middle of their story.
"""

import time
from collections.abc import Callable, Generator, Iterable
from typing import Final

import gevent
from locust import User
from locust.dispatch import UsersDispatcher
from locust.runners import WorkerNode

_DECIDED_WITHIN_S: Final = 10.0
_EXPECTED_WITHIN_S: Final = 60.0
_LOOK_S: Final = 0.02


class Dealing:
    """Makes Locust's dispatchers, and knows which workers they may deal to.

    Args:
        ready: gives the workers that stand ready, as Locust knows them.
        is_admitted: says whether a worker knows the secret; None: that is not decided yet.
        expected: how many have to be there before anybody is dealt students.
    """

    def __init__(
        self,
        ready: Callable[[], list[WorkerNode]],
        is_admitted: Callable[[str], bool | None],
        expected: int = 1,
    ) -> None:
        self._ready, self._is_admitted, self._expected = ready, is_admitted, expected
        self._workers: frozenset[str] | None = None
        self._say_late: Callable[[str], None] | None = None
        self.is_done = False
        """Whether all students of the rush have been dealt out."""

    def begin(self, workers: Iterable[str], say_late: Callable[[str], None]) -> None:
        """Deal to nobody but these from now on; `say_late` is told of each that joins later."""
        self._workers, self._say_late = frozenset(workers), say_late

    def end(self) -> None:
        """Deal to whoever is admitted, until the next rush begins."""
        self._workers, self._say_late, self.is_done = None, None, False

    def takes_part(self, worker: str) -> bool:
        """Return whether students may be dealt to a worker."""
        if self._workers is None:
            return bool(self._is_admitted(worker))
        return worker in self._workers

    def joins(self, worker: str) -> bool:
        """Return whether students may be dealt to a worker that joins now; say it where not."""
        if self.takes_part(worker):
            return True
        if self._say_late is not None:
            self._say_late(worker)
        return False

    def __call__(
        self, worker_nodes: list[WorkerNode], user_classes: list[type[User]]
    ) -> UsersDispatcher:
        """Return a dispatcher, as Locust asks for one.

        Locust asks once it has heard of the workers, which may be before they have proved
        themselves, or though some of them could not. That it is decided is waited for, 10 s at
        most, and that as many as expected are there, a minute.
        """
        begun_s = time.monotonic()
        while not (decided := self._is_decided()) or len(self._admitted()) < self._expected:
            if time.monotonic() - begun_s > (_EXPECTED_WITHIN_S if decided else _DECIDED_WITHIN_S):
                break
            gevent.sleep(_LOOK_S)
        return Dispatcher(self, self._admitted() or worker_nodes, user_classes)

    def _is_decided(self) -> bool:
        return all(self._is_admitted(node.id) is not None for node in self._ready())

    def _admitted(self) -> list[WorkerNode]:
        return [node for node in self._ready() if self._is_admitted(node.id)]


class Dispatcher(UsersDispatcher):
    """Locust's own, for those that take part."""

    def __init__(
        self, dealing: Dealing, worker_nodes: list[WorkerNode], user_classes: list[type[User]]
    ) -> None:
        taking_part = [node for node in worker_nodes if dealing.takes_part(node.id)]
        super().__init__(taking_part, user_classes)
        self._dealing = dealing
        self._nobody = {
            node.id: {user_class.__name__: 0 for user_class in user_classes}
            for node in worker_nodes
        }

    @property
    def workers(self) -> list[str]:
        """The workers' ids in the order in which Locust deals out users: who is dealt one more has
        a share that is one larger."""
        return [node.id for node in self._worker_nodes]

    @property
    def dispatch_in_progress(self) -> bool:
        """Whether Locust may not deal anew when a worker comes or goes."""
        return self._dealing.is_done or super().dispatch_in_progress

    def add_worker(self, worker_node: WorkerNode) -> None:
        if self._dealing.joins(worker_node.id):
            super().add_worker(worker_node)

    def _dispatcher(self) -> Generator[dict[str, dict[str, int]], None, None]:
        if not self._worker_nodes:  # those that came later stay, and all others are lost
            yield self._nobody
            return
        yield from super()._dispatcher()
        self._dealing.is_done = True
