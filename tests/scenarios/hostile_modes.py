"""The modes of the hostile target: every way of answering badly that there is, by its name."""

import gzip
import itertools
import json
import time
import zlib
from collections.abc import Iterator
from typing import Any, Final

import brotli

from tests.scenarios.hostile_target import (
    BUY,
    CHUNKED,
    EVENTS,
    HEAD,
    JOIN,
    LOGIN,
    MANY_DIGITS,
    PAGE,
    QR,
    QUEUE,
    SCAN,
    STREAM,
    TICKET,
    Mode,
    dripping,
    endless,
    says,
)


def _heads() -> Iterator[tuple[str, Mode]]:
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


def _statuses() -> Iterator[tuple[str, Mode]]:
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


def _bodies() -> Iterator[tuple[str, Mode]]:
    failed, none = frozenset({"failed"}), frozenset({"not_json"})
    no_json: dict[str, bytes] = {
        "a list": b"[1]",
        "a number": b"7",
        "null": b"null",
        "a string": b'"ticket"',
        "nothing": b"",
        "cut": b'{"ticket": "t',
        "nested deep": b'{"ticket": ' + b"[" * 60_000,
        "nested deep and closed": b'{"ticket": "t", "x": ' + b"[" * 9000 + b"]" * 9000 + b"}",
        "HTML": b"<html><body>Sold!</body></html>",
        "NULs": b"\0" * 1000,
    }
    for name, body in no_json.items():
        yield f"a body: {name}", Mode(BUY, says(body), none, failed)
    packed = gzip.compress(b'{"ticket": "t"}')
    bomb = gzip.compress(b'{"ticket": "t"}' + b" " * 50_000_000)
    encoded = {
        "a bomb of gzip": (bomb, "gzip", "body_too_large"),
        "a bomb of deflate": (zlib.compress(b" " * 50_000_000), "deflate", "body_too_large"),
        "a bomb of br": (brotli.compress(b" " * 50_000_000, quality=1), "br", "body_too_large"),
        "gzip that is none": (b'{"ticket": "t"}', "gzip", "encoding_error"),
        "gzip cut short": (packed[:-4], "gzip", "encoding_error"),
        "gzip and more": (packed + b"junk", "gzip", "encoding_error"),
        "br that is none": (b'{"ticket": "t"}', "br", "encoding_error"),
        "of an encoding that nobody knows": (b"\xff\x00", "zstd", "not_json"),
    }
    for name, (body, encoding, word) in encoded.items():
        give = says(body, Content_Encoding=encoding)
        yield f"a body: {name}", Mode(BUY, give, frozenset({word}), failed)
    served = frozenset({"ticket"})
    yield (
        "a body: packed members of gzip",
        Mode(
            BUY,
            says(gzip.compress(b'{"ticket":') + gzip.compress(b' "t"}'), Content_Encoding="gzip"),
            frozenset({None}),
            served,
        ),
    )
    yield (
        "a body that ends with the connection",
        Mode(BUY, lambda: [HEAD + b"\r\n", b'{"ticket": "t"}'], frozenset({None}), served, times=1),
    )
    yield (
        "HTTP/1.0",
        Mode(BUY, lambda: [b'HTTP/1.0 200 OK\r\n\r\n{"ticket": "t"}'], frozenset({None}), served),
    )
    odd: dict[str, Any] = {
        "a list": [],
        "a number": 7,
        "true": True,
        "an object": {"id": "t"},
        "empty": "",
        "half a surrogate pair": "t\ud800",
        "of 5,000 characters": "t" * 5000,
    }
    for name, ticket in odd.items():
        yield (
            f"a ticket: {name}",
            Mode(
                BUY,
                says({"ticket": ticket}, 202),
                frozenset({"no_ticket"}),
                failed,
                frozenset({"ticket"}),
            ),
        )
    good: dict[str, bytes] = {
        "of 300 bytes": json.dumps({"ticket": "ticket-" + "ü" * 150}).encode(),
        "that 64 bytes would cut inside a character": json.dumps(
            {"ticket": "x" * 63 + "ü"}
        ).encode(),
        "with control characters": json.dumps({"ticket": "a\x1b]0;x\x07\r\nX: y\0"}).encode(),
        "like a path": b'{"ticket": "../../admin?x=1#y"}',
        "of no UTF-8": b'{"ticket": "t\xff"}',
        "twice": b'{"ticket": "a", "ticket": "b"}',
        "beside a huge number": b'{"ticket": "a", "number": ' + MANY_DIGITS + b"}",
        "beside NaN": b'{"ticket": "a", "number": NaN, "x": Infinity}',
        "beside half a surrogate pair": b'{"ticket": "a", "title": "\\ud800"}',
        "beside others of other types": b'{"ticket": "a", "state": {}, "number": "1"}',
    }
    for name, body in good.items():
        beside = "beside" in name and "surrogate" not in name
        lost = frozenset({"any"} if beside else ())
        yield f"a ticket: {name}", Mode(BUY, says(body), frozenset({None}), served, lost)
    codes: dict[str, Any] = {
        "half a surrogate pair": "\ud800",
        "a list": [],
        "a number": 1,
        "true": True,
        "empty": "",
        "of 5,000 characters": "c" * 5000,
        "a word of the generator's own": "abandoned",
        "that nothing was sent": "connect_refused",
    }
    for name, code in codes.items():
        mode = Mode(
            BUY, says({"code": code}, 409), frozenset({"http_409"}), failed, frozenset({"code"})
        )
        yield f"a code: {name}", mode
    control = "\x1b]0;owned\x07"
    yield (
        "a code: control characters",
        Mode(BUY, says({"code": control}, 409), frozenset({control})),
    )
    null = says({"code": None}, 409)
    yield "a code: null", Mode(BUY, null, frozenset({"http_409"}), failed)


