"""What is no HTTP/1.1, and statuses that say nothing: answers that are bad before their body."""

import time
from collections.abc import Iterator

from tests.scenarios.hostile_target import (
    BUY,
    CHUNKED,
    HEAD,
    MANY_DIGITS,
    PAGE,
    Mode,
    dripping,
    endless,
    says,
)


def heads() -> Iterator[tuple[str, Mode]]:
    """What is no HTTP/1.1, or more of it than anybody takes in; the click is answered so."""
    ended = frozenset({"failed", "unknown", "ticket"})
    ill = {
        "not HTTP": b"220 smtp.example ready\r\n\r\n",
        "status 000": b"HTTP/1.1 000 x\r\nContent-Length: 0\r\n\r\n",
        "status of five digits": b"HTTP/1.1 99999 x\r\nContent-Length: 0\r\n\r\n",
        "switching protocols": b"HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nPRI",
        "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "a negative length": HEAD + b"Content-Length: -1\r\n\r\n{}",
        "a length of 5,000 digits": HEAD + b"Content-Length: " + MANY_DIGITS + b"\r\n\r\n{}",
        "a length and chunks": HEAD
        + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "a chunk of no size": CHUNKED + b"zz\r\n{}\r\n",
        "a chunk of a huge size": CHUNKED + b"f" * 400 + b"\r\n{}\r\n",
        "a header's name in UTF-8": HEAD + "Über: x\r\nContent-Length: 2\r\n\r\n{}".encode(),
        "a NUL in a header": HEAD + b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    }
    for name, give in ill.items():
        yield name, Mode(BUY, give, frozenset({"protocol_error"}), ended)
    more = {
        "headers without end": endless(HEAD, b"X-Filler: abcdefgh\r\n"),
        "a header without end": endless(HEAD + b"X-Filler: ", b"x"),
        "a status line without end": endless(b"HTTP/1.1 200 ", b"x"),
        "lines before the answer": endless(b"", b"\r\n"),
        "interim answers without end": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        "early hints without end": endless(b"", b"HTTP/1.1 103 x\r\nLink: </a.css>\r\n\r\n"),
        "a chunk extension without end": endless(CHUNKED + b"2;", b"x"),
        "trailers without end": endless(CHUNKED + b"0\r\n", b"X-Filler: abcdefgh\r\n"),
    }
    for name, parts in more.items():
        yield name, Mode(BUY, parts, frozenset({"head_too_large", "protocol_error"}), ended)
    body = frozenset({"body_too_large"})
    yield (
        "a body without end",
        Mode(BUY, endless(CHUNKED, b"400\r\n" + b"x" * 1024 + b"\r\n"), body),
    )
    yield "a page without end", Mode(PAGE, endless(HEAD + b"\r\n", b"x"), body)
    large = says(b"{" + b" " * 200_000 + b"}")
    yield "a body larger than is kept", Mode(BUY, large, body, lost=frozenset({"answer"}))
    slow = frozenset({"timeout"})
    quick = (("students__timeout", "300ms"),)
    yield "a head that drips", Mode(BUY, dripping(HEAD + b"X: y"), slow, plan=quick)
    yield "a body that drips", Mode(BUY, dripping(HEAD + b"\r\n{ "), slow, plan=quick)
    yield "silence", Mode(BUY, lambda: [time.sleep(0.6) or b""], slow, plan=quick)
    yield "nothing", Mode(BUY, b"", frozenset({"connection_lost", "connection_reset"}))
    short = HEAD + b"Content-Length: 20\r\n\r\n{"
    yield "a body cut short", Mode(BUY, lambda: [short], frozenset({"connection_lost"}))


def statuses() -> Iterator[tuple[str, Mode]]:
    for status in (300, 302, 304, 400, 418, 451, 500, 503, 599, 600, 999):
        word = frozenset({f"http_{status}"})
        yield f"status {status}", Mode(BUY, says({}, status), word, frozenset({"failed"}))
    nothing = b"HTTP/1.1 204 x\r\n\r\n"
    yield "204", Mode(BUY, nothing, frozenset({"not_json"}), frozenset({"failed"}))
    yield "204 with a body", Mode(BUY, nothing + b"{}", frozenset({"not_json"}))
    served = frozenset({"ticket"})
    twice = says({"state": "open"}) * 2
    yield "two answers for one request", Mode(PAGE, twice, frozenset({None}), served)
    later = lambda: [says({"state": "open"}), time.sleep(0.03) or says({"code": "sold_out"}, 409)]  # noqa: E731
    yield "an answer that nobody asked for", Mode(PAGE, later, frozenset({None}), served)
    reset = HEAD + b"Content-Length: 2\r\nX: \xff\xfe\xe9\r\n\r\n{}"
    yield "a header's value of no text", Mode(PAGE, reset, frozenset({None}), served)
