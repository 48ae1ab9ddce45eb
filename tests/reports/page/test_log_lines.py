"""Log lines by trace id: found in any server's log, bounded, and never obeyed."""

import json
from types import SimpleNamespace

import pytest

from dress_rehearsal.reports.page.log_lines import find_lines
from dress_rehearsal.reports.page.slow_requests import logged_words

ONE, OTHER, THIRD = ("9f015163fec8b80f" + f"{number:016x}" for number in (1, 2, 3))
T0_NS = 1_795_197_600_000_000_000


def line(trace, **fields):
    told = {"time_ns": T0_NS + 610_000_000, "level": "info", "component": "app", "pid": 7}
    return json.dumps({**told, "message": "slow answer", "trace_id": trace, **fields}) + "\n"


@pytest.fixture
def logs(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def test_lines_of_our_app_are_put_into_words(logs):
    text = line(ONE, duration_ms=575.5) + line(THIRD)
    (logs / "app.jsonl").write_text(text)
    (logs / "postgres.log").write_text("ready\n")
    found = find_lines(logs, [ONE, OTHER], T0_NS)
    assert found.by_trace == {
        ONE: ["app.jsonl: T-0 + 0.61 s, slow answer: pid 7, duration_ms 575.5"],
        OTHER: [],
    }
    assert (found.files, found.found, found.traced) == (2, 1, True)


def test_times_of_our_app_have_the_page_s_words_and_those_of_others_their_own(logs):
    text = line(ONE, duration_ms=575.5, pool_ms=431.5, redis_ms="soon", queue_ms=10**400)
    (logs / "app.jsonl").write_text(text)
    (ours,) = find_lines(logs, [ONE], T0_NS, ours=True).by_trace[ONE]
    assert "all the time in the app 575.5 ms, waiting for a connection 431.5 ms" in ours
    assert "redis_ms soon" in ours, "what is no time is shown as it is"
    assert "queue_ms 1000" in ours
    (theirs,) = find_lines(logs, [ONE], T0_NS).by_trace[ONE]
    assert "duration_ms 575.5, pool_ms 431.5" in theirs


def test_a_line_of_another_app_is_shown_as_it_is(logs):
    (logs / "app.log").write_text(f"12:00 WARN traceparent=00-{OTHER}-x slow: 812 ms\nend")
    found = find_lines(logs, [ONE, OTHER], T0_NS)
    assert found.by_trace[OTHER] == [f"app.log: 12:00 WARN traceparent=00-{OTHER}-x slow: 812 ms"]


SECRETS = {
    "authorization": "Bearer abcdef123",
    "cookie": "session=abcdef123; theme=dark",
    "pin": "4821",
    "otp": 123456,
    "request": {"headers": {"X-Api-Key": "abcdef123"}, "tokens": ["abcdef123"]},
    "user": {"email": "anna@example.org", "studentNumber": "abcdef123", "lastName": "abcdef123"},
    "url": "/login?pin=4821",
    "headers": [["Cookie", "abcdef123"], {"name": "X-Api-Key", "value": "abcdef123"}],
    "args": ["--password", "abcdef123"],
    "note": "to anna@example.org: eyJhbGciOi.abcdef123.x, Zm9vYmFyMTIzNDU2Nzg5MA of k12345678",
}


@pytest.mark.parametrize("wrapped", ["fields", "text", "message", "escaped"])
def test_secrets_and_people_are_not_shown(logs, wrapped):
    told = json.dumps(SECRETS)
    text = {
        "fields": line(ONE, duration_ms=812.5, **SECRETS),
        "text": f"12:00 WARN duration_ms=812.5 traceparent=00-{ONE}-x {told}\n",
        "message": json.dumps({"duration_ms": 812.5, "message": told, "trace": ONE}),
        "escaped": f"duration_ms=812.5 {ONE} " + json.dumps(told),
    }[wrapped]
    (logs / "app.log").write_text(text)
    (said,) = find_lines(logs, [ONE], T0_NS).by_trace[ONE]
    assert "812.5" in said
    for secret in ("abcdef123", "4821", "123456", "anna", "eyJ", "Zm9v", "k12345678"):
        assert secret not in said, said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("POST /login?token=SECRET123 Cookie: sid=xyz; a=b", "POST /login?… Cookie: …"),
        ("password=hunter2 took=812 ms", "password=… took=812 ms"),
        ("password: two words, took: 812", "password: …, took: 812"),
        ("Authorization: Basic YWI6Y2Q=", "Authorization: …"),
        ("sent Bearer x.y.z on", "sent Bearer … on"),
        ("postgres://me:pw@db/shop is slow", "postgres://…@db/shop is slow"),
        ("access_token='a b' took=3", "access_token=… took=3"),
        (
            "headers=[('Cookie', 'sid=1'), ('Accept', '*')]",
            "headers=[('Cookie', …), ('Accept', '*')]",
        ),
        ("token SECRET1 rejected, pin 4821", "token … rejected, pin …"),
        ("password is hunter", "password …"),
        ("PHPSESSID=abc12", "PHPSESSID=…"),
        ("body pin%3D4821", "body pin%3D…"),
        ("GET /students/anna%40example.org 200", "GET /students/… 200"),
        ("session 6f1b0c9a-7d6e-4b52-9a55-0f3a4be0e0aa ended", "session … ended"),
    ],
)
def test_what_a_line_of_text_hides(logs, text, said):
    (logs / "app.log").write_text(f"{ONE} {text}\n")
    assert find_lines(logs, [ONE], T0_NS).by_trace[ONE] == [f"app.log: {ONE} {said}"]


