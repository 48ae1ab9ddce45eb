"""A request that is prepared is sent by the loop when it is due, over a line that can carry it."""

import select
import time
from types import SimpleNamespace

import gevent
import pytest

from dress_rehearsal.scenarios.client import readiness
from dress_rehearsal.scenarios.client.connection import Connection
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.line import Line
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.client.scheduler import Scheduler, scheduler
from dress_rehearsal.scenarios.errors import NotAnsweredError
from tests.scenarios.client.line import origin_at
from tests.scenarios.client.requests import request_to

TRACE = b"00-0-0-01"
MS = 1_000_000


def prepare(connection, port, due_ns, body=None):
    """Have a request sent when it is due; returns the greenlet, which returns its exchange."""

    def ask():
        into = Exchange()
        origin = Origin("h", ("127.0.0.1", port))
        request = request_to(origin, "POST" if body else "GET", "/", body=body or b"")
        connection.exchange(request, TRACE, into, due_ns=due_ns)
        return into

    return gevent.spawn(ask)


@pytest.fixture
def warm(server, respond):
    """A connection that has been used."""
    server.respond = lambda request, peer: respond(200, {"path": request.path})
    connection = Connection(("127.0.0.1", server.port), timeout_s=2.0)
    prepare(connection, server.port, 0).get(timeout=5)
    yield connection
    connection.close()


def test_it_leaves_when_it_is_due_and_says_that_time(server, warm):
    due_ns = time.time_ns() + 80 * MS
    into = prepare(warm, server.port, due_ns).get(timeout=5)
    assert into.sent_ns >= due_ns
    assert not into.new_connection
    assert server.received[-1].headers["x-request-start"] == f"t={into.sent_ns}"


def test_who_asked_is_woken_once_by_the_answer(server, warm):
    switches = []
    prepared = prepare(warm, server.port, time.time_ns() + 50 * MS)
    prepared.rawlink(lambda _: switches.append("over"))
    scheduler().at(time.monotonic_ns() + 49 * MS, lambda: switches.append("due"))
    prepared.get(timeout=5)
    gevent.sleep(0)
    assert switches == ["due", "over"]


def test_many_of_one_instant_are_sent_before_an_answer_is_read(server, respond):
    server.respond = lambda request, peer: respond(200, {})
    lines = [Connection(("127.0.0.1", server.port), timeout_s=5.0) for _ in range(30)]
    gevent.joinall([prepare(line, server.port, 0) for line in lines], raise_error=True)
    due_ns = time.time_ns() + 150 * MS
    asked = [prepare(line, server.port, due_ns) for line in lines]
    gevent.joinall(asked, timeout=10, raise_error=True)
    exchanges = [each.value for each in asked]
    assert max(each.sent_ns for each in exchanges) <= min(each.read_ns for each in exchanges)
    for line in lines:
        line.close()


def test_one_whose_line_was_hung_up_on_meanwhile_goes_over_a_new_one(server, respond):
    server.respond, server.idle_close_s = lambda request, peer: respond(200, {}), 0.05
    connection = Connection(("127.0.0.1", server.port), timeout_s=2.0)
    prepare(connection, server.port, 0).get(timeout=5)
    into = prepare(connection, server.port, time.time_ns() + 300 * MS).get(timeout=5)
    assert into.new_connection
    assert into.answer.status == 200
    connection.close()


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="no look knows all lines there")
def test_one_look_finds_who_was_hung_up_on_before_a_burst(server, respond, monkeypatch):
    server.respond = lambda request, peer: respond(200, {})
    lines = [Connection(("127.0.0.1", server.port), timeout_s=5.0) for _ in range(30)]
    for line in lines:
        server.idle_close_s = 0.05 if line is lines[7] else None
        prepare(line, server.port, 0).get(timeout=5)
    looked_at_alone = []
    usual = Line.has_something
    monkeypatch.setattr(
        Line, "has_something", lambda line: looked_at_alone.append(line) or usual(line)
    )
    due_ns = time.time_ns() + 300 * MS
    asked = [prepare(line, server.port, due_ns) for line in lines]
    gevent.joinall(asked, timeout=10, raise_error=True)
    assert [each.value.new_connection for each in asked] == [line is lines[7] for line in lines]
    assert len(looked_at_alone) <= 1, "only who has to connect anew looks again"
    for line in lines:
        line.close()


