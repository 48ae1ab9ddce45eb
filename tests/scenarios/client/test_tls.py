"""TLS: who is trusted, whose times they are, and what becomes of a session that goes wrong."""

import gzip
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress

import gevent
import pytest

from dress_rehearsal.records.http.reach import UnreachableError, reach_of
from dress_rehearsal.records.tables import CONNECT_ERRORS
from dress_rehearsal.scenarios.client.connection import Connection
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.errors import NotAnsweredError, NotSentError, ScenarioError
from tests.scenarios.client.line import TRACE, Line, origin_at
from tests.scenarios.client.requests import request_to

DECISIVE = frozenset({b"admitted", b"sold_out"})


@pytest.fixture
def line(authority):
    opened = []

    def make(port: int, host: str = "localhost", timeout_s: float = 2.0, ca: bool = True) -> Line:
        origin = origin_at(f"https://{host}:{port}", authority.file if ca else None)
        opened.append(Line(origin, timeout_s))
        return opened[-1]

    yield make
    for each in opened:
        each.connection.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_request_through_tls_has_every_time(serve_tls, line, host):
    server, _ = serve_tls()
    secret = line(server.port, host)
    before = time.time_ns()
    answer = secret.ask()
    times = secret.times
    assert (answer.status, answer.body) == (200, b'{"state": "open"}')
    assert before <= times.sent_ns <= times.first_byte_ns <= times.done_ns <= times.read_ns
    assert 0 < times.connect_us <= (times.first_byte_ns - times.sent_ns) // 1000
    assert times.bytes_read == len(b"HTTP/1.1 200 x\r\nContent-Length: 17\r\n\r\n") + 17
    assert server.received[0].path == "/here"


def test_a_connection_is_used_again_though_tickets_came_unasked(serve_tls, line, authority):
    context = authority.context()
    context.num_tickets = 20
    server, _ = serve_tls(context)
    secret = line(server.port)
    secret.ask()
    for _ in range(3):
        secret.ask()
        assert not secret.times.new_connection
        assert secret.times.connect_us is None


def test_a_read_that_completes_no_record_is_no_first_byte(listen, line, authority):
    """The first half of a record tells nothing: the first byte is there when it is whole."""
    context = authority.context()

    def speak(plain):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_side=True)
        shake(plain, session, incoming, outgoing)
        answered(session, plain, incoming)
        session.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        record = outgoing.read()
        plain.sendall(record[:-10])
        time.sleep(0.1)
        plain.sendall(record[-10:])
        plain.recv(1)

    secret = line(listen(speak).port)
    secret.ask()
    times = secret.times
    assert times.first_byte_ns - times.sent_ns - times.connect_us * 1000 > 90e6
    assert times.first_byte_ns == times.done_ns


def shake(plain, session, incoming, outgoing):
    while True:
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            incoming.write(plain.recv(65_536))
        else:
            plain.sendall(outgoing.read())
            return


def answered(session, plain, incoming):
    asked = b""
    while b"\r\n\r\n" not in asked:
        try:
            asked += session.read(65_536)
        except ssl.SSLWantReadError:
            incoming.write(plain.recv(65_536))
    return asked


@pytest.mark.parametrize(
    ("names", "expired", "ca", "word"),
    [
        ((), False, False, "certificate_untrusted"),
        (("shop.example",), False, True, "certificate_mismatch"),
        (("10.0.0.1",), False, True, "certificate_mismatch"),
        ((), True, True, "certificate_expired"),
    ],
)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_who_is_not_trusted_gets_nothing(
    serve_tls, line, authority, names, expired, ca, word, host
):
    server, _ = serve_tls(authority.context(*names, expired=expired))
    secret = line(server.port, host, ca=ca)
    with pytest.raises(NotSentError, match=f"^{word}$"):
        secret.ask()
    assert word in CONNECT_ERRORS
    assert server.received == []
    assert secret.times.sent_ns is not None
    assert not secret.connection.is_open


def test_the_host_is_asked_for_by_its_name(serve_tls, line, authority):
    asked = []
    context = authority.context()
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    server, _ = serve_tls(context)
    line(server.port).ask()
    line(server.port, "127.0.0.1").ask()
    assert asked == ["localhost", None]


@pytest.mark.parametrize(
    "speak",
    [
        lambda plain: plain.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        lambda plain: None,
        lambda plain: plain.sendall(b"\x15\x03\x03\x00\x02\x02\x28"),
        lambda plain: plain.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        ),
        lambda plain: [plain.sendall(b"\x16\x03\x03\x40\x00" + b"\0" * 0x4000) for _ in range(999)],
        lambda plain: [plain.sendall(b"\x14\x03\x03\x00\x01\x01" * 1000) for _ in range(9999)],
    ],
    ids=["plain HTTP", "the end", "an alert", "a reset", "junk without end", "nothing without end"],
)
def test_a_handshake_that_fails_is_a_word(listen, line, speak):
    def answer(plain):
        plain.recv(1024)
        speak(plain)

    secret = line(listen(answer).port)
    with gevent.Timeout(10), pytest.raises(NotSentError, match=r"^tls_failed$"):
        secret.ask()
    assert "tls_failed" in CONNECT_ERRORS


