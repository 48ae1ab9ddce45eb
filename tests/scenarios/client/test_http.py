"""Requests and answers on the wire."""

import socket

import pytest

from dress_rehearsal.scenarios.client.http import Answer, HeadAnswer
from dress_rehearsal.scenarios.client.limits import KEPT_BODY, LARGEST_BODY
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.client.session import Client
from dress_rehearsal.scenarios.errors import NotUnderstoodError, ScenarioError


def written(method, path, *, auth=None, **options):
    """Return a request as the client of a scenario has it written."""
    sent = []

    def perform(request, step, stream=None):
        sent.append(request)
        return Answer()

    client = Client(Origin("127.0.0.1:80", ("127.0.0.1", 80)), perform)
    client.log_in_as(auth)
    client.request(method, path, **options)
    return sent[0]


def test_a_request_is_valid_http_with_its_trace_at_the_end_of_the_head():
    request = written(
        "POST", "/events/e/tickets", auth="abc", json={}, headers={"Idempotency-Key": "k"}
    )
    head, _, body = request.wire(b"00-1-2-01", 42).partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /events/e/tickets HTTP/1.1",
        b"Host: 127.0.0.1:80",
        b"Accept: */*",
        b"Accept-Encoding: gzip, deflate, br",
        b"Content-Type: application/json",
        b"Idempotency-Key: k",
        b"Content-Length: 2",
        b"Authorization: Bearer abc",
        b"traceparent: 00-1-2-01",
        b"X-Request-Start: t=42",
    ]
    assert body == b"{}"


def test_a_target_is_taken_apart_and_looked_up_once():
    found = Origin.of("http://127.0.0.1:8000/")
    assert (found.host, found.address, found.prefix) == ("127.0.0.1:8000", ("127.0.0.1", 8000), "")
    assert Origin.of("http://127.0.0.1").address == ("127.0.0.1", 80)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_of_several_addresses_it_is_the_one_that_answers(monkeypatch, family):
    """`localhost` is ::1 first, and the server listens on 127.0.0.1: everybody else finds it."""
    loopback = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
    with socket.create_server((loopback[family], 0), family=family) as server:
        port = server.getsockname()[1]
        found = [(each, 1, 6, "", (loopback[each], port)) for each in (10, 2)]
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo_of("localhost", found))
        assert Origin.of(f"http://localhost:{port}").address == (loopback[family], port)
    # Nobody answers: then it is the first, and the students are told so one by one.
    assert Origin.of(f"http://localhost:{port}").address == ("::1", port)


def getaddrinfo_of(name, found):
    usual = socket.getaddrinfo
    return lambda host, *rest, **more: found if host == name else usual(host, *rest, **more)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://127.0.0.1", "give it as http://host:port"),
        ("http://127.0.0.1/#x", "and no . or #"),
        ("http://no-such-host.invalid", "its host is not found"),
    ],
)
def test_a_target_that_cannot_be_rushed_is_a_sentence(url, sentence):
    with pytest.raises(ScenarioError, match=f"The target {url} cannot be rushed: .*{sentence}"):
        Origin.of(url)


def test_a_line_break_in_a_value_cannot_smuggle_a_header():
    with pytest.raises(ValueError, match="line break"):
        written("GET", "/", auth="abc\r\nX-Admin: 1")


@pytest.mark.parametrize("token", ["a\0", "a€", "a\ud800"])
def test_what_is_no_character_of_a_header_is_not_sent(token):
    with pytest.raises(ValueError, match="none of its characters"):
        written("GET", "/", auth=token)


def test_an_answer_keeps_what_the_record_needs():
    reply = Answer()
    data = b"HTTP/1.1 202 ok\r\nServer-Timing: db;dur=1.5\r\nContent-Length: 2\r\n\r\n{}"
    for start in range(0, len(data), 7):
        reply.feed(data[start : start + 7])
    assert (reply.status, reply.body, reply.server_timing) == (202, b"{}", b"db;dur=1.5")
    assert reply.complete
    assert reply.keep_alive


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("begin", "part", "word"),
    [
        (HEAD, b"X-Filler: abcdefgh\r\n", "head_too_large"),
        (b"", b"HTTP/1.1 103 x\r\n\r\n", "head_too_large"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;", b"x", "head_too_large"),
        (HEAD + b"\r\n", b"x", "body_too_large"),
    ],
)
def test_what_has_no_end_is_hung_up_on_and_takes_little(begin, part, word):
    reply, size = Answer(), 0
    reply.feed(begin or part)
    with pytest.raises(NotUnderstoodError, match=word):
        while size < 10 * LARGEST_BODY:
            reply.feed(part * (16_384 // len(part)))
            size += 16_384
            assert len(reply.body) + sum(map(len, reply._parts)) <= KEPT_BODY


def test_of_a_body_larger_than_is_kept_there_is_the_beginning():
    reply = Answer()
    reply.feed(HEAD + b"Content-Length: %d\r\n\r\n<html>" % (KEPT_BODY + 6))
    for _ in range(KEPT_BODY // 16_384):
        reply.feed(b"x" * 16_384)
    assert reply.complete
    assert not reply.whole_body
    assert reply.body == b"<html>" + b"x" * 506


def test_what_follows_an_answer_is_nobodys_and_the_answer_counts():
    reply = Answer()
    reply.feed(HEAD + b"Content-Length: 2\r\n\r\n{}junk")
    assert (reply.complete, reply.body, reply.keep_alive) == (True, b"{}", False)


def test_trailers_are_not_kept_but_for_the_timing():
    answer = Answer()
    answer.feed(b"HTTP/1.1 103 x\r\nSet-Cookie: a=1\r\n\r\n")
    answer.feed(b"HTTP/1.1 200 x\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
    answer.feed(b"Set-Cookie: b=2\r\nServer-Timing: app;dur=1\r\n\r\n")
    assert answer.complete
    assert answer.headers == [(b"X-A", b"1"), (b"Transfer-Encoding", b"chunked")]
    assert answer.server_timing == b"app;dur=1"


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_body_whatever_they_say(status):
    answer = Answer()
    answer.feed(b"HTTP/1.1 %d x\r\nContent-Length: 10\r\nContent-Encoding: gzip\r\n\r\n" % status)
    assert (answer.complete, answer.body, answer.keep_alive) == (True, b"", True)


def test_an_answer_to_head_ends_with_its_head():
    answer = HeadAnswer()
    answer.feed(b"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 200 x\r\nContent-Length: 10\r\n\r\n")
    assert (answer.complete, answer.status, answer.keep_alive) == (True, 200, True)


@pytest.mark.parametrize(
    ("head", "whole"),
    [
        (b"HTTP/1.1 200 x\r\n\r\n", True),
        (b"HTTP/1.0 200 x\r\nX: y\r\n\r\nab", True),
        (b"HTTP/1.1 200 x\r\nContent-Length: 3\r\n\r\nab", False),
        (b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n", False),
        (b"HTTP/1.1 200 x\r\nX: y\r\n", False),
        (b"HTTP/1.1 103 x\r\n\r\n", False),
        (b"HTTP/1.1 2", False),
        (b"", False),
    ],
)
def test_the_end_of_the_connection_ends_what_has_no_other_end(head, whole):
    answer = Answer()
    answer.feed(head)
    assert answer.end() is whole
    assert answer.complete is whole
    assert answer.keep_alive is not whole