def _tokens() -> Iterator[tuple[str, Mode]]:
    refused = frozenset({"no_token"})
    tokens: dict[str, Any] = {
        "€": "a€",
        "a line break": "a\r\nX-Admin: 1",
        "a last line break": "a\n",
        "a NUL": "a\0",
        "a space": "a b",
        "ü": "ü",
        "half a surrogate pair": "\ud800",
        "a list": ["a"],
        "a number": 7,
        "null": None,
        "empty": "",
        "of 100,000 characters": "t" * 100_000,
    }
    for name, token in tokens.items():
        lost = frozenset() if token is None else frozenset({"token"})
        yield (
            f"a token: {name}",
            Mode(LOGIN, says({"token": token}), refused, frozenset({"failed"}), lost),
        )
    cookie = says({"token": "0"}, Set_Cookie="session=a€; Path=/")
    yield "a cookie", Mode(LOGIN, cookie, frozenset({None}), frozenset({"ticket"}))
    yield "no token", Mode(LOGIN, says({}), refused, frozenset({"failed"}))


def _timings() -> Iterator[tuple[str, Mode]]:
    values = {
        "400 digits": "app;dur=" + "9" * 400,
        "NaN": "app;dur=NaN, db;dur=inf, pool;dur=-1, redis;dur=1e308",
        "no numbers": "app;dur=, db;dur=1.2.3, redis;dur=0x10",
        "thousands of entries": ", ".join(f"app;dur={n}" for n in range(4000)),
        "many parameters": "app" + ";x" * 2000,
        "many parameters that end badly": "app" + "; dur=x" * 580,
        "blanks": "app" + " " * 4000 + ";dur=1",
        "a huge name": 'app;desc="' + "w" * 4000 + '";dur=1',
    }
    counted = {"400 digits", "NaN", "no numbers", "thousands of entries"}
    counted.add("many parameters that end badly")
    for name, value in values.items():
        lost = frozenset({"Server-Timing"}) if name in counted else frozenset()
        mode = Mode(
            PAGE,
            says({"state": "open"}, Server_Timing=value),
            frozenset({None}),
            frozenset({"ticket"}),
            lost,
        )
        yield f"Server-Timing: {name}", mode


