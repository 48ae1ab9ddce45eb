"""Bodies and headers that are not what they should be, or that claim what cannot be."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import brotli

from dress_rehearsal.plans.visible import visible_line
from tests.scenarios.hostile_target import (
    BUY,
    HEAD,
    LOGIN,
    MANY_DIGITS,
    PAGE,
    TICKET,
    Mode,
    says,
)


def bodies() -> Iterator[tuple[str, Mode]]:
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
    bomb = gzip.compress(b'{"ticket": "t"}' + b" " * 50_000_000, compresslevel=1)
    encoded = {
        "a bomb of gzip": (bomb, "gzip", "body_too_large"),
        "a bomb of deflate": (zlib.compress(b" " * 50_000_000, 1), "deflate", "body_too_large"),
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
        Mode(BUY, says({"code": control}, 409), frozenset({visible_line(control)})),
    )
    null = says({"code": None}, 409)
    yield "a code: null", Mode(BUY, null, frozenset({"http_409"}), failed)


def tokens() -> Iterator[tuple[str, Mode]]:
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


def timings() -> Iterator[tuple[str, Mode]]:
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


def claims() -> Iterator[tuple[str, Mode]]:
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
