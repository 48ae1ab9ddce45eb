"""Locust's own local runner, which besides notices what is lost when users are stopped."""

import time
from typing import Any
from weakref import WeakKeyDictionary

import gevent
from locust.env import Environment
from locust.runners import LocalRunner
from locust.user.task import LOCUST_STATE_STOPPING

_JUST_BEFORE_S = 0.02


class NoticingRunner(LocalRunner):
    """Counts users that were still in a task when their time to finish it was up."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.cut = 0
        """Users that were stopped in the middle of a task."""
        self.hung = 0
        """… those of them of whom no request had ended for as long as they were given."""
        self.begun_ns: list[int] = []
        """When each user began."""
        self._heard: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def heard(self) -> None:
        """Note that a request of the running greenlet's has ended."""
        self._heard[gevent.getcurrent()] = time.monotonic()

    def spawn_users(self, user_classes_spawn_count: dict[str, int], wait: bool = False) -> Any:
        """Begin users, as Locust does, and keep when."""
        self.begun_ns += [time.time_ns()] * sum(user_classes_spawn_count.values())
        return super().spawn_users(user_classes_spawn_count, wait)

    def stop_users(self, user_classes_stop_count: dict[str, int]) -> None:
        """Stop users, as Locust does, and count those that do not get done in time."""
        patience_s = self.environment.stop_timeout
        if patience_s <= _JUST_BEFORE_S:
            super().stop_users(user_classes_stop_count)
            return
        counting = gevent.spawn_later(patience_s - _JUST_BEFORE_S, self._count, patience_s)
        try:
            super().stop_users(user_classes_stop_count)
        finally:
            counting.kill(block=False)

    def _count(self, patience_s: float) -> None:
        silent_since = time.monotonic() - patience_s
        for greenlet in list(self.user_greenlets):
            user = greenlet.args[0] if greenlet.args else None
            if getattr(user, "_state", None) == LOCUST_STATE_STOPPING:
                self.cut += 1
                self.hung += self._heard.get(greenlet, 0.0) <= silent_since


def noticing_runner(environment: Environment) -> NoticingRunner:
    """Give an environment its runner, as `create_local_runner` does, and return it."""
    return environment._create_runner(NoticingRunner)  # noqa: SLF001 (takes a class, unlike that)