def test_a_handshake_that_takes_too_long_is_a_connection_that_was_not_made(listen, line):
    secret = line(listen(lambda plain: plain.recv(10_000) and plain.recv(1)).port, timeout_s=0.1)
    # The first read takes the hello, the second waits for the client to go.
    with pytest.raises(NotSentError, match="connect_timeout"):
        secret.ask()


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
UNSIZED = b"HTTP/1.1 200 OK\r\n\r\n{}"


@pytest.mark.parametrize(
    ("answer", "cut", "farewell", "word"),
    [
        (WHOLE, 0, False, None),
        (WHOLE, 5, False, "connection_lost"),
        (WHOLE[:-1], 0, True, "connection_lost"),
        (UNSIZED, 0, True, None),
        (UNSIZED, 0, False, "connection_lost"),
    ],
    ids=["whole", "mid-record", "short", "closed with a word", "closed without: may be cut"],
)
def test_an_answer_s_end_through_tls(listen, line, authority, answer, cut, farewell, word):
    context = authority.context()

    def speak(plain):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_side=True)
        shake(plain, session, incoming, outgoing)
        answered(session, plain, incoming)
        session.write(answer)
        record = outgoing.read()
        plain.sendall(record[: len(record) - cut])
        if farewell:
            with suppress(ssl.SSLError):
                session.unwrap()
            plain.sendall(outgoing.read())

    secret = line(listen(speak).port)
    if word is None:
        assert secret.ask().body == b"{}"
    else:
        with pytest.raises(NotAnsweredError, match=f"^{word}$"):
            secret.ask()


def test_a_record_that_was_changed_on_the_way_is_no_answer(listen, line, authority):
    context = authority.context()

    def speak(plain):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_side=True)
        shake(plain, session, incoming, outgoing)
        answered(session, plain, incoming)
        session.write(WHOLE)
        record = outgoing.read()
        plain.sendall(record[:-1] + bytes([record[-1] ^ 1]))
        plain.recv(1)

    with pytest.raises(NotAnsweredError, match=r"^tls_broken$"):
        line(listen(speak).port).ask()


def test_what_comes_unasked_is_not_taken_for_the_next_answer(serve_tls, line, respond):
    server, _ = serve_tls()

    taken, sent = threading.Event(), threading.Event()

    def answer_twice(request, peer):
        peer.sendall(respond(200, {"state": "first"}))
        taken.wait(5)
        peer.sendall(respond(200, {"state": "stray"}))
        sent.set()
        return b""

    server.respond = answer_twice
    secret = line(server.port)
    secret.ask()
    assert secret.connection.is_open
    taken.set()
    sent.wait(5)
    server.respond = lambda request, peer: respond(200, {"state": "second"})
    assert secret.ask().body == b'{"state": "second"}'
    assert secret.times.new_connection


def test_large_bodies_go_both_ways(serve_tls, authority, respond):
    server, _ = serve_tls()
    body = bytes(range(256)) * 400
    server.respond = lambda request, peer: respond(
        200, gzip.compress(request.body), Content_Encoding="gzip"
    )
    origin = origin_at(f"https://localhost:{server.port}", authority.file)
    connection = Connection(origin.address, 5.0, secure=origin.secure)
    answer = connection.exchange(request_to(origin, "POST", "/", body=body), TRACE, Exchange())
    connection.close()
    assert answer.body == body


def test_a_stream_through_tls_decides(serve_tls, line):
    server, _ = serve_tls()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    server.respond = lambda request, peer: (
        peer.sendall(head + b":\n\n") or b"event: admitted\ndata: {}\n\n"
    )
    secret = line(server.port)
    stream = EventStream(until=DECISIVE)
    secret.ask(stream=stream)
    assert stream.decision == "admitted"
    secret.ask(stream=EventStream(until=DECISIVE))
    assert secret.times.new_connection, "its end had not come: the connection is not used again"


def test_a_head_through_tls_ends_with_its_head(serve_tls, line):
    server, _ = serve_tls()
    server.respond = lambda request, peer: b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"
    secret = line(server.port)
    assert (secret.ask(method="HEAD").status, secret.ask(method="HEAD").body) == (200, b"")
    assert not secret.times.new_connection


def test_a_ca_file_that_holds_none_is_a_sentence(no_ca, tmp_path):
    for file, words in ((no_ca, "no certificates"), (str(tmp_path / "gone"), "cannot be read")):
        with pytest.raises(UnreachableError, match=words):
            reach_of(file, None)
        with pytest.raises(ScenarioError, match=words):
            origin_at("https://127.0.0.1:1", file)


def test_a_student_s_whole_story_goes_through_tls(
    serve_tls, authority, play, make_rush, small_plan, ticket_office
):
    server, _ = serve_tls()
    server.respond = ticket_office(1)
    rush = make_rush(small_plan())
    rush.origin = origin_at(f"https://localhost:{server.port}", authority.file)
    outcomes, requests = play(rush)
    assert outcomes == ["ticket"]
    assert requests.error.isna().all()
    assert (requests.first_byte_ns >= requests.sent_ns).all()


def test_a_student_who_meets_a_stranger_is_told_so(
    serve_tls, play, make_rush, small_plan, ticket_office
):
    server, _ = serve_tls()
    server.respond = ticket_office(1)
    rush = make_rush(small_plan(students__attempts=2))
    rush.origin = origin_at(f"https://localhost:{server.port}")
    outcomes, requests = play(rush)
    assert outcomes == ["failed"]
    assert set(requests.error) == {"certificate_untrusted"}
    assert set(requests.outcome) == {"failed"}
    assert server.received == []
