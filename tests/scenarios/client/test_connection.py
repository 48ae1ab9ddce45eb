"""A connection: true times, one sending of each request, and an error that says which kind."""

import contextlib
import select
import socket
import sys
import threading
import time

import gevent
import pytest
from gevent.event import AsyncResult

from dress_rehearsal.records.stamps import SO_TIMESTAMPNS
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.client.connection import Connection
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.client.wire import ANCILLARY_BYTES, TIMESPEC
from dress_rehearsal.scenarios.errors import NotAnsweredError, NotSentError, NotUnderstoodError
from tests.scenarios.client.requests import request_to

DECISIVE = frozenset({b"admitted", b"sold_out"})
TRACE = b"00-0-0-01"


def exchange(
    connection: Connection, port: int, into: Exchange, give_up_ns: int | None = None
) -> Answer:
    request = request_to(Origin("h", ("127.0.0.1", port)), "GET", "/here")
    return connection.exchange(request, TRACE, into, give_up_ns)


@pytest.fixture
def connection(server):
    opened = Connection(("127.0.0.1", server.port), timeout_s=2.0)
    yield opened
    opened.close()


def test_times_follow_one_another(server, connection):
    before, times = time.time_ns(), Exchange()
    reply = exchange(connection, server.port, times)
    assert reply.status == 200
    assert before <= times.sent_ns <= times.first_byte_ns <= times.done_ns <= times.read_ns
    assert times.new_connection
    assert times.connect_us >= 0


def test_the_server_sees_trace_and_time_of_sending(server, connection):
    times = Exchange()
    exchange(connection, server.port, times)
    headers = server.received[0].headers
    assert headers["traceparent"] == TRACE.decode()
    assert abs(int(headers["x-request-start"].removeprefix("t=")) - times.sent_ns) < 1e9


def test_a_warm_connection_is_used_again(server, connection):
    exchange(connection, server.port, Exchange())
    second = Exchange()
    exchange(connection, server.port, second)
    assert not second.new_connection
    assert second.connect_us is None


@pytest.fixture
def kernel_stamps():
    """The kernel stamps what arrives; it begins to a moment after the first socket has asked."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        lag_ns = 0
        while lag_ns < 4e6:  # without a stamp of its arrival it gets that of being read
            probe.sendto(b"x", probe.getsockname())
            time.sleep(0.005)
            _, [(_, _, stamp)], _, _ = probe.recvmsg(1, ANCILLARY_BYTES)
            seconds, nanoseconds = TIMESPEC.unpack(stamp)
            lag_ns = time.time_ns() - (seconds * NS_PER_S + nanoseconds)
        yield


@pytest.mark.skipif(sys.platform != "linux", reason="kernel receive times are Linux's")
def test_a_slow_reader_is_not_mistaken_for_a_slow_server(server, respond, kernel_stamps):
    """The loop is blocked for 80 ms after the answer has come: that is read lag, not latency."""
    arrived, arrived_ns = threading.Event(), []

    def reply_then_tell(request, peer):
        peer.sendall(respond(200, {"state": "open"}))
        arrived_ns.append(time.time_ns())
        arrived.set()
        return b""

    class Blocked(Connection):
        def _send(self, line, request, trace, into):
            rest = super()._send(line, request, trace, into)
            arrived.wait()
            time.sleep(0.08)
            return rest

    server.respond = reply_then_tell
    times = Exchange()
    blocked = Blocked(("127.0.0.1", server.port), timeout_s=2.0)
    exchange(blocked, server.port, times)
    blocked.close()
    assert times.read_ns - times.done_ns > 70e6
    assert times.done_ns < arrived_ns[0] + 10e6, "the kernel's time, within the clocks' agreement"


def test_an_answer_in_pieces_has_a_first_byte_and_a_last(server, connection, respond):
    def in_pieces(request, peer):
        whole = respond(200, {"state": "open"})
        peer.sendall(whole[:20])
        time.sleep(0.05)
        return whole[20:]

    server.respond = in_pieces
    times = Exchange()
    assert exchange(connection, server.port, times).complete
    assert times.done_ns - times.first_byte_ns > 40e6


def test_a_cut_connection_is_unanswered_and_never_sent_again(server, connection):
    server.respond = lambda request, peer: b""
    times = Exchange()
    with pytest.raises(NotAnsweredError, match="connection_lost"):
        exchange(connection, server.port, times)
    assert times.sent_ns is not None
    assert len(server.received) == 1


def test_a_connection_closed_while_idle_is_noticed_before_sending(server, connection):
    server.idle_close_s = 0.05
    exchange(connection, server.port, Exchange())
    closed = time.monotonic() + 0.3
    while time.monotonic() < closed:
        try:
            connection._line.plain.recv(1, socket.MSG_PEEK)
            break
        except BlockingIOError:
            time.sleep(0.01)
    times = Exchange()
    assert exchange(connection, server.port, times).status == 200
    assert times.new_connection
    assert len(server.received) == 2


@pytest.mark.parametrize("linux", [True, False])
def test_a_connection_is_made_on_every_system(server, connection, monkeypatch, linux):
    monkeypatch.setattr("dress_rehearsal.scenarios.client.wire._LINUX", linux)
    times = Exchange()
    assert exchange(connection, server.port, times).status == 200
    assert times.connect_us is not None


@pytest.mark.parametrize("linux", [True, False])
def test_nobody_listening_means_not_sent(monkeypatch, linux):
    monkeypatch.setattr("dress_rehearsal.scenarios.client.wire._LINUX", linux)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    times = Exchange()
    with pytest.raises(NotSentError, match="connect_refused"):
        exchange(Connection(("127.0.0.1", port), 1.0), port, times)
    assert times.sent_ns is not None, "the SYN left: the wait for it is the target's"
    assert times.connect_us is None


@pytest.mark.slow
def test_a_full_accept_queue_is_the_target_s_part_of_the_wait():
    """Nobody accepts: connecting times out, and that time lies behind `sent`."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        with socket.create_connection(address), contextlib.suppress(OSError):
            fillers = [Connection(address, 0.1) for _ in range(3)]
            times = Exchange()
            for filler in fillers:
                with contextlib.suppress(NotSentError, NotAnsweredError):
                    exchange(filler, address[1], Exchange())
            with pytest.raises(NotSentError, match="connect_timeout"):
                exchange(Connection(address, 0.1), address[1], times)
            for filler in fillers:
                filler.close()
        assert time.time_ns() - times.sent_ns > 0.08e9


