"""What a plan makes go wrong on a stage: done to the real processes, and ended again."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from dress_rehearsal.compose import EmbeddedStage, StageError, StageUnusableError
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.target import Target
from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.plans.plan import Event
from dress_rehearsal.plans.sections.app import App
from dress_rehearsal.records import RunDirectory
from tests.compose.faults.faulting import (
    await_loss,
    await_true,
    fault,
    hogs_beside,
    on_record,
    pids,
    state,
)

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("stage faults")]

NewRun = Callable[[Plan], RunDirectory]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(
        name="faulty",
        event=Event(students=60, tickets=20),
        app=App(workers=2, allocation="atomic_update", postgres_pool=2, redis_pool=4),
        faults=(fault("early_open"),),
    )


@pytest.fixture(scope="module")
def run(plan: Plan, new_run: NewRun) -> RunDirectory:
    return new_run(plan)


@pytest.fixture(scope="module")
def stage(plan: Plan, run: RunDirectory, people: list[Person]) -> Iterator[EmbeddedStage]:
    with EmbeddedStage(plan, run, people) as stage:
        yield stage
    assert stage.unclean_stops == []


def test_a_fault_of_the_app_s_own_is_switched_on_and_off(stage: EmbeddedStage) -> None:
    bearer = {"Authorization": f"Bearer {stage.admin_token}"}

    def grade() -> float:
        _, body = Target(stage.url).ask("GET", "/admin/faults", headers=bearer)
        return float(body["faults"].get("slow_database", 0))

    slow = fault("slow_database", grade="300ms")
    stage.strike(slow)
    await_true(lambda: grade() == 0.3)
    stage.relieve(slow)
    await_true(lambda: grade() == 0.0)


def test_a_killed_worker_is_a_planned_loss_and_replaced(stage: EmbeddedStage) -> None:
    stage.lost()
    before = pids(stage, "app")
    stage.strike(fault("worker_crash"))
    loss = await_loss(stage)
    assert loss.planned
    assert loss.pid in before[1:], "a worker, not the main process"
    assert "as the plan's fault worker_crash wants" in loss.what
    await_true(lambda: len(pids(stage, "app")) == 3)
    stage.relieve(fault("worker_crash"))
    assert stage.lost() == []


def test_a_worker_that_dies_beside_the_plan_is_an_ordinary_loss(stage: EmbeddedStage) -> None:
    stage.strike(fault("worker_crash"))
    assert await_loss(stage).planned
    await_true(lambda: len(pids(stage, "app")) == 3)
    stage.lost()
    os.kill(pids(stage, "app")[1], signal.SIGKILL)
    assert not await_loss(stage).planned
    await_true(lambda: len(pids(stage, "app")) == 3)


def test_a_worker_that_kills_itself_is_a_planned_loss_once(stage: EmbeddedStage) -> None:
    await_true(lambda: Target(stage.url).ready())
    stage.lost()
    stage.strike(fault("kill_after_grant"))
    os.kill(pids(stage, "app")[1], signal.SIGKILL)  # as the fault has it do on its next grant
    assert await_loss(stage).planned
    await_true(lambda: len(pids(stage, "app")) == 3)
    stage.lost()
    os.kill(pids(stage, "app")[1], signal.SIGKILL)
    assert not await_loss(stage).planned
    await_true(lambda: len(pids(stage, "app")) == 3)
    await_true(lambda: Target(stage.url).ready())
    stage.relieve(fault("kill_after_grant"))


def test_a_wiped_redis_has_lost_its_keys(stage: EmbeddedStage) -> None:
    with redis.Redis.from_url(stage.redis_url) as client:
        client.set("what it held", 1)
        stage.strike(fault("redis_wipe"))
        assert client.get("what it held") is None
    stage.relieve(fault("redis_wipe"))


def test_a_wiped_redis_leaves_the_app_s_other_faults_as_they_were(stage: EmbeddedStage) -> None:
    bearer = {"Authorization": f"Bearer {stage.admin_token}"}

    def on() -> dict[str, float]:
        _, body = Target(stage.url).ask("GET", "/admin/faults", headers=bearer)
        return {name: grade for name, grade in body["faults"].items() if grade}

    slow = fault("slow_database", grade="50ms")
    for one in (slow, fault("early_open"), fault("views_lost")):
        stage.strike(one)
    stage.relieve(fault("views_lost"))
    before = on()
    stage.strike(fault("redis_wipe"))
    assert on() == before == {"slow_database": 0.05, "early_open": 1.0}
    for one in (slow, fault("early_open")):
        stage.relieve(one)
    stage.strike(fault("redis_wipe"))
    assert on() == {}


def test_a_fault_whose_guards_stay_away_is_an_error_and_no_end(
    stage: EmbeddedStage, run: RunDirectory, people: list[Person]
) -> None:
    """Nobody's number is in the error, nor in PostgreSQL's log of what it refused."""
    await_true(lambda: Target(stage.url).ready())
    insert = (
        "INSERT INTO tickets (ticket, event, student, number, granted_ns, idempotency)"
        " VALUES (%s, 'other', %s, %s, 1, 'i')"
    )
    student = people[0].student
    stage.strike(fault("unique_off"))
    with psycopg.connect(stage.dsn, autocommit=True) as connection:
        for number in (1, 2):
            connection.execute(insert, (f"t{number}", student, number))
        with pytest.raises(StageError) as refused:
            stage.relieve(fault("unique_off"))
        told = str(refused.value)
        assert re.match(r"The fault unique_off cannot be ended: http\S+ answered 409 ", told)
        assert "cannot have tickets_one_a_student back" in told
        assert "APP_FAULTS" not in told
        connection.execute("DELETE FROM tickets WHERE ticket = 't2'")
        stage.relieve(fault("unique_off"))
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(insert, ("t3", student, 3))
        connection.execute("DELETE FROM tickets")
    log = (run.logs / "postgres.log").read_text()
    assert "violates unique constraint" in log
    assert student not in told + log


def test_what_keeps_a_fault_from_being_switched_is_told_as_it_is(
    stage: EmbeddedStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dress_rehearsal.compose.target._SWITCHED_S", 0.2)
    stage.strike(fault("redis_down"))
    try:
        with pytest.raises(StageError) as refused:
            stage.strike(fault("early_open"))
    finally:
        stage.relieve(fault("redis_down"))
    assert all(loss.planned for loss in stage.lost())
    assert "cannot be begun" in str(refused.value)
    assert "503 dependency_unavailable: A store behind the service" in str(refused.value)
    assert "APP_FAULTS" not in str(refused.value)


def test_a_redis_that_was_down_comes_back_with_what_it_held(stage: EmbeddedStage) -> None:
    with redis.Redis.from_url(stage.redis_url) as client:
        client.set("what it holds", 1)
    (before,) = pids(stage, "redis")
    stage.strike(fault("redis_down"))
    assert ProcessId.of(before) is None
    assert pids(stage, "redis") == []
    loss = await_loss(stage)
    assert (loss.name, loss.pid, loss.planned) == ("redis", before, True)
    assert loss.exit_code == -signal.SIGKILL
    stage.relieve(fault("redis_down"))
    with redis.Redis.from_url(stage.redis_url) as client:
        assert client.get("what it holds") == b"1"
    (after,) = pids(stage, "redis")
    assert after != before
    assert after in on_record(stage), "whoever clears up after a dead conductor knows it"
    assert before not in on_record(stage)
    assert stage.lost() == []


def test_a_database_that_was_down_comes_back_with_what_it_held(stage: EmbeddedStage) -> None:
    with psycopg.connect(stage.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        connection.commit()
        (before,) = pids(stage, "postgres")
        stage.strike(fault("database_down"))
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(stage.dsn, connect_timeout=2)
    assert await_loss(stage).planned
    stage.relieve(fault("database_down"))
    with psycopg.connect(stage.dsn) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(7,)]
    (after,) = pids(stage, "postgres")
    assert after in on_record(stage)
    assert before not in on_record(stage)
    await_true(lambda: Target(stage.url).ready())


def test_an_app_asked_to_end_ends_well_and_is_there_again(stage: EmbeddedStage) -> None:
    stage.lost()
    before, url = pids(stage, "app"), stage.url
    stage.strike(fault("sigterm_mid_sale"))
    assert stage.lost() == [], "it was asked to"
    stage.relieve(fault("sigterm_mid_sale"))
    loss = await_loss(stage)
    assert (loss.pid, loss.exit_code, loss.planned) == (before[0], 0, True)
    assert stage.url == url
    assert Target(url).ready()
    assert not set(before) & set(pids(stage, "app"))
    assert len(pids(stage, "app")) == 3


def test_a_stopped_worker_does_nothing_and_then_goes_on(stage: EmbeddedStage) -> None:
    stage.lost()
    stopped = fault("worker_stopped")
    main, *workers = pids(stage, "app")
    stage.strike(stopped)
    try:
        await_true(lambda: [state(pid) for pid in workers].count("T") == 1)
        assert state(main) != "T"
        assert pids(stage, "app") == [main, *workers], "it lives"
    finally:
        stage.relieve(stopped)
    await_true(lambda: "T" not in [state(pid) for pid in workers])
    assert all(Target(stage.url).ready() for _ in range(8))
    assert stage.lost() == []


def test_a_stopped_database_answers_nobody_and_then_goes_on_with_what_it_had(
    stage: EmbeddedStage,
) -> None:
    stage.lost()
    with psycopg.connect(stage.dsn) as connection:
        connection.execute("CREATE TABLE going_on AS SELECT 7 AS number")
        stage.strike(fault("database_stopped"))
        try:
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(stage.dsn, connect_timeout=2)
            assert state(connection.info.backend_pid) == "T"
        finally:
            stage.relieve(fault("database_stopped"))
        assert connection.execute("SELECT number FROM going_on").fetchall() == [(7,)]
    await_true(lambda: Target(stage.url).ready())
    assert stage.lost() == []


def test_hogs_are_nobody_s_and_end_with_the_fault(stage: EmbeddedStage) -> None:
    before = hogs_beside(set())
    hogs = fault("cpu_hogs", grade="2", lasts="60s")
    stage.strike(hogs)
    try:
        found = hogs_beside(before)
        assert len(found) == 2
        for pid in found:
            assert b"DRESS_REHEARSAL" not in Path(f"/proc/{pid}/environ").read_bytes()
            assert os.getsid(pid) == pid
            assert not psutil.Process(pid).open_files()
        await_true(lambda: all(psutil.Process(pid).cpu_times().user > 0.2 for pid in found))
    finally:
        stage.relieve(hogs)
    assert hogs_beside(before) == set()


def test_hogs_end_by_themselves_though_nobody_ends_them(stage: EmbeddedStage) -> None:
    before = hogs_beside(set())
    hogs = fault("cpu_hogs", grade="1", lasts="500ms")
    stage.strike(hogs)
    await_true(lambda: hogs_beside(before) == set())
    stage.relieve(hogs)


def test_what_cannot_be_done_is_a_sentence(stage: EmbeddedStage) -> None:
    with pytest.raises(
        StageUnusableError, match=r"redis cannot be started again: it is not down\."
    ):
        stage.relieve(fault("redis_down"))
    stage.strike(fault("redis_down"))
    try:
        with pytest.raises(StageUnusableError, match=r"redis: it does not run\."):
            stage.strike(fault("redis_down"))
    finally:
        stage.relieve(fault("redis_down"))
    assert all(loss.planned for loss in stage.lost())


def test_a_stage_whose_processes_are_stopped_is_cleared_as_well_as_any(
    people: list[Person], new_run: NewRun
) -> None:
    plan = Plan(
        name="stopped",
        event=Event(students=60, tickets=20),
        app=App(workers=1, allocation="atomic_update", postgres_pool=2, redis_pool=4),
    )
    with EmbeddedStage(plan, new_run(plan), people) as stage:
        before = hogs_beside(set())
        for name in ("worker_stopped", "database_stopped", "cpu_hogs"):
            stage.strike(fault(name, lasts="60s"))
        assert len(hogs_beside(before)) == 2
    assert stage.unclean_stops == []
    assert hogs_beside(before) == set()