def test_one_that_is_cut_before_its_time_never_leaves(server, warm):
    before = len(server.received)
    prepared = prepare(warm, server.port, time.time_ns() + 60 * MS)
    gevent.sleep(0.02)
    prepared.kill(timeout=5)
    due_ns = time.time_ns() + 120 * MS
    into = prepare(warm, server.port, due_ns).get(timeout=5)
    assert into.sent_ns >= due_ns, "the other's time is not this one's"
    assert len(server.received) == before + 1


def test_its_time_out_begins_when_it_leaves(server, respond):
    server.respond = lambda request, peer: respond(200, {})
    connection = Connection(("127.0.0.1", server.port), timeout_s=0.1)
    prepare(connection, server.port, 0).get(timeout=5)
    into = prepare(connection, server.port, time.time_ns() + 300 * MS).get(timeout=5)
    assert into.answer.status == 200
    server.respond = lambda request, peer: time.sleep(0.5) or b""
    with pytest.raises(NotAnsweredError, match="timeout"):
        prepare(connection, server.port, time.time_ns() + 50 * MS).get(timeout=5)


def test_a_body_that_does_not_go_at_once_goes_on_when_there_is_room(server, warm, respond):
    sizes = []
    server.respond = lambda request, peer: sizes.append(len(request.body)) or respond(200, {})
    body = b"x" * 8_000_000
    into = prepare(warm, server.port, time.time_ns() + 30 * MS, body).get(timeout=20)
    assert into.answer.status == 200
    assert sizes == [len(body)]


@pytest.mark.parametrize("ahead_ns", [0, 50 * MS])
def test_what_comes_while_the_rest_of_a_body_is_sent_is_read(listen, ahead_ns):
    body, told = b"x" * 8_000_000, []

    def speak(taken):
        with taken.makefile("rwb") as file:
            for size in (0, len(body)):
                while file.readline().strip():
                    pass
                if size:
                    file.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    file.flush()
                    time.sleep(0.1)
                    told.append(len(file.read(size)))
                    time.sleep(0.1)
                file.write(b"HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\n{}")
                file.flush()
            time.sleep(0.5)

    port = listen(speak).port
    connection = Connection(("127.0.0.1", port), timeout_s=30.0)
    prepare(connection, port, 0).get(timeout=5)
    due_ns = time.time_ns() + ahead_ns if ahead_ns else 0
    into = prepare(connection, port, due_ns, body).get(timeout=15)
    assert (into.answer.status, told) == (200, [len(body)])
    connection.close()


@pytest.mark.slow
def test_tickets_of_tls_that_come_while_a_body_is_sent_hide_no_answer(
    serve_tls, authority, respond
):
    server, _ = serve_tls()
    server.respond = lambda request, peer: time.sleep(0.2) or respond(200, {})
    origin = origin_at(f"https://localhost:{server.port}", authority.file)
    connection = Connection(origin.address, timeout_s=30.0, secure=origin.secure)
    into = prepare(connection, server.port, 0, b"x" * 8_000_000).get(timeout=15)
    assert into.answer.status == 200
    connection.close()


def test_what_passes_between_two_looks_at_a_clock_makes_none_early(server, warm, monkeypatch):
    naps_s = [0.02, 0.02]

    def slowly(clock):
        now_ns = clock()
        time.sleep(naps_s.pop() if naps_s else 0)
        return now_ns

    slow = SimpleNamespace(
        time_ns=lambda: slowly(time.time_ns), monotonic_ns=lambda: slowly(time.monotonic_ns)
    )
    monkeypatch.setattr("dress_rehearsal.scenarios.client.connection.time", slow)
    due_ns = time.time_ns() + 100 * MS
    assert prepare(warm, server.port, due_ns).get(timeout=5).sent_ns >= due_ns


def test_where_there_is_no_epoll_the_loop_watches_each_socket(server, respond, monkeypatch):
    hub = gevent.get_hub()
    monkeypatch.setattr("dress_rehearsal.scenarios.client.scheduler.readiness", readiness.Watchers)
    own = Scheduler(hub)
    monkeypatch.setattr("dress_rehearsal.scenarios.client.connection.scheduler", lambda: own)
    server.respond = lambda request, peer: respond(200, {"a": "x" * 50_000})
    line = Connection(("127.0.0.1", server.port), timeout_s=5.0)
    for due_ns in (0, time.time_ns() + 30 * MS, 0):
        into = prepare(line, server.port, due_ns).get(timeout=5)
        assert into.answer.body_bytes > 50_000
    assert len(server.received) == 3
    line.close()
