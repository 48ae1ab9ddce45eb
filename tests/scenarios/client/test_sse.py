"""Server-sent events: taken in as they come, however they are cut up, until one decides."""

import pytest

from dress_rehearsal.scenarios.client.sse import EventStream

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"


def fed(events: bytes, step: int = 1000) -> EventStream:
    stream = EventStream()
    data = HEAD + b"\r\n" + events
    for start in range(0, len(data), step):
        stream.feed(data[start : start + step])
    return stream


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
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
    stream = EventStream()
    stream.feed(
        b"HTTP/1.1 409 no\r\nContent-Type: text/event-stream\r\n"
        b'Content-Length: 24\r\n\r\n{"code": "not_in_queue"}'
    )
    assert stream.complete
    assert not stream.is_stream
    assert (stream.status, stream.body) == (409, b'{"code": "not_in_queue"}')