def test_what_is_no_secret_is_shown(logs):
    text = (
        f"2026-11-30T01:30:54.123Z WARN [http-8080-7] POST /purchase status_code=503 took: 812 ms "
        f"spinning=1 traceparent=00-{ONE}-00f067aa0ba902b7-01 TicketAlreadyHeldException (pool=3)"
    )
    (logs / "app.log").write_text(f"{text}\n")
    (logs / "b.jsonl").write_text(line(ONE, status=503, pool={"waited_ms": 3.5, "full": True}))
    assert find_lines(logs, [ONE], T0_NS).by_trace[ONE] == [
        f"app.log: {text}",
        "b.jsonl: T-0 + 0.61 s, slow answer: pid 7, status 503, "
        'pool {"waited_ms": 3.5, "full": true}',
    ]


@pytest.mark.parametrize("when", [10**400, -(1 << 63), True, "soon", 1.5])
def test_a_time_that_is_none_is_left_out(logs, when):
    (logs / "app.jsonl").write_text(line(ONE, time_ns=when, n=1))
    assert find_lines(logs, [ONE], T0_NS).by_trace[ONE] == ["app.jsonl: slow answer: pid 7, n 1"]


def test_a_long_line_and_many_of_them_are_cut(logs):
    (logs / "app.jsonl").write_text("".join(line(ONE, n=n, text="x" * 5000) for n in range(9)))
    lines = find_lines(logs, [ONE], T0_NS).by_trace[ONE]
    assert len(lines) == 3
    assert all(len(each) < 450 for each in lines)


def test_a_line_over_the_edge_of_what_is_read_at_once_is_whole(logs):
    filling = "x" * (1 << 20) + "\n"
    (logs / "app.jsonl").write_text(filling[60:] + line(ONE, duration_ms=1) + filling)
    assert find_lines(logs, [ONE], T0_NS).by_trace[ONE] == [
        "app.jsonl: T-0 + 0.61 s, slow answer: pid 7, duration_ms 1"
    ]


def test_a_log_that_is_one_endless_line_or_no_text_is_survived(logs):
    (logs / "app.jsonl").write_bytes(b"\xff" * (5 << 20) + ONE.encode() + b"\xff" * 100)
    found = find_lines(logs, [ONE], T0_NS)
    assert len(found.by_trace[ONE]) == 1
    assert len(found.by_trace[ONE][0]) < 450
    assert find_lines(logs / "nowhere", [ONE], T0_NS).files == 0


@pytest.mark.parametrize(
    ("content", "ours", "said"),
    [
        (None, True, "This run has no server's logs"),
        ("nothing of interest\n", False, "trace ids are not in them"),
        (f"trace_id={THIRD}\n", False, "trace ids are those of other requests"),
        (f'{{"traceparent": "00-{THIRD}-00f067aa0ba902b7-01"}}\n', False, "are those of other"),
        (f"md5 {THIRD}\n", False, "trace ids are not in them"),
        (f"{THIRD}\n", True, "the app logs each answer that took it half a second"),
        (f"{ONE}\n", False, "have a line of 1 of these 2 requests, by trace id."),
    ],
)
def test_why_there_is_no_line_is_said(logs, content, ours, said):
    if content is not None:
        (logs / "app.log").write_text(content)
    found = find_lines(logs, [ONE, OTHER], T0_NS)
    verdict = SimpleNamespace(slowest=[SimpleNamespace(trace=each) for each in (ONE, OTHER)])
    assert said in logged_words(verdict, found, ours=ours)
