"""What a fault did to a container is undone though the daemon's answer never came; whom it is done
to is always the same one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker.errors
import pytest
import requests

from dress_rehearsal.compose.docker.faults import ContainerFaults
from dress_rehearsal.compose.docker.services import Services
from dress_rehearsal.compose.errors import StageUnusableError, UndecidedError
from dress_rehearsal.plans import Fault
from dress_rehearsal.plans.sections.stage import Limits

NETWORK = "dr-x"
LATE = requests.ReadTimeout("Read timed out.")
LOST = (LATE, docker.errors.APIError("500 Server Error"))
"""How a call fails that the daemon may have obeyed."""


class Daemon:
    """A daemon that has one container, does what it is told, and loses the next answer."""

    def __init__(self) -> None:
        self.networks: dict[str, Any] = {NETWORK: {}}
        self.limits: dict[str, Any] = {"cpu_quota": 100_000, "mem_limit": 2**28}
        self.loses: BaseException | None = None

    def update(self, **limits: Any) -> None:
        self.limits |= {name: limits[name] for name in self.limits if name in limits}
        self._answer()

    def disconnect(self, _: object) -> None:
        del self.networks[NETWORK]
        self._answer()

    def connect(self, _: object, **__: object) -> None:
        if NETWORK in self.networks:
            raise docker.errors.APIError("endpoint with name dr-x-app-1 already exists")
        self.networks[NETWORK] = {}
        self._answer()

    @property
    def attrs(self) -> dict[str, Any]:
        return {"NetworkSettings": {"Networks": self.networks}}

    def reload(self) -> None:
        self._answer()

    def _answer(self) -> None:
        lost, self.loses = self.loses, None
        if lost is not None:
            raise lost


def faults_of(daemon: Daemon, *before: Any) -> ContainerFaults:
    place = SimpleNamespace(address="10.0.0.2")
    limits = Limits.model_validate({"cpus": 1, "memory": "256 MiB"})
    spec = SimpleNamespace(container="app-1", aliases=("app",), place=place, limits=limits)
    one = SimpleNamespace(
        name="app", label="app-1", exit_code=None, spec=spec, container=daemon, log=Path("/x")
    )
    services = Services.__new__(Services)  # of a stage that is set, without setting one
    services._client = cast("Any", SimpleNamespace(networks=SimpleNamespace(get=lambda _: daemon)))
    services._network = cast("Any", SimpleNamespace(name=NETWORK))
    services.containers = cast("Any", SimpleNamespace(containers=lambda: [*before, one]))
    return ContainerFaults(services)


def is_as_before(daemon: Daemon) -> bool:
    return NETWORK in daemon.networks and daemon.limits == Daemon().limits


def fault(name: str, grade: str) -> Fault:
    return Fault.model_validate({"name": name, "at": "T", "service": "app-1", "grade": grade})


KINDS = pytest.mark.parametrize(
    ("name", "grade"), [("cpu_squeeze", "0.2"), ("memory_limit", "64 MiB"), ("network_cut", "on")]
)


@KINDS
@pytest.mark.parametrize("lost", LOST)
def test_what_fails_is_undone_at_once(name: str, grade: str, lost: Exception) -> None:
    daemon = Daemon()
    daemon.loses = lost
    told = UndecidedError if lost is LATE else StageUnusableError
    with pytest.raises(told):
        faults_of(daemon).constrain(fault(name, grade))
    assert is_as_before(daemon)


@KINDS
def test_what_the_daemon_does_after_its_undoing_is_undone_with_the_fault(
    name: str, grade: str
) -> None:
    daemon = Daemon()
    faults = faults_of(daemon)
    daemon.loses = LATE
    with pytest.raises(UndecidedError, match="may have been done all the same"):
        faults.constrain(fault(name, grade))
    faults_of(daemon).constrain(fault(name, grade))  # as a daemon that was busy does it now
    assert not is_as_before(daemon)
    faults.restore(fault(name, grade))
    assert is_as_before(daemon)


@KINDS
def test_what_is_interrupted_is_undone_when_the_stage_is_cleared(name: str, grade: str) -> None:
    daemon = Daemon()
    faults = faults_of(daemon)
    daemon.loses = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        faults.constrain(fault(name, grade))
    assert not is_as_before(daemon)
    faults.calm()
    assert is_as_before(daemon)


@KINDS
def test_what_could_not_be_undone_is_tried_again(name: str, grade: str) -> None:
    daemon = Daemon()
    faults = faults_of(daemon)
    faults.constrain(fault(name, grade))
    assert not is_as_before(daemon)
    daemon.loses = LOST[0]
    with pytest.raises(StageUnusableError):
        faults.restore(fault(name, grade))
    faults.calm()
    assert is_as_before(daemon)


def test_of_several_containers_a_service_is_the_first_whether_it_runs_or_not() -> None:
    daemon = Daemon()
    down = SimpleNamespace(name="app", label="app-0", exit_code=-9)
    squeeze = Fault.model_validate({"name": "cpu_squeeze", "at": "T", "service": "app"})
    with pytest.raises(StageUnusableError, match=r"done to app-0: it does not run\."):
        faults_of(daemon, down).constrain(squeeze)
    assert is_as_before(daemon)
    faults_of(daemon).constrain(squeeze)
    assert not is_as_before(daemon)