def test_a_host_that_cannot_be_looked_up_is_not_sent():
    with pytest.raises(NotSentError, match="connect_failed"):
        exchange(Connection(("no-such-host.invalid", 80), 1.0), 80, Exchange())


def test_an_interim_answer_only_announces_the_one_that_counts(server, connection, respond):
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    server.respond = lambda request, peer: early + respond(200, {"state": "first"})
    assert exchange(connection, server.port, Exchange()).body == b'{"state": "first"}'
    server.respond = lambda request, peer: respond(200, {"state": "second"})
    assert exchange(connection, server.port, Exchange()).body == b'{"state": "second"}'


def test_bytes_nobody_asked_for_end_the_connection(server, connection, respond):
    server.respond = lambda request, peer: respond(200, {}) + respond(200, {"state": "stray"})
    exchange(connection, server.port, Exchange())
    assert not connection.is_open


def test_an_answer_that_comes_unasked_is_not_taken_for_the_next(server, connection, respond):
    def answer_twice(request, peer):
        peer.sendall(respond(200, {"state": "first"}))
        time.sleep(0.02)
        return respond(200, {"state": "stray"})

    server.respond = answer_twice
    exchange(connection, server.port, Exchange())
    select.select([connection._line.plain], [], [], 2)
    server.respond = lambda request, peer: respond(200, {"state": "second"})
    times = Exchange()
    assert exchange(connection, server.port, times).body == b'{"state": "second"}'
    assert times.new_connection


def test_an_answer_cut_at_any_byte_is_none(server, respond):
    whole = b"HTTP/1.1 103 x\r\n\r\n" + respond(200, {"ticket": "t"}, Server_Timing="app;dur=1")
    lengths = []

    def cut(request, peer):
        peer.sendall(whole[: lengths[-1]])
        return b""

    server.respond = cut
    for length in range(len(whole)):
        lengths.append(length)
        fresh, times = Connection(("127.0.0.1", server.port), timeout_s=2.0), Exchange()
        with pytest.raises(NotAnsweredError, match=r"connection_(lost|reset)"):
            exchange(fresh, server.port, times)
        assert (times.answer, times.bytes_read) == (None, length)
        assert not fresh.is_open


def test_a_silent_server_is_given_up_in_time(server):
    server.respond = lambda request, peer: time.sleep(1.0) or b""
    slow = Connection(("127.0.0.1", server.port), timeout_s=0.1)
    begun, times = time.monotonic(), Exchange()
    with pytest.raises(NotAnsweredError, match="timeout"):
        exchange(slow, server.port, times)
    assert time.monotonic() - begun > 0.09  # when the server hangs up is no "timeout"
    assert not slow.is_open, "a late answer must not be taken for the next one"


def test_waiting_ends_early_when_the_student_moves_on(server, connection):
    server.respond = lambda request, peer: time.sleep(1.0) or b""
    with pytest.raises(NotAnsweredError, match="abandoned"):
        exchange(connection, server.port, Exchange(), give_up_ns=time.time_ns() + 50_000_000)


def test_what_is_not_http_is_not_understood(server, connection):
    server.respond = lambda request, peer: b"220 smtp.example ready\r\n"
    with pytest.raises(NotUnderstoodError, match="protocol_error"):
        exchange(connection, server.port, Exchange())


def test_an_answer_that_closes_the_connection_leaves_it_closed(server, connection, respond):
    server.respond = lambda request, peer: respond(200, {}, Connection="close")
    exchange(connection, server.port, Exchange())
    assert not connection.is_open


def test_one_exchange_at_a_time(server, connection):
    connection._caller = object()
    with pytest.raises(RuntimeError, match="one exchange at a time"):
        exchange(connection, server.port, Exchange())


