"""The embedded stage: the real PostgreSQL, Redis and app, set in seconds and gone afterwards."""

import json
import os
import pwd
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis

from dress_rehearsal.compose import EmbeddedStage, Loss, Stage, StageUnusableError
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.port import ClaimedPort
from dress_rehearsal.compose.target import Target
from dress_rehearsal.plans import Person, Plan, read_roster
from dress_rehearsal.records import RunDirectory

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("embedded")]

NewRun = Callable[[Plan], RunDirectory]
Identify = Callable[[int], ProcessId]


@dataclass
class Performance:
    stage: EmbeddedStage
    run: RunDirectory


@pytest.fixture(scope="module")
def performance(small_plan: Plan, people: list[Person], new_run: NewRun) -> Iterator[Performance]:
    """One stage for all tests that leave it standing; what it leaves behind is checked last."""
    run = new_run(small_plan)
    started = time.monotonic()
    with EmbeddedStage(small_plan, run, people) as stage:
        print(f"stage ready in {time.monotonic() - started:.2f} s")
        processes = [ProcessId.of(pid) for _, pid in stage.components()]
        guardian = stage.guardian.pid
        folder = stage.roster_path.parent
        yield Performance(stage, run)
    assert all(process is None or not process.alive for process in processes)
    assert ProcessId.of(guardian) is None
    assert not folder.exists()


def test_it_is_ready_when_entered(performance: Performance) -> None:
    stage: Stage = performance.stage
    assert Target(stage.url).ready()
    assert stage.dsn is not None
    with psycopg.connect(stage.dsn) as connection:
        tables = connection.execute("SELECT count(*) FROM tickets").fetchone()
    assert tables == (0,)
    assert stage.redis_url is not None
    with redis.Redis.from_url(stage.redis_url) as client:
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_postgresql_is_as_durable_as_a_production_server(performance: Performance) -> None:
    with psycopg.connect(performance.stage.dsn) as connection:
        settings = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name IN "
            "('fsync', 'synchronous_commit', 'full_page_writes', 'max_connections')"
        ).fetchall()
    assert dict(settings) == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "max_connections": "100",
    }


def test_every_process_is_listed_by_component(performance: Performance) -> None:
    names = sorted(name for name, _ in performance.stage.components())
    assert names == ["app", "app", "app", "postgres", "redis", "writeback"]  # 1 main, 2 workers
    assert all(ProcessId.of(pid) is not None for _, pid in performance.stage.components())


def test_each_worker_announces_its_metrics(performance: Performance) -> None:
    announced = [
        json.loads(path.read_text())[0] for path in performance.stage.targets_dir.iterdir()
    ]
    jobs = sorted(target["labels"]["job"] for target in announced)
    assert jobs == ["app", "app", "writeback"]
    pids = {int(target["labels"]["pid"]) for target in announced}
    assert pids < {pid for _, pid in performance.stage.components()}


def test_the_sale_opens_when_the_conductor_says(performance: Performance) -> None:
    target = Target(performance.stage.url)
    _, before = target.ask("GET", "/events/festival/countdown")
    assert before["state"] == "waiting"
    t0_ns = time.time_ns() - 1
    performance.stage.open_at(t0_ns)
    _, after = target.ask("GET", "/events/festival/countdown")
    assert (after["state"], after["opens_at_ns"]) == ("open", t0_ns)


def test_secrets_are_on_no_command_line_and_not_in_the_run_directory(
    performance: Performance, people: list[Person]
) -> None:
    stage = performance.stage
    environment = Path(f"/proc/{dict(stage.components())['app']}/environ").read_bytes()
    variables = dict(line.split("=", 1) for line in environment.decode().split("\0") if line)
    secrets = [
        variables[name] for name in ("APP_JWT_SECRET", "APP_QR_SECRET", "APP_PIN_SECRET")
    ] + [stage.admin_token]
    assert len(set(secrets)) == 4
    assert all(len(secret) >= 40 for secret in secrets)
    told = b"".join(
        Path(f"/proc/{pid}/cmdline").read_bytes() for _, pid in stage.components()
    ) + b"".join(path.read_bytes() for path in performance.run.path.rglob("*") if path.is_file())
    assert not [secret for secret in secrets if secret.encode() in told]
    assert not [person for person in people if person.student.encode() in told]


