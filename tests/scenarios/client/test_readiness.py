"""Where the loop watches each socket, what nobody reads keeps nobody busy."""

import socket
from collections.abc import Iterator

import gevent
import pytest

from dress_rehearsal.scenarios.client.readiness import Watchers

AT_MOST_S = 5.0


class Reader:
    """Something that is watched, and reads only when it is told to."""

    def __init__(self) -> None:
        self.stirred = 0

    def read(self) -> None:
        """Nobody asked for it yet."""


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        yield near, far


class Watching:
    """Watchers of one socket, and how often the loop had them look."""

    def __init__(self, near: socket.socket) -> None:
        self.reader, self.looks = Reader(), 0
        self.watchers = Watchers(gevent.get_hub(), self._look)
        self.watchers.watch(near.fileno(), self.reader)

    def _look(self) -> None:
        self.looks += 1
        self.watchers.ready()

    def await_look(self, number: int) -> None:
        with gevent.Timeout(AT_MOST_S):
            while self.looks < number:
                gevent.sleep(0.001)


def test_the_end_of_a_connection_that_is_not_in_use_is_told_once(pair):
    near, far = pair
    watching = Watching(near)
    far.close()
    watching.await_look(1)
    for _ in range(20):
        gevent.sleep(0.001)
    assert watching.looks == 1
    assert watching.reader.stirred
    watching.watchers.forget(near.fileno())


def test_what_comes_after_somebody_has_read_is_told_again(pair):
    near, far = pair
    watching = Watching(near)
    far.send(b"unasked")
    watching.await_look(1)
    gevent.sleep(0.01)
    near.recv(100)
    watching.reader.stirred = 0
    watching.watchers.ready()  # as after `Scheduler.look_again`
    far.send(b"asked for")
    watching.await_look(2)
    assert watching.reader.stirred
    watching.watchers.forget(near.fileno())
