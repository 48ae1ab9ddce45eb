"""Buying and holding a ticket: the same claims for every allocation, over HTTP."""

import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dress_rehearsal.target_app.allocators import ALLOCATIONS
from dress_rehearsal.target_app.qr import draw_qr, sign_ticket
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

FAR_FUTURE_NS = 9 * 10**18
Start = Callable[..., Any]
WRITE_BACK = ("redis_writeback", "sqs_writeback", "kafka_writeback")


def outcome(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body.get("code") or body["state"]


@pytest.fixture
def start_app(start_app: Start, queue_settings: Callable[[str], dict[str, str]]) -> Start:
    """Start an app, with a queue of its own where the allocation wants one."""

    def start(allocation: str = "redis_writeback", **changes: object) -> Any:
        return start_app(allocation, **queue_settings(allocation), **changes)

    return start


@pytest.fixture(params=list(ALLOCATIONS))
def allocation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_student_buys_a_ticket(shared_app: Any) -> None:
    answer = shared_app.buy(shared_app.newcomer())
    written_back = shared_app.stage.settings.allocation in WRITE_BACK
    assert outcome(answer) == ((202, "pending") if written_back else (201, "issued"))
    assert re.fullmatch("[0-9a-f]{32}", answer.json()["ticket"])
    assert set(answer.json()) == {"ticket", "state"}


def test_a_ticket_is_counted_when_it_is_granted_and_not_again(shared_app: Any) -> None:
    labels = {"allocation": shared_app.stage.settings.allocation}

    def granted() -> float:
        return REGISTRY.get_sample_value("tickets_granted_total", labels) or 0.0

    before, bearer = granted(), shared_app.newcomer()
    for key in ("a", "a", "b"):
        shared_app.buy(bearer, key)
    assert granted() == before + 1


def test_the_same_key_again_gets_the_same_ticket(shared_app: Any) -> None:
    student = next(shared_app._newcomers)
    bearer, again = shared_app.login(student), shared_app.login(student)
    first = shared_app.buy(bearer, "a")
    for other in (shared_app.buy(bearer, "a"), shared_app.buy(again, "a")):
        assert (other.status_code, other.json()) == (first.status_code, first.json())


def test_another_key_is_refused_to_a_holder(shared_app: Any) -> None:
    bearer = shared_app.newcomer()
    shared_app.buy(bearer, "a")
    assert outcome(shared_app.buy(bearer, "b")) == (409, "already_holds_ticket")
    other = shared_app.newcomer()  # keys are each student's own
    assert outcome(shared_app.buy(other, "a"))[0] in (201, 202)


def test_nobody_buys_before_t0(start_app: Start, allocation: str) -> None:
    app = start_app(allocation, APP_OPENS_AT_NS=FAR_FUTURE_NS)
    bearer = app.login(0)
    assert outcome(app.buy(bearer)) == (409, "too_early")
    opens_at_ns = time.time_ns() + 300_000_000 + 1  # not on a whole microsecond
    app.reschedule(opens_at_ns)
    while outcome(answer := app.buy(bearer)) == (409, "too_early"):
        pass
    assert time.time_ns() >= opens_at_ns
    assert answer.status_code in (201, 202)


def test_outsiders_are_refused(shared_app: Any) -> None:
    assert outcome(shared_app.buy(shared_app.login(-1))) == (403, "not_enrolled")


def test_the_last_ticket_is_the_last(start_app: Start, allocation: str) -> None:
    app = start_app(allocation, APP_TICKETS=2)
    holder = app.login(0)
    first = app.buy(holder, "a")
    app.buy(app.login(1))
    assert outcome(app.buy(app.login(2))) == (409, "sold_out")
    assert app.buy(holder, "a").json()["ticket"] == first.json()["ticket"]
    assert outcome(app.buy(holder, "b")) == (409, "already_holds_ticket")


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_purchase_needs_an_idempotency_key(start_app: Start, key: str) -> None:
    app = start_app()
    bearer = app.login(0)
    assert outcome(app.buy(bearer, key)) == (400, "idempotency_key_required")
    without = app.http.post(f"{app.path}/tickets", headers=bearer)
    assert outcome(without) == (400, "idempotency_key_required")


def test_the_holder_sees_the_ticket_with_its_number(shared_app: Any) -> None:
    event = shared_app.stage.event
    numbers = []
    for _ in range(2):
        bearer = shared_app.newcomer()
        bought = shared_app.buy(bearer).json()
        seen = shared_app.http.get(f"/tickets/{bought['ticket']}", headers=bearer).json()
        numbers.append(seen.pop("number"))
        assert seen == {**bought, "event": event}
    assert numbers[0] >= 1
    assert numbers[1] == numbers[0] + 1


def test_somebody_elses_ticket_is_as_unknown_as_none(shared_app: Any) -> None:
    ticket = shared_app.buy(shared_app.newcomer()).json()["ticket"]
    other = shared_app.newcomer()
    for holds in ("nothing", "a ticket"):
        for unknown in (ticket, "0" * 32):
            for path in (f"/tickets/{unknown}", f"/tickets/{unknown}/qr"):
                answer = shared_app.http.get(path, headers=other)
                assert outcome(answer) == (404, "ticket_unknown"), holds
        shared_app.buy(other)


def test_tickets_are_shown_to_nobody_without_a_token(start_app: Start) -> None:
    app = start_app()
    assert outcome(app.http.get("/tickets/x")) == (401, "unauthenticated")
    assert outcome(app.http.get("/tickets/x/qr")) == (401, "unauthenticated")


def test_the_qr_code_is_the_signed_ticket_as_svg(start_app: Start) -> None:
    app = start_app("atomic_update")
    bearer = app.login(0)
    ticket = app.buy(bearer).json()["ticket"]
    asked_s = time.time()
    answer = app.http.get(f"/tickets/{ticket}/qr", headers=bearer)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    key = app.stage.settings.key("qr")
    times_s = (asked_s, time.time())  # the half minute may have ended in between
    payloads = {sign_ticket(key, app.stage.event, ticket, now_s) for now_s in times_s}
    assert answer.content in {draw_qr(payload) for payload in payloads}


def test_a_pending_ticket_has_no_qr_code_until_it_is_issued(start_app: Start) -> None:
    app = start_app("redis_writeback")
    bearer = app.login(0)
    ticket = app.buy(bearer).json()["ticket"]
    assert outcome(app.http.get(f"/tickets/{ticket}/qr", headers=bearer)) == (409, "ticket_pending")
    with app.stage.client() as redis:
        redis.sadd(f"event:{app.stage.event}:issued", ticket)
    assert outcome(app.http.get(f"/tickets/{ticket}", headers=bearer)) == (200, "issued")
    assert app.http.get(f"/tickets/{ticket}/qr", headers=bearer).status_code == 200
    assert outcome(app.buy(bearer)) == (201, "issued")


def test_redis_holds_what_the_audit_reads(start_app: Start) -> None:
    app = start_app("redis_writeback")
    ticket = app.buy(app.login(0)).json()["ticket"]
    student = app.stage.roster[0].student
    with app.stage.client() as redis:
        holder = redis.hget(f"event:{app.stage.event}:holders", student)
        ((_, entry),) = redis.xrange(f"event:{app.stage.event}:grants")
    assert f'"ticket":"{ticket}","number":1,"granted_ns":'.encode() in holder
    assert (entry[b"ticket"], entry[b"student"]) == (ticket.encode(), student.encode())
    assert abs(int(entry[b"granted_ns"]) - time.time_ns()) < 5e9


def test_allocations_in_postgresql_keep_no_holders_in_redis(start_app: Start) -> None:
    app = start_app("atomic_update")
    app.buy(app.login(0))
    with app.stage.client() as redis:
        assert not redis.exists(f"event:{app.stage.event}:holders")
    (row,) = app.stage.rows()
    assert (row["student"], row["number"]) == (app.stage.roster[0].student, 1)
