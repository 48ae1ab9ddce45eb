"""Server-sent events: taken in as they come, however they are cut up, until one decides."""

import pytest

from dress_rehearsal.scenarios.client.limits import KEPT_BODY, LARGEST_EVENT
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.errors import NotUnderstoodError

DECISIVE = frozenset({b"admitted", b"sold_out"})
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"


def fed(events: bytes, step: int = 1000) -> EventStream:
    stream = EventStream(until=DECISIVE)
    data = HEAD + b"\r\n" + events
    for start in range(0, len(data), step):
        stream.feed(data[start : start + step])
    return stream


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_an_event_decides_however_its_bytes_arrive(step, line_end):
    events = b":\n\nid: p1\nevent: place\ndata: {}\n\nid: x\nevent:admitted\ndata: {}\n\n"
    stream = fed(events.replace(b"\n", line_end), step)
    assert stream.complete
    assert (stream.decision, stream.last_event_id) == ("admitted", "x")
    assert not stream.whole, "the answer itself has not ended"


def test_events_that_decide_nothing_leave_it_open():
    stream = fed(b"retry: 700\n\nid: p\xc3\xa4\nevent: place\ndata: {}\n\nevent: admitted\n")
    assert not stream.complete
    assert (stream.decision, stream.retry_ms) == (None, 700)
    assert stream.last_event_id.encode("latin-1") == "pä".encode()


def test_an_event_without_data_is_none_as_in_a_browser():
    assert fed(b"event: sold_out\n\n").decision is None
    assert fed(b"event: sold_out\n\ndata: {}\n\n").decision is None
    assert fed(b"event: sold_out\ndata: {}\n\n").decision == "sold_out"


def test_an_id_counts_once_its_event_is_whole():
    assert fed(b"id: 1\ndata: a\n\nid: 2\ndata: b\n").last_event_id == "1"


def test_a_refusal_is_an_answer_like_any_other():
    stream = EventStream(until=DECISIVE)
    stream.feed(
        b"HTTP/1.1 409 no\r\nContent-Type: text/event-stream\r\n"
        b'Content-Length: 24\r\n\r\n{"code": "not_in_queue"}'
    )
    assert stream.complete
    assert not stream.is_stream
    assert (stream.status, stream.body) == (409, b'{"code": "not_in_queue"}')


def test_a_line_break_in_an_id_ends_its_line():
    assert fed(b"id: a\rX-Admin: 1\rdata: x\r\r").last_event_id == "a"


@pytest.mark.parametrize("digits", [b"9" * 400, b"999999999999", b"-5", b"1.5", b"NaN", b""])
def test_a_pause_that_nobody_means_is_none(digits):
    stream = fed(b"retry: 700\n\nretry: " + digits + b"\n\nid: z\ndata: x\n\n")
    assert (stream.retry_ms, stream.last_event_id) == (700, "z")


def test_a_long_id_is_none():
    assert fed(b"id: a\ndata: x\n\nid: " + b"x" * 2000 + b"\ndata: x\n\n").last_event_id == "a"


@pytest.mark.parametrize("part", [b"x", b"data: 1234\n", b"data\n", b"id: "])
def test_an_event_without_end_is_hung_up_on(part):
    stream, size = fed(b""), 0
    with pytest.raises(NotUnderstoodError, match="event_too_large"):
        while size < 100 * LARGEST_EVENT:
            stream.feed(part * (16_384 // len(part)))
            size += 16_384
    assert len(stream._line) + stream._data_bytes < 2 * LARGEST_EVENT + 16_384


@pytest.mark.slow
def test_a_stream_may_last_and_keeps_its_first_place():
    stream = fed(b"event: place\ndata: 1\n\n")
    for _ in range(300):
        stream.feed(b"event: place\ndata: 2\n\n:\n\n" * 500)
    assert stream.body_bytes > KEPT_BODY
    assert (stream.claim, stream.whole_body, stream.complete) == (b"1", True, False)