@pytest.mark.parametrize("due_ns", [0, 1], ids=["now", "when it is due"])
def test_the_loop_itself_is_told_that_it_cannot_wait(server, connection, respond, due_ns):
    """It would look for what is next without an end, and nobody else could act any more."""
    server.respond = lambda request, peer: respond(200, {})
    exchange(connection, server.port, Exchange())
    raised = AsyncResult()

    def asks():
        request = request_to(Origin("h", ("127.0.0.1", server.port)), "GET", "/page")
        try:
            connection.exchange(request, TRACE, Exchange(), due_ns=due_ns)
        except RuntimeError as error:
            raised.set(error)

    gevent.get_hub().loop.run_callback(asks)
    assert "in a greenlet of its own" in str(raised.get(timeout=10))
    assert len(server.received) == 1
    after = Exchange()
    exchange(connection, server.port, after)  # who may wait is answered
    assert len(server.received) == 2
    assert not after.new_connection


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
DECISION = b"1a\r\nevent: admitted\ndata: {}\n\n\r\n"
END = b"0\r\n\r\n"


def follow(connection, port, into, give_up_ns=None):
    request = request_to(Origin("h", ("127.0.0.1", port)), "GET", "/stream")
    stream = EventStream(until=DECISIVE)
    connection.exchange(request, TRACE, into, give_up_ns, stream)
    return stream


@pytest.fixture
def quick(server, monkeypatch):
    """A connection with a time-out of 0.1 s, to a server that ought to beat every 0.1 s."""
    monkeypatch.setattr("dress_rehearsal.scenarios.client.connection.HEARTBEAT_S", 0.1)
    opened = Connection(("127.0.0.1", server.port), timeout_s=0.1)
    yield opened
    opened.close()


def test_a_stream_may_last_as_long_as_it_shows_signs_of_life(server, quick):
    def beat_then_decide(request, peer):
        peer.sendall(HEAD)
        for _ in range(6):
            time.sleep(0.08)
            peer.sendall(b"3\r\n:\n\n\r\n")
        return DECISION + END

    server.respond = beat_then_decide
    times = Exchange()
    stream = follow(quick, server.port, times)
    assert (stream.decision, stream.whole) == ("admitted", True)
    assert times.done_ns - times.first_byte_ns > 400e6
    assert times.bytes_read == len(HEAD + DECISION + END) + 6 * 8


def test_a_stream_whose_heartbeat_is_overdue_is_given_up(server, quick):
    server.respond = lambda request, peer: peer.sendall(HEAD) or time.sleep(0.5) or b""
    begun, times = time.monotonic(), Exchange()
    with pytest.raises(NotAnsweredError, match="timeout"):
        follow(quick, server.port, times)
    assert time.monotonic() - begun > 0.19
    assert times.bytes_read == len(HEAD)


def test_a_stream_that_does_not_begin_is_given_up_in_time(server, quick, monkeypatch):
    monkeypatch.setattr("dress_rehearsal.scenarios.client.connection.HEARTBEAT_S", 3600)
    server.respond = lambda request, peer: time.sleep(0.4) or b""
    with pytest.raises(NotAnsweredError, match="timeout"):
        follow(quick, server.port, Exchange())


def test_a_stream_ends_when_its_reader_leaves(server, connection):
    server.respond = lambda request, peer: peer.sendall(HEAD) or time.sleep(0.5) or b""
    with pytest.raises(NotAnsweredError, match="abandoned"):
        follow(connection, server.port, Exchange(), give_up_ns=time.time_ns() + 50_000_000)


@pytest.mark.parametrize("part", [b":\n\n", b"data: x\n\n"])
def test_a_stream_that_never_pauses_ends_when_its_reader_leaves(server, connection, part):
    def flood(request, peer):
        peer.sendall(HEAD.replace(b"Transfer-Encoding: chunked\r\n", b""))
        while True:
            peer.sendall(part * 10_000)

    server.respond = flood
    with gevent.Timeout(20), pytest.raises(NotAnsweredError, match="abandoned"):
        follow(connection, server.port, Exchange(), give_up_ns=time.time_ns() + 100_000_000)


def test_a_stream_s_connection_serves_again_once_its_end_has_come(server, connection, respond):
    def end_a_little_later(request, peer):
        if request.path == "/here":
            return respond(200, {"state": "next"})
        peer.sendall(HEAD + DECISION)
        time.sleep(0.02)
        return END

    server.respond = end_a_little_later
    assert not follow(connection, server.port, Exchange()).whole
    select.select([connection._line.plain], [], [], 2)
    times = Exchange()
    assert exchange(connection, server.port, times).body == b'{"state": "next"}'
    assert not times.new_connection


def test_a_stream_that_goes_on_after_its_decision_is_hung_up_on(server, connection, respond):
    server.respond = lambda request, peer: (
        respond(200, {"state": "next"}) if request.path == "/here" else HEAD + DECISION
    )
    follow(connection, server.port, Exchange())
    times = Exchange()
    assert exchange(connection, server.port, times).body == b'{"state": "next"}'
    assert times.new_connection
