"""The embedded stage: the real PostgreSQL, Redis and app, set in seconds and gone afterwards."""

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from compose import ComponentFailed, EmbeddedStage, Loss, Stage, StageNotReady, StageUnusable
from compose.cast import Cast
from compose.component import python_module
from compose.folder import StageFolder, sweep
from compose.port import ClaimedPort
from compose.postgres import PostgresServer
from compose.running import Running
from compose.target import Target
from compose.wheel_binaries import postgres_binaries
from plans import Person, Plan, read_roster
from records import RunDirectory

NewRun = Callable[[Plan], RunDirectory]
Identify = Callable[[int], Running]
AllEnd = Callable[[list[Running], float], list[Running]]
Conduct = Callable[..., Any]

CONDUCTOR = """
import json, signal, sys
from pathlib import Path
# A shell has Ctrl-C ignored for what it runs in the background, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
from compose import EmbeddedStage
from plans import Plan, seeded_roster
from records import RunDirectory

plan = Plan.model_validate_json(sys.argv[1])
people = seeded_roster(plan.event.students, 3, seed=1)
with EmbeddedStage(plan, RunDirectory.create(Path(sys.argv[2]), plan), people) as stage:
    pids = [pid for _, pid in stage.components()] + [stage.guardian.pid]
    print(json.dumps({"pids": pids, "folder": str(stage.roster_path.parent)}), flush=True)
    sys.stdin.read()
"""

TELL_TOO_SOON = """
import json, sys
from compose.cast import Cast

def wait(cast, component, ready, real=Cast.wait):
    if component.name == "app":
        pids = [pid for _, pid in cast.members()]
        print(json.dumps({"pids": pids, "folder": str(cast._folder.path)}), flush=True)
        sys.stdin.read()
    real(cast, component, ready)

Cast.wait = wait
"""


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
        processes = [Running.of(pid) for _, pid in stage.components()]
        guardian = stage.guardian.pid
        folder = stage.roster_path.parent
        yield Performance(stage, run)
    assert all(process is None or not process.alive for process in processes)
    assert Running.of(guardian) is None
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
    assert all(Running.of(pid) is not None for _, pid in performance.stage.components())


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
    for room in ("postgres", "redis", "targets"):
        assert stat.S_IMODE((folder / room).stat().st_mode) == 0o700
    if os.geteuid() == 0:
        assert (folder / "postgres").stat().st_uid == pwd.getpwnam("pgserver").pw_uid


def test_two_stages_stand_side_by_side_and_losses_are_told(
    performance: Performance,
    naive_plan: Plan,
    people: list[Person],
    new_run: NewRun,
    identify: Identify,
) -> None:
    other = EmbeddedStage(naive_plan, new_run(naive_plan), people)
    with other:
        assert other.url != performance.stage.url
        assert other.dsn != performance.stage.dsn
        assert {name for name, _ in other.components()} == {"app", "postgres", "redis"}
        assert Target(other.url).ready()
        assert Target(performance.stage.url).ready()
        assert other.lost() == []

        postmaster = dict(other.components())["postgres"]
        identify(postmaster).signal(signal.SIGKILL)
        losses = await_loss(other)
        assert [(one.name, one.pid, one.exit_code) for one in losses] == [
            ("postgres", postmaster, -signal.SIGKILL)
        ]
        assert "was killed by SIGKILL though nobody stopped it" in losses[0].what
        assert other.lost() == [], "a loss is told once"
        assert "postgres" not in dict(other.components())

        other.stop_app()
        assert [name for name, _ in other.components()] == ["redis"]
        assert other.lost() == [], "what was asked to end is not lost"
        assert Target(performance.stage.url).ready()


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


def test_nothing_is_left_when_the_conductor_is_killed(
    small_plan: Plan, conduct: Conduct, identify: Identify, all_end: AllEnd, tmp_path: Path
) -> None:
    conductor = conduct(CONDUCTOR, small_plan.model_dump_json(), str(tmp_path))
    processes = [identify(pid) for pid in conductor.told["pids"]]
    processes += [child for one in processes for child in one.descendants()]
    conductor.end(signal.SIGKILL)
    assert all_end(processes, 20.0) == []
    assert not Path(conductor.told["folder"]).exists()


def test_the_next_run_clears_up_when_even_the_guardian_was_killed(
    naive_plan: Plan, conduct: Conduct, identify: Identify, tmp_path: Path
) -> None:
    conductor = conduct(CONDUCTOR, naive_plan.model_dump_json(), str(tmp_path))
    processes = [identify(pid) for pid in conductor.told["pids"]]
    processes[-1].signal(signal.SIGKILL)
    assert processes[-1].wait(5.0)
    conductor.end(signal.SIGKILL)
    folder = Path(conductor.told["folder"])
    assert any(one.alive for one in processes), "somebody has to be left for this to mean anything"
    sweep()
    assert not any(one.alive for one in processes)
    assert not folder.exists()


def test_ctrl_c_clears_the_stage_whether_it_stands_or_is_still_being_set(
    naive_plan: Plan, conduct: Conduct, identify: Identify, tmp_path: Path
) -> None:
    standing = conduct(CONDUCTOR, naive_plan.model_dump_json(), str(tmp_path))
    being_set = conduct(TELL_TOO_SOON + CONDUCTOR, naive_plan.model_dump_json(), str(tmp_path))
    processes = [
        identify(pid) for conductor in (standing, being_set) for pid in conductor.told["pids"]
    ]
    for conductor in (standing, being_set):
        assert conductor.end(signal.SIGINT) != 0
        assert not Path(conductor.told["folder"]).exists()
    assert not any(one.alive for one in processes)


