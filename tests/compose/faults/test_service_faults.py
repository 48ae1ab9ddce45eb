"""Faults of any service, done to the real processes of the embedded stage, and undone."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing

import psutil
import psycopg
import pytest
import redis

from dress_rehearsal.compose import EmbeddedStage, StageUnusableError
from dress_rehearsal.compose.target import Target
from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.plans.plan import Event
from dress_rehearsal.plans.sections.app import App
from dress_rehearsal.records import RunDirectory
from tests.compose.faults.faulting import await_loss, await_true, fault, on_record, pids, state

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("faults of services")]

SERVICES = ("redis", "postgres", "app", "writeback", "neighbours")


@pytest.fixture(scope="module")
def stage(people: list[Person], new_run: Callable[[Plan], RunDirectory]) -> Iterator[EmbeddedStage]:
    app = App(workers=2, allocation="redis_writeback", enrolment="external")
    plan = Plan(name="faulty-services", event=Event(students=60, tickets=20), app=app)
    with EmbeddedStage(plan, new_run(plan), people) as stage:
        yield stage
        for service in SERVICES:  # all that stands still is cleared as well as any
            stage.strike(fault("pause", service=service))
    assert stage.unclean_stops == []


@pytest.fixture(autouse=True)
def _well_again(stage: EmbeddedStage) -> Iterator[None]:
    """After each test the stage serves as before, and has nothing left to tell."""
    yield
    await_true(lambda: Target(stage.url).ready())
    with psycopg.connect(stage.dsn) as connection:
        assert connection.execute("SELECT tickets FROM events").fetchone() == (20,)
    with closing(redis.Redis.from_url(stage.redis_url)) as client:
        assert client.ping()
    assert stage.lost() == []


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_paused_stands_still_with_all_below_it_and_goes_on(
    stage: EmbeddedStage, service: str
) -> None:
    pause = fault("pause", service=service)
    before = pids(stage, service)
    stage.strike(pause)
    try:
        # Who waits for a processor is stopped once it has one.
        await_true(lambda: {state(pid) for pid in _trees(before)} == {"T"})
        assert pids(stage, service) == before, "it lives"
    finally:
        stage.relieve(pause)
    await_true(lambda: "T" not in {state(pid) for pid in _trees(before)})
    assert pids(stage, service) == before


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_killed_is_a_planned_loss_and_comes_back(
    stage: EmbeddedStage, service: str
) -> None:
    kill = fault("kill", service=service)
    before = pids(stage, service)
    stage.strike(kill)
    try:
        assert pids(stage, service) == []
        loss = await_loss(stage)
    finally:
        stage.relieve(kill)
    assert (loss.name, loss.planned) == (service, True)
    # PostgreSQL is asked to drop everything at once: killed outright it would leave memory behind.
    assert loss.exit_code == (0 if service == "postgres" else -signal.SIGKILL)
    assert f"as the plan's fault kill {service} wants" in loss.what
    after = pids(stage, service)
    assert len(after) == len(before)
    assert not set(after) & set(before)
    assert after[0] in on_record(stage), "whoever clears up after a dead conductor knows it"


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_asked_to_end_ends_well_and_comes_back(stage: EmbeddedStage, service: str) -> None:
    restart = fault("restart", service=service)
    before = pids(stage, service)
    stage.strike(restart)
    stage.relieve(restart)
    loss = await_loss(stage)
    assert (loss.name, loss.exit_code, loss.planned) == (service, 0, True)
    after = pids(stage, service)
    assert len(after) == len(before)
    assert not set(after) & set(before)


def test_two_services_may_be_paused_at_once_and_each_goes_on_by_itself(
    stage: EmbeddedStage,
) -> None:
    first, second = fault("pause", service="redis"), fault("pause", service="postgres")
    (redis_pid,), (postgres_pid,) = pids(stage, "redis"), pids(stage, "postgres")
    stage.strike(first)
    stage.strike(second)
    stage.relieve(first)
    try:
        await_true(lambda: state(redis_pid) != "T")
        assert state(postgres_pid) == "T"
    finally:
        stage.relieve(second)


def test_to_undo_what_was_not_done_or_twice_changes_nothing(stage: EmbeddedStage) -> None:
    pause = fault("pause", service="redis")
    stage.relieve(pause)
    stage.strike(pause)
    stage.relieve(pause)
    stage.relieve(pause)


def test_what_processes_cannot_have_done_is_a_sentence(stage: EmbeddedStage) -> None:
    with pytest.raises(StageUnusableError, match=r"network_cut redis can be done on the Docker"):
        stage.strike(fault("network_cut", service="redis"))


def _trees(processes: list[int]) -> set[int]:
    found = set(processes)
    for pid in processes:
        found |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
    return found
