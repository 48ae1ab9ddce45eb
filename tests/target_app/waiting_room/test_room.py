"""The waiting room: places that stay, and admission in order, by rate, by cap, and pausable."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY
from dress_rehearsal.target_app.waiting_room import room

FAR_FUTURE_NS = 9 * 10**18
Start = Callable[..., Any]


@pytest.fixture
def open_room(start_app: Start) -> Start:
    """Start an app with a waiting room whose T-0 is far away."""

    def start(**changes: object) -> Any:
        usual = {"APP_WAITING_ROOM": "poll", "APP_OPENS_AT_NS": FAR_FUTURE_NS}
        return start_app(**{**usual, **changes})

    return start


@pytest.fixture
def client_position() -> Iterator[None]:
    FAULTS.set_all({"client_position": 1})
    yield
    FAULTS.set_all({})


def join(app: Any, bearer: dict[str, str], **body: int) -> dict[str, Any]:
    answer = app.http.post(f"{app.path}/queue", json=body, headers=bearer)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def place(app: Any, bearer: dict[str, str]) -> httpx.Response:
    return app.http.get(f"{app.path}/queue", headers=bearer)


def crowd(app: Any, count: int) -> list[dict[str, str]]:
    """Students 0 to `count` - 1, logged in and joined in that order."""
    bearers = [app.login(index) for index in range(count)]
    assert [join(app, bearer)["position"] for bearer in bearers] == list(range(1, count + 1))
    return bearers


def admitted(app: Any, bearers: list[dict[str, str]]) -> list[bool]:
    return [place(app, bearer).json()["admitted"] for bearer in bearers]


def configure(app: Any, token: str | None = None, **change: Any) -> httpx.Response:
    token = token or app.stage.settings.admin_token.get_secret_value()
    return app.http.put(
        f"/admin{app.path}/queue", json=change, headers={"Authorization": f"Bearer {token}"}
    )


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# ------------------------------------------------------------------------------ places


def test_places_are_given_in_order_and_told_with_those_ahead(open_room: Start) -> None:
    app = open_room()
    crowd(app, 2)
    assert join(app, app.login(2)) == {
        "position": 3,
        "ahead": 2,
        "admitted": False,
        "state": "waiting",
        "poll_after_ms": 5000,
    }


def test_a_place_survives_a_refresh_another_device_and_another_worker(open_room: Start) -> None:
    app = open_room()
    first, *_ = crowd(app, 3)
    other_device = app.login(0)
    assert [join(app, bearer)["position"] for bearer in (first, other_device)] == [1, 1]
    other_worker = open_room(APP_EVENT=app.stage.event)
    for bearer in (first, other_device):
        assert place(other_worker, bearer).json()["position"] == 1
        assert join(other_worker, bearer)["position"] == 1
    assert join(other_worker, app.login(3))["position"] == 4


def test_a_storm_of_joins_gives_every_student_one_place_of_their_own(open_room: Start) -> None:
    app = open_room()
    bearers = [app.login(index) for index in range(30)]
    answers = app.storm([("POST", f"{app.path}/queue", bearer) for bearer in bearers * 3])
    positions = [answer.json()["position"] for answer in answers]
    assert positions[:30] == positions[30:60] == positions[60:]
    assert sorted(positions[:30]) == list(range(1, 31))


def test_who_has_not_joined_or_logged_in_has_no_place(open_room: Start) -> None:
    app = open_room()
    assert code(place(app, app.login(0))) == (409, "not_in_queue")
    assert code(place(app, {})) == (401, "unauthenticated")
    assert code(app.http.post(f"{app.path}/queue")) == (401, "unauthenticated")
    assert code(app.http.get("/events/other/queue")) == (404, "event_unknown")
    bearer = app.login(0)
    app.http.post("/logout", headers=bearer)
    answer = app.http.post(f"{app.path}/queue", json={}, headers=bearer)
    assert code(answer) == (401, "unauthenticated")


def test_a_session_revoked_elsewhere_is_refused_once_it_is_looked_at_again(
    open_room: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_REVALIDATE_S", 0.0)
    app = open_room()
    (bearer,) = crowd(app, 1)
    assert place(app, bearer).status_code == 200
    app.http.post("/logout", headers=bearer)
    assert code(place(app, bearer)) == (401, "unauthenticated")


def test_polling_asks_redis_nothing(open_room: Start) -> None:
    app = open_room()
    (bearer,) = crowd(app, 1)
    labels = {"kind": "redis", "name": "find_place", "result": "success"}
    before = REGISTRY.get_sample_value("boundary_calls_total", labels)
    for _ in range(20):
        assert "redis" not in place(app, bearer).headers["server-timing"]
    assert REGISTRY.get_sample_value("boundary_calls_total", labels) == before


def test_those_further_back_are_asked_to_poll_less_often(open_room: Start) -> None:
    app = open_room(APP_OPENS_AT_NS=1, APP_ADMISSION_RATE=1, APP_ADMISSION_CAP=1)
    polls_ms = [join(app, app.login(index))["poll_after_ms"] for index in range(30)]
    waiting_ms = polls_ms[2:]
    assert waiting_ms == sorted(waiting_ms)
    assert 300 <= waiting_ms[0] < waiting_ms[-1] == 5000


@pytest.mark.parametrize("body", [{"position": 0}, {"position": "first"}])
def test_a_claim_that_is_no_position_is_an_invalid_request(
    open_room: Start, body: dict[str, Any]
) -> None:
    app = open_room()
    answer = app.http.post(f"{app.path}/queue", json=body, headers=app.login(0))
    assert code(answer) == (400, "invalid_request")


# ------------------------------------------------------------------------------ admission


def test_nobody_is_admitted_before_t0_and_then_everyone_who_fits(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room()
    bearers = crowd(app, 5)
    time.sleep(0.2)  # the pump has run four times
    assert not any(admitted(app, bearers))
    assert code(app.buy(bearers[0])) == (403, "not_admitted")
    app.reschedule(1)
    eventually(lambda: all(admitted(app, bearers)))
    assert app.buy(bearers[0]).status_code == 202


def test_admission_keeps_the_rate_and_the_order(open_room: Start) -> None:
    rate = 40
    app = open_room(APP_ADMISSION_RATE=rate)
    bearers = crowd(app, 60)
    opens_at_ns = time.time_ns()
    app.reschedule(opens_at_ns)
    let_in = 0
    while let_in < 30:
        # The last is asked first: whoever is admitted, those ahead must be when asked later.
        seen = admitted(app, bearers[::-1])
        elapsed_s = (time.time_ns() - opens_at_ns) / 1e9
        assert seen == sorted(seen), "somebody was admitted before one ahead"
        let_in = sum(seen)
        assert let_in <= rate * (elapsed_s + room.SAVED_UP_S) + 1
        assert elapsed_s < 10, "thirty students should take three quarters of a second"


def test_two_workers_together_keep_the_rate(open_room: Start) -> None:
    app = open_room(APP_ADMISSION_RATE=20)
    other = open_room(APP_ADMISSION_RATE=20, APP_EVENT=app.stage.event)
    bearers = crowd(app, 60)
    opens_at_ns = time.time_ns()
    app.reschedule(opens_at_ns)
    time.sleep(0.8)
    let_in = sum(admitted(other, bearers))
    elapsed_s = (time.time_ns() - opens_at_ns) / 1e9
    assert 8 <= let_in <= 20 * elapsed_s + 5


def test_the_cap_holds_until_somebody_is_answered(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room(APP_OPENS_AT_NS=1, APP_ADMISSION_CAP=3, APP_TICKETS=2)
    bearers = crowd(app, 5)
    eventually(lambda: sum(admitted(app, bearers)) == 3)
    time.sleep(0.15)
    assert admitted(app, bearers) == [True, True, True, False, False]
    assert code(app.buy(bearers[3])) == (403, "not_admitted")
    assert app.buy(bearers[0]).status_code == 202
    eventually(lambda: sum(admitted(app, bearers)) == 4)
    for _ in range(3):  # a refusal settles the student too, but only once
        assert code(app.buy(bearers[0], "again")) == (409, "already_holds_ticket")
    time.sleep(0.15)
    assert sum(admitted(app, bearers)) == 4


def test_outsiders_make_room_once_they_are_refused(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room(APP_OPENS_AT_NS=1, APP_ADMISSION_CAP=1)
    outsider, student = app.login(-1), app.login(0)
    join(app, outsider)
    join(app, student)
    eventually(lambda: admitted(app, [outsider, student]) == [True, False])
    assert code(app.buy(outsider)) == (403, "not_enrolled")
    eventually(lambda: admitted(app, [student]) == [True])


def test_an_admission_nobody_uses_does_not_jam_the_cap(
    open_room: Start, eventually: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "ADMISSION_S", 0.3)
    app = open_room(APP_OPENS_AT_NS=1, APP_ADMISSION_CAP=1)
    bearers = crowd(app, 2)
    eventually(lambda: admitted(app, bearers) == [True, True], timeout_s=2)
    assert app.buy(bearers[0]).status_code == 202  # late, and still served


def test_admission_pauses_resumes_and_changes_for_all_workers(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room()
    other = open_room(APP_EVENT=app.stage.event)
    bearers = crowd(app, 4)
    assert configure(app, paused=True).json() == {"paused": True, "rate": 1000, "cap": 2000}
    app.reschedule(1)
    time.sleep(0.2)
    assert not any(admitted(app, bearers))
    assert configure(other, paused=False, rate=500, cap=2).json() == {
        "paused": False,
        "rate": 500,
        "cap": 2,
    }
    eventually(lambda: admitted(app, bearers) == [True, True, False, False])
    assert configure(app, paused=False).json()["cap"] == 2  # what is left out stays


def test_only_the_organiser_changes_admission(open_room: Start) -> None:
    app = open_room()
    assert code(configure(app, token="wrong", paused=True)) == (401, "unauthenticated")
    assert code(configure(app, rate=5)) == (400, "invalid_request")
    assert code(configure(app, paused=False, cap=0)) == (400, "invalid_request")


def test_who_never_joined_is_not_admitted_and_another_worker_knows_who_is(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room(APP_OPENS_AT_NS=1)
    other = open_room(APP_OPENS_AT_NS=1, APP_EVENT=app.stage.event)
    assert code(app.buy(app.login(1))) == (403, "not_admitted")
    (bearer,) = crowd(app, 1)
    eventually(lambda: all(admitted(app, [bearer])))
    assert other.buy(bearer).status_code == 202


def test_once_all_is_sold_those_waiting_are_told_so_at_the_desk_too(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room(APP_OPENS_AT_NS=1, APP_ADMISSION_CAP=1, APP_TICKETS=1)
    holder, waiting = crowd(app, 2)
    eventually(lambda: admitted(app, [holder]) == [True])
    configure(app, paused=True)
    assert app.buy(holder).status_code == 202
    eventually(lambda: place(app, waiting).json()["state"] == "sold_out", timeout_s=1)
    assert place(app, waiting).json()["admitted"] is False
    assert code(app.buy(waiting)) == (409, "sold_out")


@pytest.mark.parametrize("kind", ["poll", "sse"])
def test_the_routes_and_what_they_answer_are_described(open_room: Start, kind: str) -> None:
    paths = open_room(APP_WAITING_ROOM=kind).http.get("/schema").json()["paths"]
    queue = paths["/events/{event}/queue"]
    assert set(queue) == {"get", "post"}
    assert "`not_in_queue`" in queue["get"]["responses"]["409"]["description"]
    assert "`dependency_unavailable`" in queue["post"]["responses"]["503"]["description"]
    assert "put" in paths["/admin/events/{event}/queue"]
    buying = paths["/events/{event}/tickets"]["post"]["responses"]
    assert "`not_admitted`" in buying["403"]["description"]
    assert set(paths["/tickets/{ticket}/qr"]["get"]["responses"]["200"]["content"]) == {
        "image/svg+xml",
        "text/plain",
    }
    assert ("/events/{event}/queue/stream" in paths) is (kind == "sse")
    if kind == "sse":
        stream = paths["/events/{event}/queue/stream"]["get"]
        assert set(stream["responses"]["200"]["content"]) == {"text/event-stream"}
        assert "204" in stream["responses"]
        assert "Last-Event-ID" in {parameter["name"] for parameter in stream["parameters"]}


# ------------------------------------------------------------------------------ mishaps


def test_the_position_a_client_claims_counts_for_nothing(open_room: Start) -> None:
    app = open_room()
    crowd(app, 3)
    assert join(app, app.login(3), position=1)["position"] == 4


def test_with_client_position_on_a_jumper_is_believed_and_overtakes(
    open_room: Start, client_position: None, eventually: Callable[..., Any]
) -> None:
    app = open_room(APP_ADMISSION_CAP=1)
    bearers = crowd(app, 3)
    jumper = app.login(3)
    assert join(app, jumper, position=1)["position"] == 1
    app.reschedule(1)
    eventually(lambda: admitted(app, [jumper]) == [True])
    assert admitted(app, bearers) == [True, False, False]


def test_a_queue_that_redis_lost_is_put_back(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room(APP_OPENS_AT_NS=1, APP_ADMISSION_CAP=2)
    bearers = crowd(app, 4)
    eventually(lambda: sum(admitted(app, bearers)) == 2)
    configure(app, paused=True)
    event = app.stage.event
    with app.stage.client() as redis:
        redis.delete(*(f"event:{event}:queue{part}" for part in ("", ":admission", ":inside")))
        eventually(lambda: redis.hlen(f"event:{event}:queue") == 4)
        state = redis.hgetall(f"event:{event}:queue:admission")
    assert (state[b"joined"], state[b"watermark"], state[b"paused"]) == (b"4", b"2", b"1")
    other = open_room(APP_EVENT=event)
    assert [place(other, bearer).json()["position"] for bearer in bearers] == [1, 2, 3, 4]
    assert join(other, app.login(4))["position"] == 5


def test_while_redis_is_down_places_are_still_told(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room()
    (bearer,) = crowd(app, 1)
    newcomer = app.login(1)
    app.stage.redis.stop()
    try:
        assert place(app, bearer).json()["position"] == 1
        answer = app.http.post(f"{app.path}/queue", json={}, headers=newcomer)
        assert code(answer) == (503, "dependency_unavailable")
    finally:
        app.stage.redis.start()
    eventually(
        lambda: (
            app.http.post(f"{app.path}/queue", json={}, headers=newcomer).json().get("position")
            == 2
        )
    )
    app.reschedule(1)
    eventually(lambda: all(admitted(app, [bearer, newcomer])))


def test_without_a_waiting_room_there_is_no_queue_and_buying_needs_none(start_app: Start) -> None:
    app = start_app()
    bearer = app.login(0)
    for method, path in (
        ("POST", f"{app.path}/queue"),
        ("GET", f"{app.path}/queue"),
        ("GET", f"{app.path}/queue/stream"),
        ("PUT", f"/admin{app.path}/queue"),
    ):
        assert code(app.http.request(method, path, headers=bearer)) == (404, "not_found")
    assert app.asgi.services.tickets._grant == app.asgi.services.allocator.grant
    assert app.buy(bearer).status_code == 202
