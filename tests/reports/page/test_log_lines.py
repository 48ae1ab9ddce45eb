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


def test_a_line_of_another_app_is_shown_as_it_is(logs):
    (logs / "app.log").write_text(f"12:00 WARN traceparent=00-{OTHER}-x slow: 812 ms\nend")
    found = find_lines(logs, [ONE, OTHER], T0_NS)
    assert found.by_trace[OTHER] == [f"app.log: 12:00 WARN traceparent=00-{OTHER}-x slow: 812 ms"]


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
        (f"{THIRD}\n", False, "trace ids are those of other requests"),
        (f"{THIRD}\n", True, "the app logs each answer that took it half a second"),
        (f"{ONE}\n", False, "have a line of 1 of 2 requests, by trace id."),
    ],
)
def test_why_there_is_no_line_is_said(logs, content, ours, said):
    if content is not None:
        (logs / "app.log").write_text(content)
    found = find_lines(logs, [ONE, OTHER], T0_NS)
    verdict = SimpleNamespace(slowest=[ONE, OTHER])
    assert said in logged_words(verdict, found, ours=ours)
