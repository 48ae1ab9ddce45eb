"""Readiness: which of the sockets that are watched have something to read.

On Linux they are watched by one epoll instance of their own. A socket is put there once, not for
each answer that is waited for, and the loop, which watches the instance, is told of all that have
something in one call. Elsewhere the loop watches each.
"""

import select
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from gevent import monkey

READ: Final = 1
"""What a watcher of the loop's goes off for."""
SOMETHING: Final = 1
"""What has come, as the kernel writes it (EPOLLIN)."""
_MOST: Final = 4096
"""How many are told at once."""


class Watched(Protocol):
    """What has something to read now and then."""

    stirred: int
    """Not 0 where something has come that it has not read yet, as far as anybody has looked; more
    than `SOMETHING` where nothing will come after that."""

    def read(self) -> None:
        """Read what there is; nobody says again that it is there."""


class Epoll:
    """Sockets that are watched by the kernel.

    Args:
        hub: whose loop is to watch it.
        begin: called by the loop when there may be something to read.
    """

    __slots__ = ("_epoll", "_watched", "_watcher", "looked_ns")

    def __init__(self, hub: Any, begin: Callable[[], Any]) -> None:
        self.looked_ns = 0
        """What had come by then (Unix) has stirred those it came for; 0: nobody knows."""
        self._epoll = monkey.get_original("select", "epoll")()
        self._watched: dict[int, Watched] = {}
        self._watcher = hub.loop.io(self._epoll.fileno(), READ)
        self._watcher.start(begin)

    def watch(self, fileno: int, watched: Watched) -> None:
        """Watch a socket, until it is to be forgotten."""
        self._watched[fileno] = watched
        self._epoll.register(fileno, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)

    def forget(self, fileno: int) -> None:
        """Watch a socket no more; it is still open."""
        if self._watched.pop(fileno, None) is not None:
            self._epoll.unregister(fileno)

    def ready(self) -> list[Watched]:
        """Return for whom something has come since this was last asked, in that order."""
        stirred, watched, now_ns = [], self._watched, time.time_ns()
        found = self._epoll.poll(0, _MOST)
        if len(found) < _MOST:
            self.looked_ns = now_ns
        for fileno, events in found:
            one = watched[fileno]
            if not one.stirred:
                stirred.append(one)
            one.stirred |= events
        return stirred


class Watchers:
    """Sockets that the loop watches one by one; see `Epoll`.

    The loop says that something is there until it is read. Of what nobody reads, such as the end of
    a connection that is not in use, it is asked no more until somebody has.
    """

    __slots__ = ("_begin", "_hub", "_ready", "_silenced", "_watchers", "looked_ns")

    def __init__(self, hub: Any, begin: Callable[[], Any]) -> None:
        self.looked_ns = 0
        self._hub, self._begin = hub, begin
        self._ready: dict[int, Watched] = {}
        self._watchers: dict[int, Any] = {}
        self._silenced: dict[int, Watched] = {}

    def watch(self, fileno: int, watched: Watched) -> None:
        """Watch a socket, until it is to be forgotten."""
        watcher = self._watchers[fileno] = self._hub.loop.io(fileno, READ)
        watcher.start(self._note, fileno, watched)

    def _note(self, fileno: int, watched: Watched) -> None:
        if watched.stirred:
            self._silenced[fileno] = watched
            self._watchers[fileno].stop()
            return
        self._ready[fileno] = watched
        self._begin()

    def forget(self, fileno: int) -> None:
        """Watch a socket no more; it is still open."""
        self._ready.pop(fileno, None)
        self._silenced.pop(fileno, None)
        watcher = self._watchers.pop(fileno, None)
        if watcher is not None:
            watcher.stop()
            watcher.close()

    def ready(self) -> list[Watched]:
        """Return for whom something is there, in the order in which it came."""
        for fileno in [each for each, one in self._silenced.items() if not one.stirred]:
            watcher = self._watchers[fileno]
            watcher.start(self._note, fileno, self._silenced.pop(fileno))
        ready, self._ready = self._ready, {}
        stirred = [one for one in ready.values() if not one.stirred]
        for one in stirred:
            one.stirred = SOMETHING
        return stirred


def readiness(hub: Any, begin: Callable[[], Any]) -> Epoll | Watchers:
    """Return what watches sockets on a hub's loop on this system."""
    return Epoll(hub, begin) if hasattr(select, "EPOLLIN") else Watchers(hub, begin)
