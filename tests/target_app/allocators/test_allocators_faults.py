"""Faults inside the allocators: each breaks what it is meant to break, and nothing else."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import httpx
import pytest

from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.stores.constraints import drop_constraints

FAR_FUTURE_NS = 9 * 10**18
UNIQUE_DECIDES = ["atomic_update", "skip_locked"]
IN_POSTGRES = ["row_lock", "optimistic", *UNIQUE_DECIDES, "redis_lock"]
IN_REDIS = ["redis_script", "redis_writeback"]
Start = Callable[..., Any]


@pytest.fixture(autouse=True)
def faults_are_off_at_the_end() -> Iterator[None]:
    yield
    FAULTS.set_all({})


@pytest.fixture(scope="module")
def faulty(postgres: Any) -> str:
    """A database of its own for tables without constraints; its DSN."""
    postgres.run("CREATE DATABASE faulty", database="postgres")
    return str(postgres.dsn("faulty"))


@pytest.fixture
def unconstrained(start_app: Start, faulty: str) -> Start:
    """Start an app as it is once the constraints were dropped from under it."""

    async def run(statement: str | None = None) -> None:
        connection = await asyncpg.connect(faulty)
        try:
            if statement is None:
                await drop_constraints(connection)
            else:
                await connection.execute(statement)
        finally:
            await connection.close()

    def start(allocation: str, **changes: object) -> Any:
        asyncio.run(run("DROP TABLE IF EXISTS tickets"))
        app = start_app(allocation, APP_DATABASE_DSN=faulty, APP_POSTGRES_POOL=8, **changes)
        asyncio.run(run())
        return app

    return start


def holders(app: Any) -> Counter[str]:
    """How many tickets each student holds, by the store that decides."""
    if app.stage.environment["APP_ALLOCATION"] == "redis_writeback":
        with app.stage.client() as redis:
            return Counter(redis.hkeys(f"event:{app.stage.event}:holders"))
    rows = app.stage.postgres.run(
        "SELECT student FROM tickets WHERE event = $1",
        app.stage.event,
        database="faulty" if "faulty" in app.stage.environment["APP_DATABASE_DSN"] else "sound",
    )
    return Counter(row["student"] for row in rows)


def sold(answers: list[httpx.Response]) -> int:
    return sum(answer.status_code in (201, 202) for answer in answers)


@pytest.mark.parametrize("allocation", IN_POSTGRES)
def test_a_check_long_before_the_lock_lets_double_clicks_through(
    unconstrained: Start, allocation: str
) -> None:
    app = unconstrained(allocation)
    bearers = [app.login(index) for index in range(6)]
    FAULTS.set_all({"duplicate_check_before_lock": 0.3})
    assert sold(app.rush([(bearer, key) for bearer in bearers for key in "ab"])) == 12
    assert set(holders(app).values()) == {2}
    assert app.buy(bearers[0], "c").status_code == 409  # the check is there, only early
    assert app.buy(bearers[0], "a").status_code + app.buy(bearers[0], "b").status_code == 201 + 409


@pytest.mark.parametrize("allocation", IN_REDIS)
def test_where_check_and_grant_are_one_script_there_is_no_before(
    unconstrained: Start, allocation: str
) -> None:
    app = unconstrained(allocation)
    bearers = [app.login(index) for index in range(6)]
    FAULTS.set_all({"duplicate_check_before_lock": 0.3})
    assert sold(app.rush([(bearer, key) for bearer in bearers for key in "ab"])) == 6
    assert set(holders(app).values()) == {1}


@pytest.mark.parametrize("allocation", UNIQUE_DECIDES)
def test_without_unique_constraints_a_second_click_gets_a_second_ticket(
    unconstrained: Start, allocation: str
) -> None:
    app = unconstrained(allocation)
    bearers = [app.login(index) for index in range(6)]
    assert sold(app.rush([(bearer, key) for bearer in bearers for key in "ab"])) == 12
    assert set(holders(app).values()) == {2}


@pytest.mark.parametrize("allocation", ["row_lock", "optimistic", "redis_lock", *IN_REDIS])
def test_those_who_check_for_themselves_need_no_unique_constraints(
    unconstrained: Start, allocation: str
) -> None:
    app = unconstrained(allocation)
    bearers = [app.login(index) for index in range(6)]
    assert sold(app.rush([(bearer, key) for bearer in bearers for key in "ab"])) == 6
    assert app.buy(bearers[0], "c").json()["code"] == "already_holds_ticket"
    assert set(holders(app).values()) == {1}


@pytest.mark.parametrize("allocation", [*IN_POSTGRES, *IN_REDIS])
def test_a_double_decrement_undersells(start_app: Start, allocation: str) -> None:
    app = start_app(allocation, APP_TICKETS=7)
    assert app.buy(app.login(0)).status_code in (201, 202)
    FAULTS.set_all({"double_decrement": 1.0})
    answers = [app.buy(app.login(index)) for index in range(1, 6)]
    assert [answer.status_code for answer in answers[3:]] == [409, 409]
    assert answers[-1].json()["code"] == "sold_out"
    assert holders(app).total() == 4
    app.call(app.asgi.services.event_status.refresh())
    assert app.http.get(f"{app.path}/countdown").json()["remaining"] == 0


@pytest.mark.parametrize("allocation", ["naive", *IN_POSTGRES, *IN_REDIS])
def test_an_early_opening_sells_before_t0(start_app: Start, allocation: str) -> None:
    app = start_app(allocation, APP_OPENS_AT_NS=FAR_FUTURE_NS)
    bearer = app.login(0)
    assert app.buy(bearer).json()["code"] == "too_early"
    FAULTS.set_all({"early_open": 1.0})
    assert app.buy(bearer).status_code in (201, 202)


@pytest.mark.parametrize("allocation", ["naive", *IN_POSTGRES, *IN_REDIS])
def test_outsiders_get_tickets_when_nobody_asks_for_the_roster(
    start_app: Start, allocation: str
) -> None:
    app = start_app(allocation)
    outsider, gone = app.login(-1), app.login(-2)
    app.http.post("/logout", headers=gone)
    assert app.buy(outsider).json()["code"] == "not_enrolled"
    FAULTS.set_all({"ineligible_granted": 1.0})
    assert app.buy(outsider).status_code in (201, 202)
    assert app.buy(gone).status_code == 401


@pytest.mark.parametrize("allocation", ["atomic_update", "redis_lock", *IN_REDIS])
def test_whoever_was_granted_a_ticket_by_a_worker_that_died_gets_it_by_asking_again(
    make_stage: Start, spawn: Start, connect_app: Start, allocation: str
) -> None:
    stage = make_stage(allocation, APP_WORKERS=2, APP_FAULTS="on", APP_TICKETS=3)
    stage.environment["APP_REDIS_URL"] = stage.redis.url(3)  # switches are the whole Redis'
    stage.prepare()
    with stage.redis.client(3) as redis:
        redis.hset("faults", "kill_after_grant", "1.0")
        spawn("dress_rehearsal.target_app", stage)
        app = connect_app(stage)
        bearers = [app.login(index) for index in range(4)]
        deaths = 0
        answers = []
        for bearer in bearers:
            while True:
                try:
                    answer = app.buy(bearer)
                except httpx.TransportError:
                    deaths += 1
                    continue
                if answer.status_code != 503:
                    answers.append(answer)
                    break
        assert deaths >= 1
        assert not redis.exists("faults")
        kept = redis.hlen(f"event:{stage.event}:holders")
    assert [answer.status_code in (201, 202) for answer in answers] == [True, True, True, False]
    assert answers[3].json()["code"] == "sold_out"
    if allocation != "redis_writeback":
        assert [row["ticket"] for row in stage.rows()] == [a.json()["ticket"] for a in answers[:3]]
    assert kept == (3 if allocation in IN_REDIS else 0)