def _claims() -> Iterator[tuple[str, Mode]]:
    served = frozenset({"ticket"})
    bodies: dict[str, bytes] = {
        "negative": b'{"now_ns": -1, "opens_at_ns": -9223372036854775808, "remaining": -7}',
        "huge": b'{"now_ns": 9223372036854775807, "opens_at_ns": 1e308, "remaining": 1e9}',
        "beyond 64 bits": b'{"now_ns": 99999999999999999999999, "remaining": ' + MANY_DIGITS + b"}",
        "of other types": b'{"now_ns": true, "opens_at_ns": "noon", "state": [], "tickets": {}}',
        "NaN": b'{"now_ns": NaN, "opens_at_ns": Infinity, "remaining": -Infinity}',
        "half a surrogate pair": b'{"state": "\\udfff", "now_ns": 1}',
        "nested deep": b'{"now_ns": ' + b"[" * 50_000,
        "of no UTF-8": b'{"state": "\xff\xfe"}',
    }
    silent = {"nested deep", "of no UTF-8"}
    for name, body in bodies.items():
        lost = frozenset() if name in silent else frozenset({"any"})
        yield f"a page's numbers: {name}", Mode(PAGE, says(body), frozenset({None}), served, lost)
    pages = {"huge": b"{" + b" " * 1_000_000 + b"}", "HTML": b"<html>" + b"x" * 1_000_000}
    for name, body in pages.items():
        lost = frozenset({"answer"} if name == "huge" else ())
        yield f"a page: {name}", Mode(PAGE, says(body), frozenset({None}), served, lost)
    states: dict[str, Any] = {"a list": [], "of 5,000 characters": "s" * 5000, "true": True}
    for name, state in states.items():
        give = says({"ticket": "t", "state": state})
        mode = Mode(TICKET, give, frozenset({None}), served, frozenset({"state"}))
        yield f"a ticket's state: {name}", mode


def _pictures() -> Iterator[tuple[str, Mode]]:
    served, plan = frozenset({"ticket"}), (("students__entry", "100%"),)
    pictures: dict[str, bytes] = {
        "many paths": b"<svg>" + b"<path " * 20_000,
        "many drawings": b"<svg><path" + b' d="a' * 25_000,
        "numbers of 400 digits": b'<svg><path d="M0 0h' + b"9" * 400 + b'"/>',
        "numbers of no size": b'<svg><path d="M0 0h0.' + b"0" * 320 + b'1h1"/>',
        "no numbers": b'<svg><path d="M0 0h1.2.3"/>',
        "beyond its edge": b'<svg><path d="M0 0h7' + b"M0 %dh21" % 20 * 30 + b'm9 0h9"/>',
        "backwards": b'<svg><path d="M0 0h7h-7h21h-90"/>',
        "many strokes": b'<svg><path d="M0 0' + b"h1" * 50_000 + b'"/>',
        "a bomb of entities": b'<!DOCTYPE x [<!ENTITY a "aaaaaaa"><!ENTITY b "&a;&a;">]><svg>&b;',
        "a compressed bomb": gzip.compress(b"<svg>" + b" " * 50_000_000),
        "a PNG of a billion pixels": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
        + b"\x7f\xff\xff\xff" * 2
        + b"\x08",
        "larger than is kept": b"<svg>" + b"x" * 1_000_000,
        "nothing": b"",
        "no UTF-8": b"\xff" * 1000,
    }
    for name, picture in pictures.items():
        give = says(picture, Content_Type="image/svg+xml")
        lost = frozenset({"answer"} if name == "larger than is kept" else ())
        yield f"a code: {name}", Mode(QR, give, frozenset({None}), served, lost, 1, plan)
    payloads = {"a control character": b"\0\x1b", "no UTF-8": b"\xff\xfe", "huge": b"x" * 200_000}
    for name, payload in payloads.items():
        lost = frozenset({"answer"} if name == "huge" else ())
        mode = Mode(QR, says(payload), frozenset({None}), served, lost, plan=plan)
        yield f"a code's text: {name}", mode
    scans: dict[str, bytes] = {"a list": b"[]", "half a surrogate pair": b'{"code": "\\ud800"}'}
    for name, scan in scans.items():
        lost = frozenset({"code"} if name != "a list" else ())
        mode = Mode(SCAN, says(scan, 409), frozenset({"http_409"}), served, lost, plan=plan)
        yield f"a scan: {name}", mode


