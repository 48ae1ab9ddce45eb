"""Answers in one piece are read at a look, and then are what the parser says that they are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.client.whole_answer import whole_answer
from dress_rehearsal.scenarios.errors import NotUnderstoodError


class ParsedAnswer(Answer):
    """One that is never taken in at a look."""

    is_plain = False


def told_by(kind, data):
    """Return all that an answer says, or why it says nothing."""
    answer = kind()
    try:
        answer.feed(data)
    except NotUnderstoodError as error:
        return error.word
    return (
        *(answer.status, answer.headers, answer.body, answer.body_bytes, answer.server_timing),
        *(answer.complete, answer.whole, answer.keep_alive, answer.sets_cookies),
    )


NAMES = (b"Content-Length", b"content-length", b"CONTENT-LENGTH", b"Connection", b"connection")
NAMES += (b"Server-Timing", b"Set-Cookie", b"Transfer-Encoding", b"Content-Encoding", b"Upgrade")
NAMES += (b"Content-Type", b"X-Content-Length", b"Date", b"Trailer", b"Keep-Alive", b"a b", b"")
VALUES = (b"2", b"02", b"+2", b"2 ", b"2, 2", b"close", b"keep-alive", b"Keep-Alive", b"upgrade")
VALUES += (
    b"chunked",
    b"gzip",
    b"identity",
    b"app;dur=1",
    b"  x\t",
    b"\xe9",
    b"a\x01b",
    b"",
    b"a:b",
)
LINES = (b"HTTP/1.1 200 OK", b"HTTP/1.1 200 ", b"HTTP/1.1 200", b"HTTP/1.0 200 OK")
LINES += (b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 x", b"HTTP/1.1 103 x", b"HTTP/1.1 503 \xe9")
LINES += (
    b"HTTP/1.1 101 x",
    b"HTTP/1.1 599 x",
    b"HTTP/1.1 600 x",
    b"HTTP/1.1  200 OK",
    b"HTTP/2 200",
)
BODIES = (b"{}", b"", b"{", b"{} ", b"{}HTTP/1.1 200 OK\r\n\r\n")
_headers = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from((b":", b": ", b":\t ", b" :")),
        st.sampled_from(VALUES),
        st.sampled_from((b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r\n ")),
    ).map(b"".join),
    max_size=5,
).map(b"".join)
_lengths = st.sampled_from((b"Content-Length: 2\r\n", b"content-length:2\r\n", b""))
_data = st.builds(
    lambda line, length, headers, body: line + b"\r\n" + length + headers + b"\r\n" + body,
    *(st.sampled_from(LINES), _lengths, _headers, st.sampled_from(BODIES)),
)


@pytest.mark.slow
@settings(max_examples=1_500, deadline=None, derandomize=True, database=None)
@given(_data)
def test_what_is_read_at_a_look_is_what_the_parser_says(data):
    assert told_by(Answer, data) == told_by(ParsedAnswer, data)


def test_a_usual_answer_is_read_at_a_look():
    head = b"Date: x\r\nContent-Length: 2\r\nConnection: keep-alive\r\nServer-Timing: app;dur=1\r\n"
    data = b"HTTP/1.1 201 Created\r\n" + head + b"Set-Cookie: a=b\r\n\r\n{}"
    assert whole_answer(data) == (201, data[22:-4], b"{}", b"app;dur=1", True, True)


@pytest.mark.parametrize(
    "head",
    [
        b"Connection: close\r\nConnection: keep-alive\r\n",
        b"Connection: keep-alive\r\nConnection: close\r\n",
        b"Proxy-Connection: close\r\n",
    ],
)
def test_who_says_close_anywhere_is_believed(head):
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + head + b"\r\n{}"
    assert told_by(Answer, data) == told_by(ParsedAnswer, data)
    answer = Answer()
    answer.feed(data)
    assert answer.complete
    assert not answer.keep_alive


@pytest.mark.parametrize("cut", [1, 20, 30, 39])
def test_one_in_two_pieces_is_left_to_the_parser(cut):
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    assert whole_answer(data[:cut]) is None
    answer = Answer()
    answer.feed(data[:cut])
    assert not answer.complete
    answer.feed(data[cut:])
    assert (answer.status, answer.body, answer.complete) == (200, b"{}", True)


def test_a_head_that_came_before_says_the_same_and_the_body_is_this_one_s():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer-Timing: app;dur=7\r\n\r\n"
    assert whole_answer(head + b"{}") == (200, head[17:-2], b"{}", b"app;dur=7", False, True)
    assert whole_answer(head + b"[]") == (200, head[17:-2], b"[]", b"app;dur=7", False, True)
    other = head.replace(b"200 OK", b"503 No")
    assert whole_answer(other + b"[]") == (503, head[17:-2], b"[]", b"app;dur=7", False, True)
    closing = head.replace(b"app;dur=7", b"app;dur=8").replace(b"Server-Timing", b"Content-Length")
    assert whole_answer(closing + b"[]") is None


def test_as_much_behind_a_head_that_came_before_is_needed():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    assert whole_answer(head + b"{}") is not None
    assert whole_answer(head + b"{} ") is None
    assert whole_answer(head + b"{") is None