def test_the_roster_and_the_doors_of_the_stores_are_private(
    performance: Performance, people: list[Person]
) -> None:
    stage = performance.stage
    folder = stage.roster_path.parent
    assert read_roster(stage.roster_path) == people
    assert stat.S_IMODE(stage.roster_path.stat().st_mode) == 0o600
    for name in ("postgres", "redis", "targets"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o700
    if os.geteuid() == 0:
        assert (folder / "postgres").stat().st_uid == pwd.getpwnam("pgserver").pw_uid


def test_a_worker_that_dies_is_lost_even_though_the_app_replaces_it(
    performance: Performance, identify: Identify
) -> None:
    stage = performance.stage
    stage.lost()
    _main, worker, *_ = [pid for name, pid in stage.components() if name == "app"]
    identify(worker).signal(signal.SIGKILL)
    losses = await_loss(stage)
    assert [(one.name, one.pid, one.exit_code) for one in losses] == [("app", worker, None)]
    await_true(lambda: len(stage.components()) == 6)  # the replacement
    assert stage.lost() == []


def test_a_dead_write_back_is_lost(performance: Performance, identify: Identify) -> None:
    writeback = dict(performance.stage.components())["writeback"]
    identify(writeback).signal(signal.SIGKILL)
    assert [one.pid for one in await_loss(performance.stage)] == [writeback]


@pytest.fixture(scope="module")
def taken() -> Iterator[int]:
    """A port that somebody outside listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def other(
    performance: Performance, taken: int, naive_plan: Plan, people: list[Person], new_run: NewRun
) -> Iterator[EmbeddedStage]:
    """A second stage beside the first; the port it chose is taken by the time its app starts."""
    with pytest.MonkeyPatch.context() as patch:
        choices = iter([ClaimedPort(taken, None), ClaimedPort.choose()])
        patch.setattr(ClaimedPort, "choose", lambda: next(choices))
        stage = EmbeddedStage(naive_plan, new_run(naive_plan), people)
        with stage:
            yield stage


def test_two_stages_stand_side_by_side(performance: Performance, other: EmbeddedStage) -> None:
    assert other.url != performance.stage.url
    assert other.dsn != performance.stage.dsn
    assert {name for name, _ in other.components()} == {"app", "postgres", "redis"}
    assert Target(other.url).ready()
    assert Target(performance.stage.url).ready()
    assert other.lost() == []


def test_another_port_is_taken_when_somebody_was_quicker(other: EmbeddedStage, taken: int) -> None:
    assert not other.url.endswith(f":{taken}")
    assert Target(other.url).ready()


def test_a_store_that_dies_is_told_once_as_lost(
    performance: Performance, other: EmbeddedStage, identify: Identify
) -> None:
    postmaster = dict(other.components())["postgres"]
    identify(postmaster).signal(signal.SIGKILL)
    losses = await_loss(other)
    assert [(one.name, one.pid, one.exit_code) for one in losses] == [
        ("postgres", postmaster, -signal.SIGKILL)
    ]
    assert "was killed by SIGKILL though nobody stopped it" in losses[0].what
    assert other.lost() == []
    assert "postgres" not in dict(other.components())
    assert Target(performance.stage.url).ready()


def test_a_folder_that_cannot_be_deleted_is_left_to_the_guardian(
    other: EmbeddedStage, identify: Identify, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise StageUnusableError(f"The stage's folder {path} cannot be deleted.")

    folder = other.roster_path.parent
    processes = [identify(pid) for _, pid in other.components()]
    guardian = identify(other.guardian.pid)
    monkeypatch.setattr("dress_rehearsal.compose.stage_folder.delete", refuse)
    with pytest.raises(StageUnusableError, match="cannot be deleted"):
        other.clear()
    assert not any(one.alive for one in [*processes, guardian])
    assert not folder.exists()


def await_loss(stage: EmbeddedStage) -> list[Loss]:
    deadline = time.monotonic() + 10
    while not (losses := stage.lost()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return losses


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
