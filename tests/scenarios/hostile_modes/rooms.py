"""Codes, entrances and waiting rooms that go wrong."""

import gzip
from collections.abc import Iterator

from tests.scenarios.hostile_target import (
    EVENTS,
    HEAD,
    JOIN,
    MANY_DIGITS,
    QR,
    QUEUE,
    SCAN,
    STREAM,
    Mode,
    endless,
    says,
)


def pictures() -> Iterator[tuple[str, Mode]]:
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


def rooms() -> Iterator[tuple[str, Mode]]:
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
