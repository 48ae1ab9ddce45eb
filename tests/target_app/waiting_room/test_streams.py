"""The queue as an event stream: told once, told at once, and told again after a reconnect."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from dress_rehearsal.target_app.waiting_room import streams
from dress_rehearsal.target_app.waiting_room.streams import PlaceStream

FAR_FUTURE_NS = 9 * 10**18
Start = Callable[..., Any]
Event = tuple[str, str, dict[str, int]]  # id, name, data


@pytest.fixture
def open_room(start_app: Start) -> Start:
    """Start an app whose waiting room streams and whose T-0 is far away."""

    def start(**changes: object) -> Any:
        usual = {"APP_WAITING_ROOM": "sse", "APP_OPENS_AT_NS": FAR_FUTURE_NS}
        return start_app(**{**usual, **changes})

    return start


class Listener:
    """A browser that follows one stream."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.iter_lines()
        self.heartbeats = 0

    def next(self) -> Event | None:
        """The next event, or None at the end of the stream."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line == ":":
                self.heartbeats += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                return fields["id"], fields["event"], json.loads(fields["data"])
            else:
                fields = {}
        return None

    def rest(self) -> list[Event]:
        events = []
        while event := self.next():
            events.append(event)
        return events


@contextmanager
def follow(app: Any, bearer: dict[str, str], last: str | None = None) -> Iterator[Listener]:
    headers = bearer if last is None else {**bearer, "Last-Event-ID": last}
    with app.http.stream("GET", f"{app.path}/queue/stream", headers=headers) as answer:
        yield Listener(answer)


def crowd(app: Any, count: int) -> list[dict[str, str]]:
    bearers = [app.login(index) for index in range(count)]
    for bearer in bearers:
        app.http.post(f"{app.path}/queue", json={}, headers=bearer)
    return bearers


def configure(app: Any, **change: Any) -> None:
    token = app.stage.settings.admin_token.get_secret_value()
    headers = {"Authorization": f"Bearer {token}"}
    assert app.http.put(f"/admin{app.path}/queue", json=change, headers=headers).is_success


ADMITTED = ("admitted", "admitted", {})
SOLD_OUT = ("sold_out", "sold_out", {})


def test_a_stream_tells_the_place_then_the_admission_and_ends(open_room: Start) -> None:
    app = open_room()
    *_, bearer = crowd(app, 3)
    with follow(app, bearer) as listener:
        assert listener.answer.headers["content-type"] == "text/event-stream"
        assert listener.answer.headers["cache-control"] == "no-store"
        assert listener.next() == ("p0", "place", {"position": 3, "ahead": 2})
        app.reschedule(1)
        assert listener.rest() == [ADMITTED]
    assert app.buy(bearer).status_code == 202


def test_a_place_is_told_again_when_it_has_come_nearer_by_a_seconds_admissions(
    open_room: Start,
) -> None:
    app = open_room(APP_ADMISSION_RATE=10, APP_ADMISSION_CAP=1000)
    *_, bearer = crowd(app, 25)
    with follow(app, bearer) as listener:
        listener.next()
        app.reschedule(1)
        *places, last = listener.rest()
    assert last == ADMITTED
    assert 1 <= len(places) <= 2
    ahead = [place[2]["ahead"] for place in places]
    assert all(before - after >= 10 for before, after in zip([24, *ahead], ahead, strict=False))


def test_who_is_admitted_already_is_told_at_once(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room(APP_OPENS_AT_NS=1)
    (bearer,) = crowd(app, 1)
    with follow(app, bearer) as listener:
        assert listener.rest()[-1] == ADMITTED


def test_a_reconnect_is_not_told_again_what_it_has_heard(open_room: Start) -> None:
    app = open_room(APP_ADMISSION_CAP=1)
    *_, bearer = crowd(app, 3)
    with follow(app, bearer) as listener:
        told, *_ = listener.next() or ("",)
    with follow(app, bearer, last=told) as listener:
        configure(app, paused=False, cap=1000)
        app.reschedule(1)
        assert listener.rest() == [ADMITTED]  # not the place again, and the admission not lost
    with follow(app, bearer, last="admitted") as listener:
        assert listener.answer.status_code == 204


def test_what_was_missed_in_between_is_told_on_reconnect(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room()
    bearer, other = crowd(app, 2)
    with follow(app, bearer) as listener:
        told, *_ = listener.next() or ("",)
    app.reschedule(1)
    eventually(
        lambda: app.http.get(f"{app.path}/queue", headers=other).json()["admitted"], timeout_s=2
    )
    with follow(app, bearer, last=told) as listener:
        assert listener.rest() == [ADMITTED]


def test_one_stream_more_than_a_student_may_have_ends_the_oldest_and_nobody_else_s(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room()
    streams_of = app.asgi.services.room.streams
    other, bearer = crowd(app, 2)
    again = app.login(1)  # another device of the same student, with a session of its own
    with ExitStack() as stack:

        def listen(who: dict[str, str]) -> Listener:
            http = stack.enter_context(httpx.Client(base_url=app.url, timeout=15, verify=False))
            answer = http.stream("GET", f"{app.path}/queue/stream", headers=who)
            listener = Listener(stack.enter_context(answer))
            assert listener.next() is not None
            return listener

        untouched = listen(other)
        own = [listen((bearer, again)[at % 2]) for at in range(streams.STREAMS_EACH)]
        for first in own[:2]:
            own.append(listen(bearer))
            assert first.rest() == []  # it ends, and tells nothing of an end of the wait
            assert len(streams_of._of_student[app.stage.roster[1].student]) == streams.STREAMS_EACH
        app.reschedule(1)
        assert [listener.rest() for listener in own[2:]] == [[ADMITTED]] * streams.STREAMS_EACH
        assert untouched.rest() == [ADMITTED]
    eventually(lambda: not streams_of._of_student)


def test_a_browser_that_comes_back_again_and_again_always_hears(open_room: Start) -> None:
    app = open_room()
    (bearer,) = crowd(app, 1)
    for _ in range(3 * streams.STREAMS_EACH):
        with follow(app, bearer) as listener:
            assert listener.next() == ("p0", "place", {"position": 1, "ahead": 0})


@pytest.mark.parametrize("last", ["admitted", "sold_out", "p999999", "p-1", "x", "p" + "9" * 50])
def test_an_event_that_cannot_have_been_heard_loses_nothing(open_room: Start, last: str) -> None:
    app = open_room()
    (bearer,) = crowd(app, 1)
    with follow(app, bearer, last=last) as listener:
        app.reschedule(1)
        assert listener.rest()[-1] == ADMITTED


def sell_the_last_with_somebody_waiting(app: Any, eventually: Callable[..., Any]) -> Any:
    """Of two students one is admitted and may buy the only ticket; return both bearers."""
    holder, waiting = crowd(app, 2)
    eventually(lambda: app.http.get(f"{app.path}/queue", headers=holder).json()["admitted"])
    configure(app, paused=True)
    return holder, waiting


@pytest.fixture
def last_ticket(open_room: Start) -> tuple[Any, Any]:
    """Two workers that sell one ticket and admit one student at a time."""
    settings = {"APP_OPENS_AT_NS": 1, "APP_ADMISSION_CAP": 1, "APP_TICKETS": 1}
    app = open_room(**settings)
    return app, open_room(APP_EVENT=app.stage.event, **settings)


def test_sold_out_reaches_those_who_wait_at_another_worker_at_once(
    last_ticket: tuple[Any, Any], eventually: Callable[..., Any]
) -> None:
    app, other = last_ticket
    holder, waiting = sell_the_last_with_somebody_waiting(app, eventually)
    other.call(other.asgi.services.event_status._periodic.stop())  # it has nothing but pub/sub
    with follow(other, waiting) as listener:
        listener.next()
        assert app.buy(holder).status_code == 202
        assert listener.rest() == [SOLD_OUT]
    eventually(lambda: app.asgi.services.room.sold_out)  # it hears of it like the other
    with follow(app, waiting, last="sold_out") as listener:
        assert listener.answer.status_code == 204
    with follow(app, waiting) as listener:
        assert listener.rest() == [SOLD_OUT]


def test_without_news_a_worker_learns_it_from_its_own_rounds_and_not_at_once(
    last_ticket: tuple[Any, Any], eventually: Callable[..., Any]
) -> None:
    app, other = last_ticket
    holder, waiting = sell_the_last_with_somebody_waiting(app, eventually)
    other.call(other.asgi.services.pubsub._periodic.stop())
    other.call(other.asgi.services.event_status._periodic.stop())
    with follow(other, waiting) as listener:
        listener.next()
        assert app.buy(holder).status_code == 202
        time.sleep(0.3)
        assert other.http.get(f"{other.path}/countdown").json()["state"] == "open"
        other.call(other.asgi.services.event_status.refresh())
        assert listener.rest() == [SOLD_OUT]


def test_a_worker_that_notices_tells_the_others_even_if_the_seller_died(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room(APP_OPENS_AT_NS=1, APP_TICKETS=1)
    other = open_room(APP_OPENS_AT_NS=1, APP_TICKETS=1, APP_EVENT=app.stage.event)
    (bearer,) = crowd(app, 1)
    eventually(lambda: app.http.get(f"{app.path}/queue", headers=bearer).json()["admitted"])
    for one in (app, other):
        one.call(one.asgi.services.event_status._periodic.stop())
    with app.stage.client() as redis:  # as a worker does that dies before telling
        redis.hset(f"event:{app.stage.event}", "granted", 1)
    assert app.buy(bearer).json()["code"] == "sold_out"
    eventually(
        lambda: other.http.get(f"{other.path}/countdown").json()["state"] == "sold_out",
        timeout_s=1,
    )


def test_news_are_heard_again_after_redis_was_away(
    last_ticket: tuple[Any, Any], eventually: Callable[..., Any]
) -> None:
    app, other = last_ticket
    holder, waiting = sell_the_last_with_somebody_waiting(app, eventually)
    other.call(other.asgi.services.event_status._periodic.stop())
    app.stage.redis.stop()
    app.stage.redis.start()
    with app.stage.client() as redis:
        channel = f"event:{app.stage.event}:news"
        eventually(lambda: redis.pubsub_numsub(channel)[0][1] == 2)
    with follow(other, waiting) as listener:
        assert app.buy(holder).status_code == 202
        assert listener.rest()[-1] == SOLD_OUT


def test_a_stream_that_has_nothing_to_tell_beats(
    open_room: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.05)
    app = open_room()
    (bearer,) = crowd(app, 1)
    with follow(app, bearer) as listener:
        listener.next()
        time.sleep(0.3)
        app.reschedule(1)
        assert listener.rest() == [ADMITTED]
        assert listener.heartbeats >= 3


def test_only_streams_that_are_concerned_are_woken(
    open_room: Start, eventually: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_room(APP_ADMISSION_CAP=1)
    bearers = crowd(app, 20)
    woken: list[int] = []
    wake = PlaceStream.wake

    def count(stream: PlaceStream) -> None:
        woken.append(stream._position)
        wake(stream)

    followed = app.asgi.services.room.streams
    followers = [follow(app, bearer) for bearer in bearers]
    listeners = [follower.__enter__() for follower in followers]
    for listener in listeners:
        listener.next()
    monkeypatch.setattr(PlaceStream, "wake", count)
    app.reschedule(1)
    assert listeners[0].rest() == [ADMITTED]
    time.sleep(0.2)
    assert set(woken) == {1}
    assert len(followed._open) == 19
    monkeypatch.setattr(PlaceStream, "wake", wake)
    for follower in followers:  # nineteen browsers are closed
        follower.__exit__(None, None, None)
    eventually(lambda: not followed._open and app.asgi.services.in_flight == 0)


def test_streams_that_have_ended_are_forgotten_though_their_turn_never_comes(
    open_room: Start, eventually: Callable[..., Any]
) -> None:
    app = open_room()
    *_, waiting, coming_back = crowd(app, 3)
    followed = app.asgi.services.room.streams
    with follow(app, waiting) as listener:
        listener.next()
        for _ in range(40):
            with follow(app, coming_back) as again:
                again.next()
        eventually(lambda: len(followed._open) == 1)
        assert len(followed._turns) <= 2
        app.reschedule(1)
        assert listener.rest() == [ADMITTED], "who stayed is not forgotten"
    eventually(lambda: not followed._open)
    assert followed._turns == []


def test_who_has_no_place_gets_no_stream(open_room: Start) -> None:
    app = open_room()
    stream = f"{app.path}/queue/stream"
    assert app.http.get(stream).json()["code"] == "unauthenticated"
    bearer = app.login(0)
    assert app.http.get(stream, headers=bearer).json()["code"] == "not_in_queue"
    assert app.http.get("/events/x/queue/stream").json()["code"] == "event_unknown"
    crowd(app, 1)
    app.http.post("/logout", headers=bearer)
    assert app.http.get(stream, headers=bearer).json()["code"] == "unauthenticated"


def test_a_room_that_is_polled_has_no_streams(open_room: Start) -> None:
    app = open_room(APP_WAITING_ROOM="poll")
    (bearer,) = crowd(app, 1)
    answer = app.http.get(f"{app.path}/queue/stream", headers=bearer)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_sigterm_ends_the_streams_at_once_and_cleanly(
    make_stage: Callable[..., Any], spawn: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    stage = make_stage(APP_WAITING_ROOM="sse", APP_OPENS_AT_NS=FAR_FUTURE_NS)
    stage.prepare()
    child = spawn("dress_rehearsal.target_app", stage)
    url = f"http://127.0.0.1:{stage.settings.port}"

    def ready() -> bool:
        try:
            return http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    with httpx.Client(base_url=url, timeout=15, verify=False) as http:
        eventually(ready)
        student = stage.roster[0]
        body = {"student": student.student, "pin": student.pin}
        bearer = {"Authorization": f"Bearer {http.post('/login', json=body).json()['token']}"}
        queue = f"/events/{stage.event}/queue"
        http.post(queue, json={}, headers=bearer)
        with http.stream("GET", f"{queue}/stream", headers=bearer) as answer:
            listener = Listener(answer)
            listener.next()
            began_s = time.monotonic()
            child.process.send_signal(signal.SIGTERM)
            assert listener.rest() == []  # the end of the answer, not of the connection
        assert child.wait() == 0
        assert time.monotonic() - began_s < 4
    assert not [line for line in child.lines if '"level":"error"' in line]
