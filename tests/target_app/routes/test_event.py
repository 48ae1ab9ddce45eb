"""The event's page and countdown: exact views, the three states, and moving T-0."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from dress_rehearsal.target_app.faults import FAULTS

FAR_FUTURE_NS = 9 * 10**18


@pytest.fixture
def app(start_app: Callable[..., Any]) -> Any:
    return start_app()


def test_the_page_tells_the_event_and_counts_this_view(app: Any) -> None:
    before_ns = time.time_ns()
    first, second = (app.http.get(app.path).json() for _ in range(2))
    assert before_ns <= first.pop("now_ns") <= time.time_ns()
    assert first == {
        "id": app.stage.event,
        "title": app.stage.event.capitalize(),
        "tickets": 50,
        "opens_at_ns": 1,
        "state": "open",
        "views": 1,
    }
    assert second["views"] == 2


def test_views_are_counted_exactly_once_each_however_many_come_at_once(app: Any) -> None:
    answers = app.storm([("GET", app.path, {})] * 150)
    views = sorted(answer.json()["views"] for answer in answers)
    assert views == list(range(1, 151))
    with app.stage.client() as redis:
        assert redis.get(f"event:{app.stage.event}:views") == b"150"


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_with_views_lost_views_that_come_at_once_are_lost(app: Any, share: float) -> None:
    FAULTS.set_all({"views_lost": share})
    try:
        answers = app.storm([("GET", app.path, {})] * 150)
    finally:
        FAULTS.set_all({})
    assert {answer.status_code for answer in answers} == {200}
    with app.stage.client() as redis:
        assert 1 <= int(redis.get(f"event:{app.stage.event}:views")) < 150


def test_countdown_and_refusals_are_no_views(app: Any) -> None:
    app.http.get(f"{app.path}/countdown")
    app.http.get("/events/other")
    app.http.post(app.path)
    assert app.http.get(app.path).json()["views"] == 1


@pytest.mark.parametrize("allocation", ["naive", "atomic_update", "redis_writeback"])
def test_the_countdown_goes_from_waiting_over_open_to_sold_out(
    start_app: Callable[..., Any], eventually: Callable[..., Any], allocation: str
) -> None:
    app = start_app(allocation, APP_TICKETS=1, APP_OPENS_AT_NS=FAR_FUTURE_NS)

    def countdown() -> dict[str, Any]:
        return app.http.get(f"{app.path}/countdown").json()

    first = countdown()
    assert abs(first["now_ns"] - time.time_ns()) < 5e9
    assert first["opens_at_ns"] == FAR_FUTURE_NS
    assert (first["state"], first["remaining"]) == ("waiting", 1)
    assert app.reschedule(1).json() == {"opens_at_ns": 1}
    assert (countdown()["state"], countdown()["remaining"]) == ("open", 1)
    app.buy(app.login(0))
    eventually(lambda: (countdown()["state"], countdown()["remaining"]) == ("sold_out", 0))


def test_t0_moved_by_somebody_else_is_honoured_within_a_second(
    app: Any, eventually: Callable[..., Any]
) -> None:
    with app.stage.client() as redis:  # as another worker does it
        redis.hset(f"event:{app.stage.event}", "opens_at_ns", FAR_FUTURE_NS)
    eventually(
        lambda: app.http.get(f"{app.path}/countdown").json()["state"] == "waiting", timeout_s=1
    )


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_only_the_organiser_moves_t0(app: Any, headers: dict[str, str]) -> None:
    answer = app.http.put(f"/admin{app.path}", json={"opens_at_ns": 5}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert app.http.get(f"{app.path}/countdown").json()["opens_at_ns"] == 1


@pytest.mark.parametrize("body", [{}, {"opens_at_ns": "soon"}, {"opens_at_ns": 0}])
def test_a_t0_that_is_none_is_an_invalid_request(app: Any, body: dict[str, Any]) -> None:
    token = app.stage.settings.admin_token.get_secret_value()
    answer = app.http.put(
        f"/admin{app.path}", json=body, headers={"Authorization": f"Bearer {token}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/events/other"),
        ("GET", "/events/other/countdown"),
        ("POST", "/events/other/tickets"),
        ("PUT", "/admin/events/other"),
    ],
)
def test_another_event_is_unknown(app: Any, method: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {app.stage.settings.admin_token.get_secret_value()}"}
    body = {"opens_at_ns": 5} if method == "PUT" else None
    answer = app.http.request(method, path, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "event_unknown")


@pytest.mark.parametrize("allocation", ["naive", "atomic_update", "redis_writeback"])
def test_an_event_that_was_never_prepared_is_no_bare_error(
    start_app: Callable[..., Any], allocation: str
) -> None:
    app = start_app(allocation)
    with app.stage.client() as redis:
        redis.delete(f"event:{app.stage.event}")
    app.stage.postgres.run(
        "DELETE FROM events WHERE event = $1", app.stage.event, database=app.stage.database
    )
    with app.stage.client() as redis:
        redis.sadd(f"event:{app.stage.event}:enrolled", app.stage.roster[0].student)
    answer = app.buy(app.login(0))
    expected = (
        (503, "dependency_unavailable")
        if allocation == "redis_writeback"
        else (
            404,
            "event_unknown",
        )
    )
    assert (answer.status_code, answer.json()["code"]) == expected
    assert app.reschedule(5).json()["code"] == "event_unknown"
    app.call(app.asgi.services.event_status.refresh())
    assert app.http.get(f"{app.path}/countdown").status_code == 200  # the last standing seen
    app.asgi.services.event_status._standing = None
    answer = app.http.get(f"{app.path}/countdown")
    assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")


def test_a_ticket_granted_before_the_board_was_read_is_told_of(app: Any) -> None:
    bearer = app.login(0)
    app.call(app.asgi.services.event_status.close())
    app.asgi.services.event_status._standing = None
    assert app.buy(bearer).status_code == 202
