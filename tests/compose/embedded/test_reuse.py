"""A stage serves one plan after the other: its stores stay, empty; all else is the next plan's."""

from collections.abc import Callable, Iterator
from pathlib import Path

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
    fault,
    names,
    pids,
)

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("stage used again")]

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


def test_the_stage_is_used_again_empty_and_with_logs_in_the_new_run(
    stage: EmbeddedStage,
    plan: Plan,
    run: RunDirectory,
    people: list[Person],
    new_run: NewRun,
) -> None:
    """After a fault, for another plan: no faults, another strategy, neighbours beside it."""
    stage.strike(fault("early_open"))
    assert names(stage) == {"app", "postgres", "redis"}
    other = Plan(
        name="other",
        event=Event(students=50, tickets=10),
        app=App(workers=1, allocation="redis_writeback", enrolment="external"),
    )
    next_run, url = new_run(other), stage.url
    servers = pids(stage, "postgres") + pids(stage, "redis")
    gone = [ProcessId.of(pid) for pid in pids(stage, "app")]
    with psycopg.connect(stage.dsn) as connection:
        connection.execute("CREATE TABLE left_behind (number int)")
    with redis.Redis.from_url(stage.redis_url) as client:
        client.set("left behind", 1)
    written = (run.logs / "postgres.log").read_text()

    stage.empty(other, next_run, people[:50])
    stage.start_service()

    assert stage.url == url
    assert Target(url).ready()
    assert pids(stage, "postgres") + pids(stage, "redis") == servers
    assert names(stage) == {"app", "neighbours", "postgres", "redis", "writeback"}
    assert not any(one is not None and one.alive for one in gone)
    with psycopg.connect(stage.dsn) as connection:
        assert connection.execute("SELECT to_regclass('left_behind')").fetchone() == (None,)
        assert connection.execute("SELECT tickets FROM events").fetchone() == (10,)
    with redis.Redis.from_url(stage.redis_url) as client:
        assert client.get("left behind") is None
        client.config_set("loglevel", "notice")
    assert (run.logs / "postgres.log").read_text().startswith(written)
    assert "kept" not in (next_run.logs / "postgres.log").read_text()
    assert (next_run.logs / "app.jsonl").stat().st_size > 0
    assert stage.alerts() == []
    with pytest.raises(StageError, match=r"APP_FAULTS=on"):
        stage.strike(fault("early_open"))


@pytest.mark.parametrize(
    ("queue", "workers", "told"),
    [("sqs", 1, b"APP_SQS_QUEUE=grants-"), ("kafka", 2, b"APP_KAFKA_TOPIC=grants-")],
)
def test_the_queue_server_is_part_of_the_stage_or_says_what_to_install(
    stage: EmbeddedStage,
    people: list[Person],
    new_run: NewRun,
    queue: str,
    workers: int,
    told: bytes,
) -> None:
    """Last, for plans that want neither faults nor neighbours."""
    plan = Plan(
        name="queued",
        event=Event(students=60, tickets=20),
        app=App(workers=1, allocation=f"{queue}_writeback", writeback_workers=workers),
    )
    run = new_run(plan)
    stage.empty(plan, run, people)
    with pytest.MonkeyPatch.context() as patch:
        server = f"dress_rehearsal.compose.servers.{queue}.{queue.title()}Server"
        patch.setattr(f"{server}.packages", ("no_such_package",))
        with pytest.raises(StageUnusableError, match=rf"pip install dress-rehearsal\[{queue}\]"):
            stage.start_service()
    stage.start_service()
    assert names(stage) == {"app", "postgres", "redis", queue, "writeback"}
    assert len(pids(stage, "writeback")) == len(list(run.logs.glob("writeback*"))) == workers
    environment = Path(f"/proc/{pids(stage, 'app')[0]}/environ").read_bytes()
    assert told in environment
    assert b"APP_FAULTS=off" in environment
