"""Timers go off once, in the order of time, and who is to send goes before who is to read."""

import socket
import time

import gevent
import pytest

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.client.connection import Connection
from dress_rehearsal.scenarios.client.deadline import Deadline, ExpiredError
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.client.scheduler import scheduler
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.client.tunnel import open_tunnel
from dress_rehearsal.scenarios.errors import NotAnsweredError
from tests.scenarios.client.requests import request_to

MS = 1_000_000
TIMEOUT_S = 0.5
"""Long beside what a busy machine keeps a loop waiting that is to send something first."""
TRACE = b"00-0-0-01"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def in_ms(ms: float) -> int:
    return time.monotonic_ns() + round(ms * MS)


def spin_until(at_ns: int) -> None:
    """Keep the loop from going on."""
    while time.monotonic_ns() < at_ns:
        pass


def test_they_go_off_in_the_order_of_time_whatever_the_order_they_were_set_in():
    begun, order = time.monotonic_ns(), []
    for ms in (30, 10, 50, 20, 40):
        scheduler().at(begun + ms * MS, lambda ms=ms: order.append(ms))
    gevent.sleep(0.1)
    assert order == [10, 20, 30, 40, 50]


def test_a_defect_of_one_that_is_held_back_does_not_hold_up_the_others():
    went = []
    for each in (lambda: went.append(1), lambda: 1 // 0, lambda: went.append(2)):
        scheduler().send(each)
    gevent.sleep(0.05)
    assert went == [1, 2]


def test_none_goes_off_early():
    at_ns, went = in_ms(20), []
    spin_until(in_ms(10))  # the loop's own clock stands still meanwhile
    scheduler().at(at_ns, lambda: went.append(time.monotonic_ns()))
    gevent.sleep(0.1)
    assert went[0] >= at_ns


def test_one_that_is_cancelled_does_not_go_off_and_is_not_kept():
    found = scheduler()
    kept = [found.at(in_ms(3600_000), list) for _ in range(1000)]
    for timer in kept:
        timer.cancel()
    gone = []
    last = found.at(in_ms(10), lambda: gone.append(1))
    last.cancel()
    gevent.sleep(0.05)
    assert not gone
    assert len(found) == 0


@pytest.mark.slow
def test_time_outs_that_were_cancelled_do_not_pile_up_behind_one_that_is_on():
    found = scheduler()
    first, kept = found.at(in_ms(60_000), list), []
    for _ in range(250_000):
        found.at(in_ms(3600_000), list).cancel()
        kept.append(len(found))
    went = []
    found.at(in_ms(10), lambda: went.append(1))
    gevent.sleep(0.05)
    first.cancel()
    assert max(kept) < 101_000
    assert went == [1]


def test_a_greenlet_starts_at_its_time_and_one_that_was_killed_before_does_not():
    begun: list[tuple[str, int]] = []

    def begin(name: str) -> None:
        begun.append((name, time.monotonic_ns()))

    at_ns = in_ms(20)
    first = scheduler().spawn_at(at_ns, begin, "first")
    second = scheduler().spawn_at(at_ns, begin, "second")
    second.kill()
    gevent.joinall([first, second], timeout=5)
    gevent.sleep(0.05)
    assert [name for name, _ in begun] == ["first"]
    assert begun[0][1] >= at_ns


def test_the_loop_looks_round_however_much_there_is_to_do():
    done = []

    def work(left: int) -> None:
        spin_until(in_ms(1))
        done.append(time.monotonic_ns())
        if left:
            scheduler().soon(lambda: work(left - 1))

    for _ in range(10):
        scheduler().soon(lambda: work(19))
    gevent.sleep(0)  # a callback of the loop's own, as a connection that is made is
    assert len(done) < 100
    gevent.sleep(0.01)
    while len(scheduler()):
        gevent.sleep(0.01)
    assert len(done) == 200


def test_who_waits_for_a_turn_waits_as_long_as_what_was_there_before_takes():
    begun = time.monotonic_ns()
    for _ in range(3):
        scheduler().soon(lambda: spin_until(in_ms(10)))
    scheduler().wait_for_turn()
    assert time.monotonic_ns() - begun >= 30 * MS


def test_a_sleeper_who_is_killed_is_not_woken_any_more():
    woken = []

    def sleep() -> None:
        try:
            scheduler().sleep_until(in_ms(20))
        finally:
            gevent.sleep(0.05)  # a wake-up that came now would end this sleep early
            woken.append(time.monotonic())

    sleeper = gevent.spawn(sleep)
    gevent.sleep(0)
    begun = time.monotonic()
    sleeper.kill()
    assert woken[0] - begun >= 0.05


def test_a_callback_that_fails_keeps_no_other_from_going_off(capfd):
    at_ns, went = in_ms(10), []

    def fail() -> None:
        raise RuntimeError("of this timer")

    scheduler().at(at_ns, fail)
    scheduler().at(at_ns, lambda: went.append(1))
    with gevent.Timeout(5):
        while not went:
            gevent.sleep(0.01)
    assert "of this timer" in capfd.readouterr().err


@pytest.fixture
def peers():
    """Connections to a listener of this process, and the far end of each."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        opened: list[Connection] = []
        far_ends: list[socket.socket] = []

        def open_one(timeout_s: float = 2.0) -> tuple[Connection, socket.socket]:
            connection = Connection(address, timeout_s)
            connection._ready(Exchange())
            far_end, _ = listener.accept()
            opened.append(connection)
            far_ends.append(far_end)
            return connection, far_end

        yield open_one
        for connection in opened:
            connection.close()
        for far_end in far_ends:
            far_end.close()


def ask(connection: Connection) -> Exchange:
    into = Exchange()
    origin = Origin("h", connection._address)
    connection.exchange(request_to(origin, "GET", "/"), TRACE, into)
    return into


def test_who_is_to_send_goes_before_the_next_answer_is_read(peers):
    lines = [peers() for _ in range(20)]
    order = []
    due_ns = 0

    def read(connection: Connection) -> None:
        ask(connection)
        order.append("read")
        spin_until(due_ns + MS)  # the first one is so slow that somebody falls due

    readers = [gevent.spawn(read, connection) for connection, _ in lines]
    gevent.sleep(0.05)
    for _, far_end in lines:  # all of these are there when the loop looks next
        far_end.sendall(ANSWER)
    due_ns = in_ms(50)
    scheduler().at(due_ns, lambda: order.append("sent"))
    gevent.joinall(readers, raise_error=True)
    assert order.count("read") == 20
    assert order.index("sent") == 1


def test_who_is_to_send_goes_before_the_next_part_of_a_handshake_too(peers):
    lines = [peers() for _ in range(20)]
    order = []
    due_ns = 0

    def open_one(connection: Connection) -> None:
        connection._caller = gevent.getcurrent()
        open_tunnel(
            connection._line.plain, connection._await_turn, b"CONNECT h:443 HTTP/1.1\r\n\r\n"
        )
        order.append("opened")
        spin_until(due_ns + MS)

    opening = [gevent.spawn(open_one, connection) for connection, _ in lines]
    gevent.sleep(0.05)
    for _, far_end in lines:
        far_end.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
    due_ns = in_ms(50)
    scheduler().at(due_ns, lambda: order.append("sent"))
    gevent.joinall(opening, raise_error=True)
    assert order.count("opened") == 20
    assert order.index("sent") == 1


@pytest.mark.slow
def test_an_exchange_whose_time_is_up_is_not_woken_again(peers):
    slow, far_end = peers(timeout_s=TIMEOUT_S)

    def read() -> float:
        with pytest.raises(NotAnsweredError, match="timeout"):
            ask(slow)
        begun = time.monotonic()
        gevent.sleep(0.05)  # whoever woke it again would end this sleep
        return time.monotonic() - begun

    reader = gevent.spawn(read)
    gevent.sleep(0.02)
    time.sleep(1.5 * TIMEOUT_S)
    far_end.sendall(ANSWER)  # both have happened when the loop looks next
    assert reader.get(timeout=5) >= 0.05


@pytest.mark.slow
def test_an_answer_that_came_in_time_is_one_however_late_it_is_read(peers):
    connection, far_end = peers(timeout_s=TIMEOUT_S)
    reader = gevent.spawn(ask, connection)
    gevent.sleep(0.02)
    far_end.sendall(ANSWER)
    time.sleep(1.5 * TIMEOUT_S)  # nobody had the time to read it
    exchange = reader.get(timeout=5)
    assert exchange.answer is not None
    assert exchange.done_ns - exchange.sent_ns < TIMEOUT_S * NS_PER_S
    assert exchange.read_ns - exchange.done_ns > TIMEOUT_S * NS_PER_S


@pytest.mark.slow
def test_an_answer_that_came_too_late_is_none_though_nobody_looked_before(peers):
    connection, far_end = peers(timeout_s=TIMEOUT_S)
    reader = gevent.spawn(ask, connection)
    gevent.sleep(0.02)
    time.sleep(1.5 * TIMEOUT_S)
    far_end.sendall(ANSWER)
    with pytest.raises(NotAnsweredError, match="timeout"):
        reader.get(timeout=5)
    assert not connection.is_open


@pytest.mark.slow
def test_half_an_answer_in_time_is_none(peers):
    connection, far_end = peers(timeout_s=TIMEOUT_S)
    reader = gevent.spawn(ask, connection)
    gevent.sleep(0.02)
    far_end.sendall(ANSWER[:10])
    time.sleep(1.5 * TIMEOUT_S)
    with pytest.raises(NotAnsweredError, match="timeout"):
        reader.get(timeout=5)


@pytest.mark.slow
def test_a_long_answer_that_came_in_time_is_one_however_late_it_is_read(peers):
    connection, far_end = peers(timeout_s=TIMEOUT_S)
    body = b"x" * 100_000  # many reads
    reader = gevent.spawn(ask, connection)
    gevent.sleep(0.02)
    far_end.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body)
    time.sleep(1.5 * TIMEOUT_S)
    exchange = reader.get(timeout=5)
    assert exchange.answer.body_bytes == len(body)
    assert exchange.done_ns - exchange.sent_ns < TIMEOUT_S * NS_PER_S


@pytest.mark.slow
def test_what_comes_too_late_of_a_long_answer_makes_it_none(peers):
    connection, far_end = peers(timeout_s=TIMEOUT_S)
    reader = gevent.spawn(ask, connection)
    gevent.sleep(0.02)
    far_end.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"x" * 19_999)
    time.sleep(1.5 * TIMEOUT_S)
    far_end.sendall(b"x")
    with pytest.raises(NotAnsweredError, match="timeout"):
        reader.get(timeout=5)


@pytest.mark.slow
def test_who_is_hung_up_on_while_waiting_waits_until_the_time_is_up(peers):
    connection, _ = peers(timeout_s=TIMEOUT_S)
    reader = gevent.spawn(ask, connection)
    gevent.sleep(0.02)
    connection.close()
    with pytest.raises(NotAnsweredError, match="timeout"):
        reader.get(timeout=5)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def follow(connection: Connection, give_up_ns: int | None = None) -> EventStream:
    stream = EventStream(until=frozenset({b"admitted"}))
    request = request_to(Origin("h", connection._address), "GET", "/")
    connection.exchange(request, TRACE, Exchange(), give_up_ns, stream)
    return stream


@pytest.mark.slow
def test_a_stream_whose_sign_of_life_is_read_late_goes_on(peers):
    connection, far_end = peers(timeout_s=TIMEOUT_S)
    reader = gevent.spawn(follow, connection)
    gevent.sleep(0.02)
    far_end.sendall(HEAD)
    time.sleep(1.5 * TIMEOUT_S)
    gevent.sleep(0.02)
    far_end.sendall(b"event: admitted\ndata: 1\n\n")
    assert reader.get(timeout=5).decision == "admitted"


@pytest.mark.slow
def test_a_wake_up_that_was_meant_for_an_earlier_wait_is_no_sign_of_life(peers):
    connection, _ = peers(timeout_s=TIMEOUT_S)
    reader = gevent.spawn(follow, connection)
    gevent.sleep(0.02)
    scheduler().soon(connection.read)
    with pytest.raises(NotAnsweredError, match="timeout"):
        reader.get(timeout=5)


def test_a_deadline_ends_the_wait_of_who_began_it():
    deadline = Deadline(20 * MS)
    begun = time.monotonic()
    with pytest.raises(ExpiredError) as ended:
        gevent.sleep(5)
    assert ended.value is deadline.expired
    assert time.monotonic() - begun >= 0.02


def test_a_deadline_that_is_closed_ends_nothing():
    Deadline(20 * MS).close()
    gevent.sleep(0.05)


def test_timers_go_with_their_loop():
    found = scheduler()
    assert scheduler() is found
    hub = gevent.get_hub()
    assert hub.threadpool.apply(lambda: scheduler() is not found)
