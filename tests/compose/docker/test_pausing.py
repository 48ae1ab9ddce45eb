"""A container that was paused or asked to end is told of as it is, though the daemon is late."""

import threading
from types import SimpleNamespace
from typing import Any, cast

import docker.errors
import pytest
import redis
import requests

from dress_rehearsal.compose.docker import faults
from dress_rehearsal.compose.docker.container_end import ContainerEnd
from dress_rehearsal.compose.docker.containers import ContainerGroup, ManagedContainer
from dress_rehearsal.compose.docker.faults import ContainerFaults
from dress_rehearsal.compose.docker.services import Services
from dress_rehearsal.compose.errors import StageUnusableError, UndecidedError
from dress_rehearsal.compose.losses import Losses
from dress_rehearsal.compose.workers import Children

LATE = requests.ReadTimeout("Read timed out.")
REFUSED = docker.errors.APIError("500 Server Error: no")


class Daemon:
    """One container of a daemon that does what it is told, and fails afterwards where it is to."""

    def __init__(self) -> None:
        self.paused = False
        self.fails: Exception | None = None
        self.killed: list[str] = []

    def pause(self) -> None:
        self.paused = True
        self._answer()

    def unpause(self) -> None:
        self._answer()
        if not self.paused:
            raise docker.errors.APIError("Container x is not paused")
        self.paused = False

    def kill(self, signal: str) -> None:
        self.killed.append(signal)
        self._answer()

    def _answer(self) -> None:
        if self.fails is not None:
            raise self.fails


class Stage:
    """A stage of one container, without setting one."""

    def __init__(self) -> None:
        self.daemon = Daemon()
        self.one = one = ManagedContainer.__new__(ManagedContainer)
        one.container = cast("Any", self.daemon)
        one.asked_to_stop, one._end, one.pid = False, None, 5
        one.identity = cast("Any", SimpleNamespace(alive=True, wait=lambda _: one._end is not None))
        service = SimpleNamespace(stop_signal=None, grace_s=10.0)
        one.spec = cast(
            "Any", SimpleNamespace(container="redis", name="redis", service=service, log="l")
        )
        group = ContainerGroup.__new__(ContainerGroup)
        group._members = [one]
        group._losses = self.losses = Losses(lambda: [one], Children())
        services = Services.__new__(Services)
        services.containers = group
        self.faults = ContainerFaults(services)

    def dies(self) -> list[Any]:
        """Have it die by itself; return what is lost."""
        self.one._end = ContainerEnd(-11)
        self.one._log = cast("Any", SimpleNamespace(await_end=lambda: None))
        self.one.last_lines = lambda *_: []  # type: ignore[method-assign]
        return self.losses.take()


def test_a_pause_that_cannot_be_ended_is_not_told_over_and_ended_later() -> None:
    stage = Stage()
    stage.faults.pause("redis")
    stage.daemon.fails = LATE
    with pytest.raises(StageUnusableError, match="cannot go on"):
        stage.faults.go_on("redis")
    assert stage.daemon.paused
    stage.daemon.fails = None
    stage.faults.calm()
    assert not stage.daemon.paused


def test_a_pause_that_was_answered_too_late_is_undecided_and_over_in_its_time() -> None:
    stage = Stage()
    stage.daemon.fails = LATE
    with pytest.raises(UndecidedError):
        stage.faults.pause("redis")
    assert stage.daemon.paused
    stage.daemon.fails = None
    stage.faults.go_on("redis")
    assert not stage.daemon.paused


def test_a_pause_ends_whether_or_not_it_is_over_already() -> None:
    stage = Stage()
    stage.faults.pause("redis")
    stage.daemon.paused = False  # somebody else was there first
    stage.faults.go_on("redis")
    stage.faults.go_on("redis")
    assert stage.faults._undo == {}


@pytest.mark.parametrize("strike", ["ask_to_end", "kill"])
def test_who_may_have_been_asked_to_end_is_undecided(strike: str) -> None:
    stage = Stage()
    stage.daemon.fails = LATE
    with pytest.raises(UndecidedError, match="may end all the same"):
        _strike(stage, strike)
    assert len(stage.daemon.killed) == 1
    assert stage.dies() == [], "the fault may have done it"


@pytest.mark.parametrize("strike", ["ask_to_end", "kill"])
def test_who_was_not_asked_to_end_is_lost_when_it_dies(strike: str) -> None:
    stage = Stage()
    stage.daemon.fails = REFUSED
    with pytest.raises(StageUnusableError, match="Docker says: 500"):
        _strike(stage, strike)
    (loss,) = stage.dies()
    assert not loss.planned


def test_who_did_not_end_by_the_time_the_fault_does_is_watched_again() -> None:
    stage = Stage()
    stage.daemon.fails = LATE
    with pytest.raises(UndecidedError):
        _strike(stage, "kill")
    with pytest.raises(StageUnusableError, match="it is not down"):
        _restart(stage)
    (loss,) = stage.dies()
    assert not loss.planned


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (redis.TimeoutError("Timeout reading from socket"), UndecidedError),
        (redis.ConnectionError("Connection refused"), StageUnusableError),
    ],
)
def test_a_redis_that_does_not_answer_in_time_may_be_wiped_yet(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: type[Exception]
) -> None:
    def fails(*_: object) -> None:
        raise error

    stage = Stage()
    stage.faults._services = cast("Any", SimpleNamespace(redis_url="redis://x"))
    monkeypatch.setattr(faults, "connect", lambda *_, **__: SimpleNamespace(eval=fails))
    with pytest.raises(told):
        stage.faults.wipe_redis()


def _strike(stage: Stage, strike: str) -> None:
    if strike == "kill":
        stage.faults.kill("redis", "why")
    else:
        stage.faults.ask_to_end("redis")


def _restart(stage: Stage) -> None:
    group = stage.faults.processes
    group._restarting, group._ending = threading.Lock(), False
    group.restart("redis")
