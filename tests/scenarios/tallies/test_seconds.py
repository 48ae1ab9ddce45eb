"""Seconds: each whole second's arrivals, requests and latencies, also of what is read late."""

import numpy as np
import pytest

from dress_rehearsal.records import tables
from dress_rehearsal.records.steps import STREAM
from dress_rehearsal.records.tables import NS_PER_S as NS
from dress_rehearsal.scenarios.tallies.seconds import COLUMNS, Seconds
from tests import steps
from tests.steps import BUNDLED

BUY = steps.STEPS.index("POST /events/{event}/tickets")
LOGIN = steps.STEPS.index("POST /login")
OK, REFUSED, FAILED, UNKNOWN = range(4)
T = 1_780_000_000
NOTHING = dict.fromkeys((*tables.OUTCOMES, tables.ABANDONED), 0)


def end(seconds, *rows, abandoned=False):
    """Count rows of (second it ended in, latency in s, step, outcome)."""
    columns = {name: np.full(len(rows), -1, dtype=np.int64) for name in COLUMNS}
    for position, (ended_s, felt_s, step, outcome) in enumerate(rows):
        done_ns = round(ended_s * NS)
        columns["done_ns"][position] = columns["first_byte_ns"][position] = done_ns
        columns["intended_ns"][position] = done_ns - round(felt_s * NS)
        columns["step"][position], columns["outcome"][position] = step, outcome
        columns["status"][position] = 200
    streams = BUNDLED.are(columns["step"], STREAM)
    seconds.ended(columns, streams, np.full(len(rows), abandoned))


def test_a_second_has_what_was_sent_and_what_ended_in_it():
    seconds = Seconds(BUNDLED)
    seconds.sent(np.array([T * NS, T * NS + NS - 1, T * NS + NS]))
    seconds.arrived([T * NS + 5])
    end(
        seconds, (T + 0.5, 0.25, BUY, OK), (T + 0.999, 0.1, BUY, REFUSED), (T + 1, 3, LOGIN, FAILED)
    )
    end(seconds, (T + 0.75, 2, BUY, UNKNOWN), abandoned=True)
    first, second = seconds.tell((T + 2) * NS)
    assert (first["at_s"], second["at_s"]) == (T, T + 1)
    assert (first["arrivals"], first["sent"]) == (1, 2)
    assert first["answers"] == NOTHING | {"ok": 1, "refused": 1, "abandoned": 1}
    assert (second["arrivals"], second["sent"]) == (0, 1)
    assert second["answers"] == NOTHING | {"failed": 1}


def test_the_p99_of_a_step_is_a_latency_that_was_measured_by_the_report_s_rule():
    seconds = Seconds(BUNDLED)
    rng = np.random.default_rng(7)
    felt_s = rng.exponential(1, 500).round(6)
    for half in (felt_s[:250], felt_s[250:]):
        end(seconds, *((T + 0.5, felt, BUY, OK) for felt in half))
    end(seconds, (T + 0.25, 0.125, LOGIN, OK))
    (told,) = seconds.tell((T + 1) * NS)
    assert told["felt_p99_s"]["POST /login"] == 0.125
    p99 = told["felt_p99_s"]["POST /events/{event}/tickets"]
    assert p99 == pytest.approx(np.percentile(felt_s, 99, method="higher"), abs=1e-9)


def test_a_second_is_told_once_and_also_when_nothing_happened():
    seconds = Seconds(BUNDLED)
    assert seconds.tell(T * NS) == []
    assert seconds.tell(T * NS + NS - 1) == []
    told = seconds.tell((T + 3) * NS)
    assert [second["at_s"] for second in told] == [T, T + 1, T + 2]
    assert all(second["sent"] == 0 and second["answers"] == NOTHING for second in told)
    assert seconds.tell((T + 3) * NS) == []


def test_a_second_that_is_not_over_is_not_told():
    seconds = Seconds(BUNDLED)
    seconds.tell(T * NS)
    seconds.sent(np.array([T * NS + 1]))
    assert seconds.tell(T * NS + 2) == []
    (told,) = seconds.tell((T + 1) * NS)
    assert told["sent"] == 1


def test_an_answer_that_is_read_late_counts_in_the_second_it_came_in():
    seconds = Seconds(BUNDLED)
    seconds.tell(T * NS)
    end(seconds, (T + 0.5, 0.1, BUY, OK))
    (first,) = seconds.tell((T + 1) * NS)
    end(seconds, (T + 0.75, 0.3, BUY, OK), (T + 1.25, 0.1, BUY, OK))
    again, second = seconds.tell((T + 2) * NS)
    assert (first["answers"]["ok"], again["answers"]["ok"], second["answers"]["ok"]) == (1, 2, 1)
    assert again["felt_p99_s"]["POST /events/{event}/tickets"] == pytest.approx(0.3)


def test_what_has_not_ended_is_in_no_second():
    seconds = Seconds(BUNDLED)
    seconds.tell(T * NS)
    end(seconds, (-1 / NS, 2, BUY, UNKNOWN))
    (told,) = seconds.tell((T + 1) * NS)
    assert (told["answers"], told["felt_p99_s"]) == (NOTHING, {})


def test_seconds_of_long_ago_are_forgotten_and_a_clock_that_jumps_floods_nobody():
    seconds = Seconds(BUNDLED)
    seconds.tell(T * NS)
    seconds.sent(np.array([T * NS]))
    seconds.sent(np.array([(T + 3600) * NS]))
    end(seconds, (T + 0.5, 0.1, BUY, OK))
    told = seconds.tell((T + 3601) * NS)
    assert len(told) < 30
    assert sum(second["sent"] for second in told) == 1
    assert all(second["answers"] == NOTHING for second in told)
