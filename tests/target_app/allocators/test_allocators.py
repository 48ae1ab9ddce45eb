"""What is peculiar to one allocator: its lock, its retries, its seats, its row to be mended."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from dress_rehearsal.target_app import allocators
from dress_rehearsal.target_app.allocators import backoff, optimistic, redis_lock
from tests.target_app.meddling import Meddler
from tests.target_app.writing import held

Start = Callable[..., Any]


@contextmanager
def meanwhile(call: Callable[[], httpx.Response]) -> Iterator[Future[httpx.Response]]:
    """Have `call` under way in a thread while inside."""
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(call)


def retries(allocation: str) -> float:
    return float(backoff.RETRIES.labels(allocation)._value.get())


def waiting_for_locks(app: Any) -> int:
    (row,) = app.stage.postgres.run(
        "SELECT count(*) AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    )
    return int(row["waiting"])


def test_every_allocation_of_a_plan_has_a_file_of_its_own() -> None:
    for name, kind in allocators.ALLOCATIONS.items():
        assert kind.name == name
        assert kind.__module__ == f"dress_rehearsal.target_app.allocators.{name}"


def test_full_jitter_waits_anything_up_to_a_ceiling_that_doubles() -> None:
    jitter = backoff.FullJitter(base_s=0.002, cap_s=0.1)
    waits_s = [[jitter.wait_s(attempt) for _ in range(500)] for attempt in (0, 3, 10, 5000)]
    for drawn, ceiling_s in zip(waits_s, (0.002, 0.016, 0.1, 0.1), strict=True):
        assert 0 <= min(drawn) < 0.1 * ceiling_s
        assert 0.9 * ceiling_s < max(drawn) <= ceiling_s


# naive


def test_naive_refuses_the_later_of_two_clicks_that_both_got_a_ticket(
    start_app: Start, meddle: Callable[[Any], Meddler], eventually: Start
) -> None:
    """Both looked before either wrote: why a healthy cell may find that replays are refused."""
    app = start_app("naive")
    other = meddle(app)
    other.run("LOCK TABLE tickets IN SHARE MODE")  # everybody may look, and nobody write
    bearer = app.login(0)
    with meanwhile(partial(app.buy, bearer, "one")) as one:
        eventually(lambda: waiting_for_locks(app) == 1)
        with meanwhile(partial(app.buy, bearer, "two")) as two:
            eventually(lambda: waiting_for_locks(app) == 2)
            other.run("COMMIT")
            assert [one.result().status_code, two.result().status_code] == [201, 201]
    again = [app.buy(bearer, key) for key in ("one", "two")]
    refused = [answer.json()["code"] for answer in again if answer.status_code != 201]
    assert refused == ["already_holds_ticket"]


# optimistic


def test_a_sale_in_between_is_noticed_and_tried_again(
    start_app: Start, meddle: Callable[[Any], Meddler], eventually: Start
) -> None:
    app = start_app("optimistic")
    before = retries("optimistic")
    other = meddle(app)
    other.run("UPDATE events SET version = version + 1 WHERE event = $1", app.stage.event)
    with meanwhile(partial(app.buy, app.login(0))) as purchase:
        eventually(lambda: waiting_for_locks(app))
        other.run("COMMIT")
        assert purchase.result().status_code == 201
    assert retries("optimistic") == before + 1
    assert [row["number"] for row in app.stage.rows()] == [1]


def test_whoever_is_never_first_is_told_that_it_is_crowded(
    start_app: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = start_app("optimistic")
    monkeypatch.setattr(optimistic, "TRIES", 5)
    run = app.stage.postgres.run
    run(
        "CREATE FUNCTION sold_in_between() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN RETURN NULL; END'"
    )
    run(
        "CREATE TRIGGER in_between BEFORE UPDATE ON events FOR EACH ROW "
        f"WHEN (old.event = '{app.stage.event}') EXECUTE FUNCTION sold_in_between()"
    )
    before = retries("optimistic")
    try:
        answer = app.buy(app.login(0))
    finally:
        run("DROP FUNCTION sold_in_between CASCADE")
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert "retry-after" in answer.headers
    assert retries("optimistic") == before + 4
    assert app.stage.rows() == []


# skip_locked


def test_a_seat_that_is_locked_is_not_sold_out_but_perhaps_free(
    start_app: Start, meddle: Callable[[Any], Meddler], eventually: Start
) -> None:
    app = start_app("skip_locked", APP_TICKETS=1)
    other = meddle(app)
    other.run("SELECT FROM seats WHERE event = $1 FOR UPDATE", app.stage.event)
    before = retries("skip_locked")
    with meanwhile(partial(app.buy, app.login(0))) as purchase:
        eventually(lambda: retries("skip_locked") > before + 2)
        other.roll_back()
        assert purchase.result().status_code == 201
    assert app.buy(app.login(1)).json()["code"] == "sold_out"


def test_seats_that_stay_locked_are_a_crowd_and_never_sold_out(
    start_app: Start, meddle: Callable[[Any], Meddler]
) -> None:
    app = start_app("skip_locked", APP_TICKETS=1, APP_POSTGRES_POOL_TIMEOUT=0.2)
    meddle(app).run("SELECT FROM seats WHERE event = $1 FOR UPDATE", app.stage.event)
    answer = app.buy(app.login(0))
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")


def test_preparing_again_keeps_sold_seats_and_follows_the_number_of_tickets(
    start_app: Start,
) -> None:
    app = start_app("skip_locked", APP_TICKETS=3)
    for student in range(2):
        app.buy(app.login(student))
    for tickets, free in ((3, 1), (5, 3), (1, 0), (4, 2)):
        app.stage.environment["APP_TICKETS"] = str(tickets)
        app.stage.prepare()
        app.call(app.asgi.services.event_status.refresh())
        assert app.http.get(f"{app.path}/countdown").json()["remaining"] == free
    answers = [app.buy(app.login(student)) for student in range(5)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 201, 409]
    assert [row["number"] for row in app.stage.rows()] == [1, 2, 3, 4]


# redis_lock


def lock_of(app: Any) -> str:
    return f"event:{app.stage.event}:lock"


def test_the_lock_is_waited_for_and_given_back(start_app: Start, eventually: Start) -> None:
    app = start_app("redis_lock")
    with app.stage.client() as redis:
        redis.set(lock_of(app), "somebody else", px=300)
        began_s = time.monotonic()
        assert app.buy(app.login(0)).status_code == 201
        assert time.monotonic() - began_s >= 0.25
        assert not redis.exists(lock_of(app))


def test_a_lock_never_given_back_is_a_crowd(start_app: Start) -> None:
    app = start_app("redis_lock", APP_POSTGRES_POOL_TIMEOUT=0.2)
    with app.stage.client() as redis:
        redis.set(lock_of(app), "somebody else")
        answer = app.buy(app.login(0))
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert redis.get(lock_of(app)) == b"somebody else"  # it was not ours to delete


def test_a_holder_whose_lease_ran_out_cannot_sell_on_what_it_saw(
    start_app: Start,
    meddle: Callable[[Any], Meddler],
    monkeypatch: pytest.MonkeyPatch,
    eventually: Start,
) -> None:
    """Two workers hold the lock at once: both looked, both come to write, one must look again."""
    monkeypatch.setattr(redis_lock, "LEASE_MS", 50)
    event = "lease_ran_out"
    workers = [start_app("redis_lock", APP_EVENT=event, APP_TICKETS=1) for _ in range(2)]
    bearers = [workers[0].login(index) for index in range(2)]
    before = retries("redis_lock")
    other = meddle(workers[0])
    other.run("SELECT FROM events WHERE event = $1 FOR UPDATE", event)

    def waiting() -> int:
        rows = workers[0].stage.postgres.run(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND query LIKE '%fence = $7%'"
        )
        return len(rows)

    with (
        meanwhile(lambda: workers[0].buy(bearers[0])) as first,
        meanwhile(lambda: workers[1].buy(bearers[1])) as second,
    ):
        eventually(lambda: waiting() == 2)
        other.roll_back()
        codes = sorted([first.result().status_code, second.result().status_code])
    assert codes == [201, 409]
    assert retries("redis_lock") == before + 1
    assert len(workers[0].stage.rows()) == 1


def test_tokens_count_on_from_the_last_sale_when_redis_has_lost_them(start_app: Start) -> None:
    app = start_app("redis_lock")
    for student in range(3):
        app.buy(app.login(student))
    with app.stage.client() as redis:
        redis.delete(f"event:{app.stage.event}:fence")
        assert app.buy(app.login(3)).status_code == 201
        assert redis.get(f"event:{app.stage.event}:fence") == b"4"


# redis_script


def test_a_row_that_could_not_be_written_is_written_by_the_next_attempt(
    start_app: Start, meddle: Callable[[Any], Meddler]
) -> None:
    app = start_app("redis_script")
    bearer = app.login(0)
    other = meddle(app)
    other.run("LOCK TABLE tickets IN EXCLUSIVE MODE")
    assert app.buy(bearer).json()["code"] == "dependency_unavailable"
    other.roll_back()
    assert app.stage.rows() == []
    with app.stage.client() as redis:
        held = redis.hget(f"event:{app.stage.event}:holders", app.stage.roster[0].student)
    answer = app.buy(bearer)
    (row,) = app.stage.rows()
    assert (answer.status_code, answer.json()["state"]) == (201, "issued")
    assert row["ticket"] == answer.json()["ticket"]
    found = re.fullmatch(rb'{"ticket":"(.+)","number":1,"granted_ns":(\d+),.*}', held)
    assert found is not None
    assert (row["ticket"].encode(), row["granted_ns"]) == (found[1], int(found[2]))
    assert app.http.get(f"/tickets/{row['ticket']}", headers=bearer).json()["state"] == "issued"


@pytest.fixture
def crowded(start_app: Start, eventually: Start) -> Iterator[Any]:
    """An app with a single connection to PostgreSQL, which somebody else keeps."""
    app = start_app("redis_script", APP_TICKETS=1, APP_POSTGRES_POOL=1, APP_POSTGRES_POOL_TIMEOUT=1)
    pool_limit = app.asgi.services.database.pool_limit
    entered_ns = app.call(pool_limit.enter())
    yield app
    app.loop.call_soon_threadsafe(pool_limit.leave, entered_ns)


def test_who_waits_for_a_connection_in_vain_holds_nothing(crowded: Any) -> None:
    answer = crowded.buy(crowded.login(0))
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert held(crowded.stage) == {}


def test_who_waits_in_vain_is_told_what_has_become_of_the_tickets(
    crowded: Any, eventually: Start
) -> None:
    bearer = crowded.login(0)
    pool_limit = crowded.asgi.services.database.pool_limit
    with meanwhile(partial(crowded.buy, bearer)) as purchase, crowded.stage.client() as redis:
        eventually(lambda: pool_limit.pending)
        redis.hset(f"event:{crowded.stage.event}", "granted", 1)
        assert purchase.result().json()["code"] == "sold_out"


def test_who_is_refused_does_not_wait_for_a_connection(crowded: Any) -> None:
    bearer = crowded.login(0)
    with crowded.stage.client() as redis:
        redis.hset(f"event:{crowded.stage.event}", "granted", 1)
        assert crowded.buy(bearer).json()["code"] == "sold_out"
        redis.hset(f"event:{crowded.stage.event}", "opens_at_ns", time.time_ns() + 60 * 10**9)
        assert crowded.buy(bearer).json()["code"] == "too_early"


def test_a_grant_that_redis_forgot_before_its_row_was_written_is_void(start_app: Start) -> None:
    """Its number may have been handed out anew, by a Redis restored without it."""
    app = start_app("redis_script")
    bearer = app.login(0)
    app.stage.postgres.run("UPDATE events SET epoch = epoch + 1 WHERE event = $1", app.stage.event)
    assert app.buy(bearer).json()["code"] == "dependency_unavailable"
    assert app.stage.rows() == []
    with app.stage.client() as redis:  # as it is once it was restored
        redis.delete(f"event:{app.stage.event}:holders")
        redis.hset(f"event:{app.stage.event}", "granted", 0)
        redis.hincrby(f"event:{app.stage.event}", "epoch", 1)
    assert app.buy(bearer).status_code == 201
    assert [row["number"] for row in app.stage.rows()] == [1]
