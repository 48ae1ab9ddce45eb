"""Whatever bytes a target answers with, however they are cut up: one result, and a row of it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import segno
from hypothesis import strategies as st

from dress_rehearsal.plans import read_plan, seeded_roster
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.tables import NS_PER_S, OUTCOMES
from dress_rehearsal.scenarios.answers.body import Body
from dress_rehearsal.scenarios.answers.qr_code import read_codes
from dress_rehearsal.scenarios.buyer import Granted
from dress_rehearsal.scenarios.client.connection import Connection
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.http import Answer, Request
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.errors import NotUnderstoodError
from dress_rehearsal.scenarios.loading import load_buyer
from dress_rehearsal.scenarios.recorder import OK, Recorder
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.browser import Browser
from dress_rehearsal.scenarios.students.call import Reply
from dress_rehearsal.scenarios.timetable import draw_timetable
from dress_rehearsal.target_app.qr import draw_qr, sign_ticket
from tests.properties.budget import try_out
from tests.steps import COUNTDOWN, JOIN, LOGIN, PAGE, PURCHASE, QR, QUEUE, SCAN, TICKET

ANSWERS = [
    b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\nServer-Timing: app;dur=1\r\n\r\n{"ticket": "t"}',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n{} \r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 103 x\r\nLink: y\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
    b"HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n",
]
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CODE = draw_qr(sign_ticket(b"key", "festival", "0123456789abcdef" * 2, 1_795_197_600))
SEGNO = b"<svg>" + segno.make_qr("ABC 1/2").svg_inline().encode()
"""Its strokes begin where the last one ended."""
DECISIVE = frozenset({b"admitted", b"sold_out"})
EVENTS = [
    b"retry: 100\n\n",
    b"id: p7\r\nevent: place\r\ndata: {}\r\n\r\n",
    b"id: a\rdata: x\r\r",
    b": beat\n\n",
    b"event: admitted\ndata: {}\n\n",
    b"event: sold_out\rdata\r\r",
]


@st.composite
def mutated(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes with some of them changed, repeated, left out, or others put in between."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        to = draw(st.integers(at, min(at + 12, len(content))))
        odd = st.one_of(st.binary(max_size=6), st.sampled_from([b"\r", b"\n", b"\0", b"9" * 400]))
        content[at:to] = draw(st.one_of(odd, st.just(bytes(content[at:to]) * 2)))
    return bytes(content)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """A stream of events, each in a chunk of its own or cut in two."""
    events = b"".join(draw(st.lists(st.sampled_from(EVENTS), max_size=8)))
    events = draw(mutated(events))
    cuts = sorted(draw(st.lists(st.integers(0, len(events)), max_size=4)))
    parts = [events[a:b] for a, b in zip([0, *cuts], [*cuts, len(events)], strict=True)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part)
    return STREAM + chunks + draw(st.sampled_from([b"", b"0\r\n\r\n", b"0\r\n\r\nHTTP/1.1 200 x"]))


answers = st.one_of(st.sampled_from(ANSWERS).flatmap(mutated), st.binary(max_size=200))


def pieces(content: bytes, cuts: list[int]) -> Iterator[bytes]:
    """Cut bytes up; without any cuts each is a piece of its own."""
    ends = sorted({*(cut % (len(content) + 1) for cut in cuts), len(content)})
    for begin, end in zip([0, *ends], ends, strict=False):
        yield content[begin:end]


def result(answer: Answer, parts: Iterator[bytes]) -> Any:
    """What comes of feeding an answer until nobody waits for more, as the client does."""
    try:
        for part in parts:
            if part and not answer.complete:
                answer.feed(part)
    except NotUnderstoodError as error:
        return error.word
    told: list[Any] = [answer.complete, answer.status if answer.complete else 0]
    told += [answer.body if answer.complete else b"", answer.server_timing]
    if isinstance(answer, EventStream) and answer.is_stream:
        told[1:] = [answer.decision, answer.last_event_id, answer.retry_ms, answer.first_place]
    return told


@pytest.mark.slow
def test_an_answer_is_the_same_however_it_is_cut_up() -> None:
    @hypothesis.given(answers, st.lists(st.integers(0, 10_000), max_size=8), st.booleans())
    def same(content: bytes, cuts: list[int], as_stream: bool) -> None:
        def kind() -> Answer:
            return EventStream(until=DECISIVE) if as_stream else Answer()

        whole = result(kind(), iter([content]))
        assert result(kind(), pieces(content, cuts)) == whole
        assert result(kind(), (content[at : at + 1] for at in range(len(content)))) == whole

    try_out(same)


def test_a_stream_is_the_same_however_it_is_cut_up() -> None:
    @hypothesis.given(streams(), st.lists(st.integers(0, 10_000), max_size=8))
    def same(content: bytes, cuts: list[int]) -> None:
        whole = result(EventStream(until=DECISIVE), iter([content]))
        assert result(EventStream(until=DECISIVE), pieces(content, cuts)) == whole
        assert (
            result(
                EventStream(until=DECISIVE), (content[at : at + 1] for at in range(len(content)))
            )
            == whole
        )

    try_out(same)


text = st.text(st.characters(), max_size=80)
surrogates = st.text(st.characters(categories=["Cs", "Cc", "Lu"]), max_size=5)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**80), 2**80),
    st.floats(),
    text,
    surrogates,
    st.sampled_from(["issued", "sold_out", "x" * 600, "already_holds_ticket"]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)
)
documents = st.dictionaries(st.sampled_from(Body.__struct_fields__) | text, values, max_size=8)
bodies = st.one_of(
    documents.map(lambda document: json.dumps(document).encode()),
    documents.map(lambda document: json.dumps(document).encode()).flatmap(mutated),
    documents.map(
        lambda document: json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ),
    st.integers(0, 20_000).map(lambda depth: b'{"ticket": ' + b"[" * depth),
    st.integers(1, 6000).map(lambda digits: b'{"number": ' + b"9" * digits + b"}"),
    st.binary(max_size=300),
)
pictures = st.one_of(
    st.sampled_from([b'<svg><path d="M0 0h7m0 1h1M0 20.4h21"/>', CODE, SEGNO]).flatmap(mutated),
    st.text("Mmh0123456789.,- ", max_size=80).map(lambda d: f'<path d="{d}"'.encode()),
)
timings = st.one_of(
    st.binary(max_size=60),
    st.text("app;db,dur=.1e9 desc\"'", max_size=80).map(str.encode),
    st.sampled_from([b"app;dur=1.5, db;dur=2"]).flatmap(mutated),
)


@pytest.fixture
def rush(tmp_path: Path) -> Rush:
    plan = read_plan(
        Path("smoke"), ["event.students=4", "app.waiting_room=poll", "schedule.sale=10min"]
    )
    people = seeded_roster(4, 0, 1)
    run = RunDirectory.create(tmp_path, plan)
    origin = Origin("127.0.0.1:1", ("127.0.0.1", 1))
    timetable = draw_timetable(plan, people)
    recorder = Recorder(run, "g")
    rush = Rush(run.id, plan, people, timetable, origin, recorder, load_buyer(plan))
    rush.open_at(time.time_ns())
    return rush


def act(browser: Browser, step: str) -> Reply:
    """Have a student make a request of a step."""
    granted, now_ns = Granted("../t?#%"), time.time_ns()
    match step:
        case "GET /events/{event}":
            return browser.page(now_ns)
        case "GET /events/{event}/countdown":
            return browser.countdown(now_ns, now_ns + NS_PER_S)
        case "POST /login":
            return browser.login(now_ns)
        case "POST /events/{event}/tickets":
            return browser.buy(now_ns)
        case "POST /events/{event}/queue":
            return browser.join(now_ns)
        case "GET /events/{event}/queue":
            return browser.queue(now_ns, now_ns + NS_PER_S)
        case "GET /tickets/{ticket}":
            return browser.follow_up(granted, now_ns)
        case "GET /tickets/{ticket}/qr":
            return browser.collect(granted, now_ns)
        case _:
            return browser.enter(granted, now_ns)


@pytest.mark.slow
def test_codes_say_together_what_each_says_alone() -> None:
    codes = st.one_of(pictures, st.sampled_from([CODE, SEGNO]), st.binary(max_size=20))

    @hypothesis.given(st.lists(codes, max_size=12))
    def same(answers: list[bytes]) -> None:
        assert read_codes(answers) == [read_codes([answer])[0] for answer in answers]

    try_out(same)


@pytest.mark.slow
def test_whatever_bodies_say_is_a_row_and_a_student(
    rush: Rush, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, recorder, expected = Browser(rush, 0), rush.recorder, [0]
    coming: list[Answer] = []

    def exchange(
        _line: Connection, _request: Request, _trace: bytes, into: Exchange, *_: object
    ) -> Answer:
        into.answer, into.sent_ns, into.done_ns = coming[0], 1, 2
        return coming.pop()

    monkeypatch.setattr(Connection, "exchange", exchange)
    steps = [PAGE, COUNTDOWN, LOGIN, PURCHASE, TICKET, QR, JOIN, QUEUE, SCAN]
    rows = st.tuples(
        st.sampled_from(steps),
        st.sampled_from([200, 202, 204, 302, 409, 503, 999]),
        st.one_of(bodies, pictures),
        timings,
    )

    @hypothesis.given(st.lists(rows, max_size=6))
    def recorded(rows: list[tuple[str, int, bytes, bytes]]) -> None:
        for step, status, body, timing in rows:
            coming.append(Answer(status, body, timing, complete=True))
            reply = act(browser, step)
            assert 0 <= reply.outcome < len(OUTCOMES)
            assert (reply.outcome == OK) <= (reply.code is None)
            if isinstance(reply.claim, Granted):
                rush.census.acknowledged(0, reply.claim.ticket, 1)
            if step == QR:
                read_codes([body])
            expected[0] += 1
        recorder.flush()
        assert recorder.error is None
        assert recorder.requests == expected[0]
        assert rush.census.table().num_rows == 4
        assert not rush.troubles.counts

    try_out(recorded)
    run = recorder._run
    assert run.request_table().num_rows == expected[0]
    assert rush.census.write(run) is None
    assert run.student_table().num_rows == 4