def _rooms() -> Iterator[tuple[str, Mode]]:
    poll, sse = (("app__waiting_room", "poll"),), (("app__waiting_room", "sse"),)
    longer = ("schedule__sale", "6s")  # two pauses of the page's own take all of 2 s
    served = frozenset({"ticket"})
    for name, pause in {
        "NaN": b"NaN",
        "infinite": b"Infinity",
        "1e308": b"1e308",
        "1e999": b"1e999",
        "negative": b"-5",
        "true": b"true",
        "of 5,000 digits": MANY_DIGITS,
        "a string": b'"5"',
        "of 31 years": b"1e12",
    }.items():
        give = says(b'{"position": 1, "admitted": false, "poll_after_ms": ' + pause + b"}")
        lost = frozenset({"poll_after_ms"})
        yield (
            f"poll_after_ms: {name}",
            Mode(JOIN, give, frozenset({None}), served, lost, times=1, plan=(*poll, longer)),
        )
    for name, place in {
        "of other types": b'{"position": [], "ahead": "x", "admitted": "yes", "state": 5}',
        "out of this world": b'{"position": -99999999999, "ahead": ' + MANY_DIGITS + b"}",
    }.items():
        mode = Mode(
            QUEUE, says(place), frozenset({None}), served, frozenset({"any"}), times=1, plan=poll
        )
        yield f"a place: {name}", mode
    lost_place = says({"code": "not_in_queue"}, 409)
    yield (
        "no place is ever given",
        Mode(
            JOIN,
            lost_place,
            frozenset({"not_in_queue"}),
            frozenset({"in_flight", "gave_up"}),
            plan=poll,
        ),
    )
    admitted = b"event: admitted\ndata: {}\n\n"
    streams: dict[str, bytes] = {
        "an id with a lone CR": b"id: a\rX-Admin: 1\ndata: x\n\n",
        "an id with a NUL": b"id: a\0b\ndata: x\n\n",
        "an id of no text": "id: ü\x01\ndata: x\n\n".encode(),
        "an id of 100,000 bytes": b"id: " + b"x" * 60_000 + b"\ndata: x\n\n",
        "a retry of 400 digits": b"retry: " + b"9" * 400 + b"\n\n",
        "a retry of 31 years": b"retry: 999999999999\n\n",
        "a retry below zero": b"retry: -5\nretry: 1.5\nretry: NaN\n\n",
        "a place of no form": b"event: place\ndata: [[[\n\n",
        "a deep place": b'event: place\ndata: {"position": ' + b"[" * 50_000 + b"\n\n",
    }
    for name, events in streams.items():
        give = HEAD + b"Content-Type: text/event-stream\r\n"
        whole = events + b"retry: 100\n\n"
        give += b"Content-Length: %d\r\n\r\n" % len(whole) + whole
        words = frozenset({"stream_ended"})
        yield f"a stream: {name}", Mode(STREAM, give, words, served, times=1, plan=sse)
    yield (
        "a stream: a decision in lines that end in CR",
        Mode(
            STREAM,
            lambda: [EVENTS + admitted.replace(b"\n", b"\r")],
            frozenset({None}),
            served,
            plan=sse,
        ),
    )
    endings = {
        "a line without end": endless(EVENTS, b"x"),
        "an id without end": endless(EVENTS + b"id: ", b"x"),
        "an event without end": endless(EVENTS, b"data: abcdefgh\n"),
        "empty data without end": endless(EVENTS, b"data\n"),
    }
    for name, parts in endings.items():
        word = frozenset({"event_too_large"})
        yield f"a stream: {name}", Mode(STREAM, parts, word, served, times=1, plan=sse)
    outlasting = frozenset({"in_flight"})
    patient = (*sse, ("schedule__sale", "5s"))  # a page waits for 3 s before it asks again
    short = (*sse, ("schedule__sale", "2s"))  # beside the flood the others need their time
    yield (
        "a stream: comments without a pause",
        Mode(STREAM, endless(EVENTS, b":\n\n"), frozenset({"abandoned"}), outlasting, plan=short),
    )
    yield (
        "a stream: events without a pause",
        Mode(
            STREAM,
            endless(EVENTS, b"data: x\n\n"),
            frozenset({"abandoned"}),
            outlasting,
            plan=short,
        ),
    )
    yield (
        "a stream: it goes on after its decision",
        Mode(STREAM, endless(EVENTS + admitted, b":\n\n"), frozenset({None}), served, plan=sse),
    )
    yield (
        "a stream: it is none",
        Mode(STREAM, says({}), frozenset({"not_a_stream"}), frozenset({"failed"}), plan=patient),
    )


MODES: Final[dict[str, Mode]] = dict(
    itertools.chain(
        _heads(),
        _statuses(),
        _bodies(),
        _tokens(),
        _timings(),
        _claims(),
        _pictures(),
        _rooms(),
    )
)