@pytest.fixture
def open_house() -> Iterator[Path]:
    """A folder that user nobody may write to, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="open-house-") as folder:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="without root the other tests show it")
def test_root_is_not_needed(
    naive_plan: Plan, conduct: Conduct, identify: Identify, all_end: AllEnd, open_house: Path
) -> None:
    conductor = conduct(
        CONDUCTOR, naive_plan.model_dump_json(), str(open_house / "runs"), user="nobody"
    )
    processes = [identify(pid) for pid in conductor.told["pids"]]
    owners = {Path(f"/proc/{one.pid}").stat().st_uid for one in processes}
    assert owners == {pwd.getpwnam("nobody").pw_uid}
    conductor.end(signal.SIGKILL)
    assert all_end(processes, 20.0) == []
    assert not Path(conductor.told["folder"]).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_binaries_under_a_private_home_are_copied_and_the_home_stays_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    installed = postgres_binaries().parents[1]
    for source in (installed, installed.with_name(f"{installed.name}.libs")):
        shutil.copytree(source, home / source.name, symlinks=True)
    private = home / postgres_binaries().relative_to(installed.parent)
    monkeypatch.setattr("compose.postgres.postgres_binaries", lambda: private)
    folder = StageFolder.create()
    server = PostgresServer(folder, tmp_path, max_connections=20)
    cast = Cast(folder, 20.0)
    try:
        cast.run(server.initdb({}))
        cast.wait(cast.start(server.server({})), server.answers)
    finally:
        cast.stop_all()
        folder.remove()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_component_that_fails_is_named_with_the_end_of_its_log(
    small_plan: Plan, people: list[Person], new_run: NewRun
) -> None:
    run = new_run(small_plan)
    twice = [*people, people[0]]
    with pytest.raises(ComponentFailed) as failure, EmbeddedStage(small_plan, run, twice):
        pytest.fail("entered a stage that could not be set")
    assert failure.value.name == "prepare"
    assert "prepare ended with exit code 2" in str(failure.value)
    assert "listed twice" in str(failure.value)
    assert str(run.logs / "prepare.jsonl") in str(failure.value)


def test_an_app_that_never_gets_ready_is_given_up_in_time_and_nothing_is_left(
    naive_plan: Plan, people: list[Person], new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('waiting for Godot', flush=True); time.sleep(300)"
    )

    stage = EmbeddedStage(naive_plan, new_run(naive_plan), people)
    gave_up_at_s = float("inf")

    def stuck(module: str) -> list[str]:
        nonlocal gave_up_at_s
        if module != "target_app":
            return python_module(module)
        assert stage._cast is not None
        gave_up_at_s = stage._cast._deadline = time.monotonic() + 1.0  # all but the app was ready
        return [sys.executable, "-c", code]

    monkeypatch.setattr("compose.reference_app.python_module", stuck)
    with pytest.raises(StageNotReady, match="app was not ready after 25 s") as failure, stage:
        pytest.fail("entered a stage that could not be set")
    assert time.monotonic() - gave_up_at_s < 5, "25 s and the clearing must stay under 30 s"
    assert "  waiting for Godot" in str(failure.value)
    with pytest.raises(RuntimeError, match="has been left"):
        _ = stage.roster_path


def test_another_port_is_taken_when_somebody_was_quicker(
    naive_plan: Plan, people: list[Person], new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as quicker:
        quicker.bind(("127.0.0.1", 0))
        quicker.listen()
        taken = quicker.getsockname()[1]
        choices = iter([ClaimedPort(taken, None), ClaimedPort.choose()])
        monkeypatch.setattr(ClaimedPort, "choose", lambda: next(choices))
        with EmbeddedStage(naive_plan, new_run(naive_plan), people) as stage:
            assert not stage.url.endswith(f":{taken}")
            assert Target(stage.url).ready()


def test_root_needs_a_temporary_folder_that_postgresql_can_enter(
    tmp_path: Path,
    naive_plan: Plan,
    people: list[Person],
    new_run: NewRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("PostgreSQL runs as ourselves")
    # Not below pytest's own folder, whose name may be too long for a socket's.
    closed = Path(tempfile.mkdtemp(prefix="closed-"))
    monkeypatch.setattr("tempfile.tempdir", str(closed))
    stage = EmbeddedStage(naive_plan, new_run(naive_plan), people)
    with pytest.raises(StageUnusable, match=r"may not enter .*; set TMPDIR"), stage:
        pytest.fail("entered a stage that could not be set")
    closed.rmdir()  # which it can be only when nothing was left in it


def test_a_folder_that_cannot_be_deleted_is_left_to_the_guardian(
    naive_plan: Plan,
    people: list[Person],
    new_run: NewRun,
    identify: Identify,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = EmbeddedStage(naive_plan, new_run(naive_plan), people)

    def refuse(path: Path) -> None:
        raise StageUnusable(f"The stage's folder {path} cannot be deleted.")

    with pytest.raises(StageUnusable, match="cannot be deleted"), stage:
        folder = stage.roster_path.parent
        processes = [identify(pid) for _, pid in stage.components()]
        guardian = identify(stage.guardian.pid)
        monkeypatch.setattr("compose.folder.delete", refuse)
    assert not any(one.alive for one in [*processes, guardian])
    assert not folder.exists()
