"""The screen: the same numbers live and as plain lines, readable at 80 columns."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from dress_rehearsal.plans import read_plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.collectors.collector import Collector, Sources
from dress_rehearsal.records.samples import Sample, labels_json
from dress_rehearsal.records.tables import STUDENT_OUTCOMES
from dress_rehearsal.rehearsal.terminal.screen import Screen

PLAN = read_plan(Path("festival"))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def status(t_ns, requests, **students):
    return {
        "t_ns": t_ns,
        "students": {state: students.get(state, 0) for state in STUDENT_OUTCOMES},
        "requests": requests,
        "outcomes": {"ok": requests, "refused": 0, "failed": 7, "unknown": 0},
        "late_p99_s": 0.012,
        "felt_p99_ms": 1234.0,
        "good_p99_ms": 98.0,
    }


@pytest.fixture
def collector(tmp_path):
    run = RunDirectory.create(tmp_path, PLAN)
    sources = Sources(None, None, None, "festival", (), list)
    collected = Collector(run, sources, 0.25)
    used = labels_json(pool="redis", state="used")
    pool = labels_json(pool="redis")
    collected.add(
        [
            Sample(1, "app:1", "db_client_connections", used, 50.0),
            Sample(1, "app:2", "db_client_connections", used, 14.0),
            Sample(1, "app:1", "db_client_connection_max", pool, 128.0),
            Sample(1, "app:1", "db_client_connection_pending_requests", pool, 321.0),
            Sample(1, "app:1", "tickets_granted_total", "{}", 1800.0),
        ]
    )
    return collected


def show(collector, *, terminal, width, failed=7):
    written = Terminal() if terminal else io.StringIO()
    drawn = {"TERM": "xterm"}
    console = Console(file=written, width=width, color_system=None, _environ=drawn)
    screen = Screen(console)
    screen.begin(PLAN, RunDirectory(Path("runs/one")))
    with screen:
        screen.phase("students take their places")
        screen.t0(2_000_000_000)
        for t_ns, requests in ((3_000_000_000, 100), (4_000_000_000, 4100)):
            line = status(t_ns, requests, ticket=1800, in_flight=200)
            line["outcomes"]["failed"] = failed
            screen.update(line, collector)
        screen.note("redis was killed by SIGKILL.")
    return written.getvalue()


@pytest.mark.parametrize("width", [80, 140])
def test_the_live_screen_shows_students_numbers_pools_and_losses(collector, width):
    shown = show(collector, terminal=True, width=width)
    for words in (
        "the sale is open",
        "ticket",
        "1,800",
        "in flight",
        "tickets left",
        "3,200",
        "1,234 ms",
        "Redis pools",
        "redis was killed by SIGKILL.",
    ):
        assert words in shown
    assert re.search(r"Redis pools +64 +128 +321", shown), "summed over the workers"
    assert max(map(len, shown.splitlines())) <= width + 10, "cursor codes aside, nothing wraps"


def test_plain_lines_say_the_same_where_there_is_no_terminal(collector):
    shown = show(collector, terminal=False, width=80)
    assert "ticket 1,800, in flight 200" in shown
    assert "tickets left 3,200" in shown
    assert "p99 1,234 ms, good p99 98 ms" in shown, "requests failed, so both are told"
    assert "redis was killed by SIGKILL." in shown
    assert "\x1b" not in shown


def test_while_nothing_fails_there_is_one_p99(collector):
    assert "good p99" not in show(collector, terminal=False, width=80, failed=0)


def test_a_plain_line_tells_what_failed_from_what_got_no_answer_and_says_whose_it_is(collector):
    shown = show(collector, terminal=False, width=80)
    assert re.search(r"in flight 200; requests: ended/s [\d,]+, p99 ", shown)
    assert "failed/no answer 7/0" in shown
