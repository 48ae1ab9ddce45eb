"""What answers tell is read into columns; what they do not, or in no known form, stays null."""

import json
from collections import Counter

import pytest

from dress_rehearsal.records.tables import CLAIMS
from dress_rehearsal.scenarios.answers.claims import CLAIMING, read_claims
from dress_rehearsal.scenarios.answers.vocabulary import Vocabulary
from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.recorder import FAILED, OK, Recorder
from dress_rehearsal.target_app.qr import draw_qr, sign_ticket
from tests.scenarios.test_recorder import add
from tests.steps import BUNDLED, COUNTDOWN, JOIN, LOGIN, PAGE, PURCHASE, QR, STEPS, STREAM, TICKET

NS = 1_795_197_600_000_000_000
ID = "0123456789abcdef" * 2


def read(steps, bodies, lost=None):
    lost = Counter() if lost is None else lost
    return read_claims(steps, BUNDLED.roles, bodies, Vocabulary(), lost)


def told(step, body):
    """What one answer tells, of columns that are not null."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    columns = read([STEPS.index(LOGIN), STEPS.index(step)], [b"", content])
    assert list(columns) == CLAIMS.names
    for field in CLAIMS:
        assert columns[field.name].type == field.type
    rows = {name: column.to_pylist() for name, column in columns.items()}
    assert all(first is None for first, _ in rows.values())
    return {name: value for name, (_, value) in rows.items() if value is not None}


@pytest.mark.parametrize(
    ("step", "body", "expected"),
    [
        (
            COUNTDOWN,
            {"now_ns": NS, "opens_at_ns": NS + 1, "state": "waiting", "remaining": 7, "more": [1]},
            {
                "told_now_ns": NS,
                "told_opens_ns": NS + 1,
                "told_state": "waiting",
                "told_remaining": 7,
            },
        ),
        (
            PAGE,
            {"tickets": 9, "title": "x", "state": "open"},
            {"told_tickets": 9, "told_state": "open"},
        ),
        (
            JOIN,
            {"position": 3, "ahead": 2, "admitted": False, "state": "open"},
            {
                "told_position": 3,
                "told_ahead": 2,
                "told_admitted": False,
                "told_state": "open",
            },
        ),
        (STREAM, {"position": 3, "ahead": 0}, {"told_position": 3, "told_ahead": 0}),
        (
            TICKET,
            {"ticket": "t", "number": 4, "state": "issued"},
            {"told_ticket": "t", "told_number": 4, "told_state": "issued"},
        ),
        (
            PURCHASE,
            {"ticket": "t", "state": "pending"},
            {"told_ticket": "t", "told_state": "pending"},
        ),
        # in another form than is known: only that is left out
        (COUNTDOWN, {"now_ns": "noon", "remaining": 7}, {"told_remaining": 7}),
        (COUNTDOWN, {"remaining": -3, "now_ns": 2**70, "state": ""}, {"told_remaining": -3}),
        (COUNTDOWN, {"remaining": 1.5, "opens_at_ns": True, "state": "x" * 65}, {}),
        (COUNTDOWN, b"[1, 2]", {}),
        (COUNTDOWN, b"\xff{", {}),
    ],
)
def test_what_an_answer_says_is_read(step, body, expected):
    assert told(step, body) == expected


def test_a_code_is_known_again_by_what_it_holds():
    payload = sign_ticket(b"key", "festival", ID, 1_795_197_600)
    picture, text = told(QR, draw_qr(payload)), told(QR, payload.encode())
    assert picture == text
    assert picture["told_ticket"] == ID
    other = told(QR, draw_qr(sign_ticket(b"key", "festival", ID, 1_795_197_700)))
    assert other["told_code"] != picture["told_code"]
    assert set(told(QR, b"<svg>of another kind</svg>")) == {"told_code"}
    assert told(QR, b'{"ticket": "KK-00001", "seat": 7}')["told_ticket"] == "KK-00001"
    assert set(told(QR, b'{"seat": 7}')) == set(told(QR, b'{"ticket": ')) == {"told_code"}
    assert told(QR, b"<!doctype html><HTML>the same for all</HTML>") == {}
    assert told(QR, b"\n<!DOCTYPE html><title>Your ticket</title>The same for all.") == {}


def test_what_is_said_in_no_form_that_can_be_kept_is_counted():
    steps, lost = [STEPS.index(COUNTDOWN)] * 3, Counter()
    bodies = [
        b'{"remaining": "many", "state": "\\ud800", "now_ns": NaN, "other": "\\ud800"}',
        b'{"remaining": 4, "opens_at_ns": -1, "token": 7}',
        b'{"remaining": 5}',
    ]
    columns = read(steps, bodies, lost)
    assert columns["told_remaining"].to_pylist() == [None, 4, 5]
    assert lost == {"remaining": 1, "state": 1, "now_ns": 1, "opens_at_ns": 1}


def test_a_ticket_of_a_code_that_cannot_be_kept_is_counted():
    """Whose ticket the page shows is then not known, and an audit of it would be of nothing."""
    lost = Counter()
    bodies = [b'{"ticket": 17, "seat": "x"}', b'{"ticket": "T-17", "number": "x"}', b'{"seat": 7}']
    columns = read([STEPS.index(QR)] * 3, bodies, lost)
    assert columns["told_ticket"].to_pylist() == [None, "T-17", None]
    assert lost == {"ticket": 1}


def test_many_answers_of_different_steps_stay_in_their_rows():
    steps = [STEPS.index(step) for step in (COUNTDOWN, TICKET, COUNTDOWN, LOGIN)]
    bodies = [b'{"remaining": 5}', b'{"number": 2}', b'{"remaining": 4}', b""]
    columns = read(steps, bodies)
    assert columns["told_remaining"].to_pylist() == [5, None, 4, None]
    assert columns["told_number"].to_pylist() == [None, 2, None, None]


def test_the_recorder_keeps_what_successes_tell(run):
    recorder = Recorder(run, "g")
    body = b'{"ticket": "t", "state": "pending"}'
    add(recorder, 0, answer=Answer(status=202, body=body), outcome=OK)
    add(recorder, 1, answer=Answer(status=503, body=body), outcome=FAILED)
    add(recorder, 2, outcome=FAILED, error="timeout")
    recorder.flush()
    assert recorder.error is None
    assert run.request_table()["told_ticket"].to_pylist() == ["t", None, None]


def test_of_a_stream_the_first_place_is_kept():
    stream = EventStream()
    stream.feed(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 900\r\n\r\n"
    )
    for place in (b'{"position": 4,\ndata: "ahead": 3}', b'{"position": 4, "ahead": 1}'):
        stream.feed(b"event: place\ndata: " + place + b"\n\n")
    assert json.loads(stream.claim) == {"position": 4, "ahead": 3}
    assert BUNDLED.role_of(STREAM) in CLAIMING
