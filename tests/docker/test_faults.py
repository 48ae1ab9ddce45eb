"""Faults of services that are containers, live: done, seen from outside, and undone."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import docker
import psycopg
import pytest
import redis
from docker.models.containers import Container

from dress_rehearsal.compose import StageUnusableError
from dress_rehearsal.compose.docker.daemon import LABEL
from dress_rehearsal.compose.docker.stage import DockerStage
from dress_rehearsal.compose.stage import Loss
from dress_rehearsal.compose.target import Target
from dress_rehearsal.plans import Fault, Plan, seeded_roster
from dress_rehearsal.plans.plan import Event
from dress_rehearsal.plans.sections.app import App
from dress_rehearsal.plans.sections.stage import Limits, StageSection
from dress_rehearsal.plans.sections.target import Target as Where
from dress_rehearsal.records import RunDirectory

pytestmark = pytest.mark.xdist_group("stage")

WITHIN_S = 30.0
LIMITS = Limits.model_validate({"cpus": 1, "memory": "256 MiB"})


def fault(name: str, **more: Any) -> Fault:
    return Fault.model_validate({"name": name, "at": "T", **more})


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Live:
    """A stage that is set, and its containers as the daemon has them."""

    def __init__(self, stage: DockerStage, client: docker.DockerClient) -> None:
        self.stage, self._client = stage, client

    def container(self, name: str) -> Container:
        return self._client.containers.get(f"{self.stage.roster_path.parent.name}-{name}")

    def status(self, name: str) -> str:
        return str(self.container(name).status)

    def address(self, name: str) -> str:
        (network,) = self.container(name).attrs["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def limit(self, name: str, key: str) -> int:
        return int(self.container(name).attrs["HostConfig"][key])

    def lost(self) -> Loss:
        found: list[Loss] = []
        await_true(lambda: bool(found.extend(self.stage.lost()) or found))
        (loss,) = found
        return loss


@pytest.fixture(scope="module")
def live(images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    plan = Plan(
        name="faults-of-containers",
        event=Event(students=60, tickets=20),
        app=App(workers=2, allocation="redis_writeback"),
        target=Where(stage="docker"),
        stage=StageSection(app_containers=2, limits={"app": LIMITS}),
    )
    run = RunDirectory.create(tmp_path_factory.mktemp("runs"), plan)
    with pytest.MonkeyPatch.context() as patch, closing(docker.from_env()) as client:
        for name, value in images.items():
            patch.setenv(name, value)
        with DockerStage(plan, run, seeded_roster(60, 3, seed=1), lambda _: None) as stage:
            mine: dict[str, str | list[str] | bool] = {
                "label": f"{LABEL}={stage.roster_path.parent.name}"
            }
            yield Live(stage, client)
            # Cleared in the midst of everything: what stands still, is cut off or squeezed.
            for name in ("postgres", "redis", "app-1"):
                stage.strike(fault("pause", service=name))
            stage.strike(fault("network_cut", service="app-2"))
            stage.strike(fault("cpu_squeeze", service="writeback"))
        assert client.containers.list(all=True, filters=mine) == []
        assert client.networks.list(filters=mine) == []
        assert client.volumes.list(filters=mine) == []


@pytest.fixture(autouse=True)
def _well_again(live: Live) -> Iterator[None]:
    """After each test everything runs and serves as before."""
    live.stage.lost()
    yield
    await_true(lambda: Target(live.stage.url).ready())
    running = {name: live.status(name) for name, _ in live.stage.containers()}
    assert set(running.values()) == {"running"}
    assert {"postgres", "redis", "app-1", "app-2", "writeback", "nginx"} == set(running)
    with psycopg.connect(live.stage.dsn) as connection:
        assert connection.execute("SELECT tickets FROM events").fetchone() == (20,)


@pytest.mark.parametrize("service", ["postgres", "redis", "app-2", "writeback", "nginx"])
def test_what_is_paused_stands_still_and_goes_on(live: Live, service: str) -> None:
    pause = fault("pause", service=service)
    live.stage.strike(pause)
    try:
        assert live.status(service) == "paused"
    finally:
        live.stage.relieve(pause)
    assert live.status(service) == "running"
    live.stage.relieve(pause)  # once more, to no effect
    assert live.stage.lost() == []


@pytest.mark.parametrize("service", ["postgres", "redis", "app-2", "writeback", "nginx"])
def test_what_is_killed_is_a_planned_loss_and_comes_back_where_it_was(
    live: Live, service: str
) -> None:
    kill, address = fault("kill", service=service), live.address(service)
    live.stage.strike(kill)
    try:
        assert live.status(service) == "exited"
        loss = live.lost()
    finally:
        live.stage.relieve(kill)
    assert (loss.exit_code, loss.planned) == (-signal.SIGKILL, True)
    assert live.address(service) == address


@pytest.mark.parametrize("service", ["postgres", "redis", "app-2", "writeback", "nginx"])
def test_what_is_asked_to_end_ends_well_and_comes_back(live: Live, service: str) -> None:
    restart, before = fault("restart", service=service), dict(live.stage.containers())[service]
    live.stage.strike(restart)
    live.stage.relieve(restart)
    loss = live.lost()
    assert (loss.exit_code, loss.planned) == (0, True), loss.what
    assert dict(live.stage.containers())[service] != before


@pytest.mark.parametrize("name", ["database_down", "redis_down"])
def test_the_older_names_are_done_the_same_way(live: Live, name: str) -> None:
    live.stage.strike(fault(name))
    assert live.lost().planned
    live.stage.relieve(fault(name))


def test_what_is_cut_off_is_reached_by_nobody_and_then_where_it_was(live: Live) -> None:
    cut, address = fault("network_cut", service="redis"), live.address("redis")
    with closing(redis.Redis.from_url(live.stage.redis_url, socket_timeout=2)) as client:
        client.set("what it holds", 1)
    live.stage.strike(cut)
    try:
        with pytest.raises(OSError), socket.create_connection((address, 6379), 0.5):
            pass
    finally:
        live.stage.relieve(cut)
    assert live.address("redis") == address
    with closing(redis.Redis.from_url(live.stage.redis_url, socket_timeout=2)) as client:
        assert client.get("what it holds") == b"1"
    assert live.stage.lost() == []


@pytest.mark.parametrize(
    ("service", "before"), [("app-1", 100_000), ("redis", -1)], ids=["limited", "unlimited"]
)
def test_a_squeezed_one_gets_back_what_it_had(live: Live, service: str, before: int) -> None:
    squeeze = fault("cpu_squeeze", service=service, grade="0.2")
    live.stage.strike(squeeze)
    assert live.limit(service, "CpuQuota") == 20_000
    live.stage.relieve(squeeze)
    assert live.limit(service, "CpuQuota") == before


def test_a_limit_of_memory_is_put_back(live: Live) -> None:
    less = fault("memory_limit", service="app-1", grade="200 MiB")
    live.stage.strike(less)
    assert live.limit("app-1", "Memory") == 200 * 2**20
    live.stage.relieve(less)
    assert live.limit("app-1", "Memory") == 256 * 2**20


def test_a_redis_that_is_wiped_has_lost_its_keys(live: Live) -> None:
    with closing(redis.Redis.from_url(live.stage.redis_url)) as client:
        client.set("what it held", 1)
        live.stage.strike(fault("redis_wipe"))
        assert client.get("what it held") is None


def test_a_worker_in_a_container_is_killed_as_planned_and_replaced(live: Live) -> None:
    before = [pid for name, pid in live.stage.components() if name == "app"]
    live.stage.strike(fault("worker_crash"))
    loss = live.lost()
    assert loss.planned
    assert loss.pid in before
    await_true(
        lambda: len([1 for name, _ in live.stage.components() if name == "app"]) == len(before)
    )


def test_a_worker_in_a_container_is_stopped_and_goes_on(live: Live) -> None:
    live.stage.strike(fault("worker_stopped"))
    live.stage.relieve(fault("worker_stopped"))
    assert live.stage.lost() == []


def test_an_app_is_asked_to_end_and_is_there_again(live: Live) -> None:
    live.stage.strike(fault("sigterm_mid_sale"))
    live.stage.relieve(fault("sigterm_mid_sale"))
    loss = live.lost()
    assert (loss.exit_code, loss.planned) == (0, True)


def test_to_what_is_down_nothing_can_be_done_and_that_is_a_sentence(live: Live) -> None:
    kill = fault("kill", service="redis")
    live.stage.strike(kill)
    try:
        with pytest.raises(StageUnusableError, match=r"redis: it does not run\."):
            live.stage.strike(fault("pause", service="redis"))
    finally:
        live.stage.relieve(kill)
    assert live.lost().planned
