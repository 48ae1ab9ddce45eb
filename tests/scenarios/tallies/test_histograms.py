"""The histograms of what is recorded: they count what the report's percentiles count."""

import numpy as np
import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.scenarios.tallies.histograms import (
    USUAL_EDGES_S,
    Histogram,
    Histograms,
    edges_of,
    steps_of,
)
from tests import steps
from tests.steps import BUNDLED

MS = 1_000_000
BUY = steps.STEPS.index("POST /events/{event}/tickets")
STREAM = steps.STEPS.index("GET /events/{event}/queue/stream")
OK, REFUSED, FAILED, UNKNOWN = range(4)


ERRORS = ["overloaded", "abandoned", "timeout"]


def columns(*rows, error=-1):
    """Columns of (step, outcome, sent, first byte, done) in ms after what was meant."""
    names = ("step", "outcome", "sent_ns", "first_byte_ns", "done_ns")
    found = {name: [] for name in (*names, "intended_ns", "error")}
    for row in rows:
        found["intended_ns"].append(10**18)
        found["error"].append(error)
        for name, value in zip(names, row, strict=True):
            at = name.endswith("_ns")
            found[name].append((-1 if value is None else 10**18 + value * MS) if at else value)
    return found


def counts(histograms, step):
    felt = histograms.document()["felt"].get(steps.STEPS[step])
    return 0 if felt is None else sum(felt["counts"])


def test_time_outs_have_a_narrow_bucket_of_their_own():
    plan = Plan.model_validate({"name": "short", "students": {"timeout": "7s"}})
    edges_s = Histograms(BUNDLED, edges_of(plan)).edges_s
    after = edges_s.index(7.0)
    assert edges_s[after + 1] == 7.25


def test_a_latency_is_in_the_first_bucket_that_it_does_not_exceed():
    histograms = Histograms(BUNDLED)
    histograms.add(columns((BUY, OK, 1, 400, 500), (BUY, OK, 1, 400, 501)))
    felt = histograms.document()["felt"]["POST /events/{event}/tickets"]
    edge = USUAL_EDGES_S.index(0.5)
    assert (felt["counts"][edge], felt["counts"][edge + 1]) == (1, 1)
    assert felt["sum_s"] == pytest.approx(1.001)


@pytest.mark.parametrize(
    ("row", "counted"),
    [
        pytest.param((BUY, REFUSED, 0, 1, 2), 1, id="refused is an answer"),
        pytest.param((BUY, UNKNOWN, 0, None, 10_000), 1, id="waited, and never answered"),
        pytest.param((BUY, FAILED, 0, 1, 2_000), 1, id="a 503 was waited for"),
        pytest.param((BUY, FAILED, 0, None, 10), 1, id="a refused connection, quick as it was"),
        pytest.param((BUY, OK, 0, 1, None), 0, id="no end, no latency"),
    ],
)
def test_what_counts(row, counted):
    histograms = Histograms(BUNDLED)
    histograms.add(columns(row))
    assert counts(histograms, BUY) == counted


@pytest.mark.parametrize(("errors", "counted"), [(ERRORS, 0), (["overloaded", "cut"], 1)])
def test_what_was_abandoned_does_not_count_whatever_its_words_place_is(errors, counted):
    histograms = Histograms(BUNDLED)
    histograms.add(columns((BUY, UNKNOWN, 0, None, 9_000), error=1), errors)
    assert counts(histograms, BUY) == counted


def test_a_stream_is_answered_with_its_first_byte():
    histograms = Histograms(BUNDLED)
    histograms.add(columns((STREAM, OK, 0, 7, 60_000)))
    felt = histograms.document()["felt"]["GET /events/{event}/queue/stream"]
    assert felt["sum_s"] == pytest.approx(0.007)


def test_late_starts_are_those_of_everything_that_was_sent():
    histograms = Histograms(BUNDLED)
    histograms.add(columns((BUY, OK, 3, 4, 5), (BUY, FAILED, None, None, 5)))
    late = histograms.document()["late"]
    assert sum(late["counts"]) == 1
    assert late["sum_s"] == pytest.approx(0.003)


def test_a_limit_gets_an_edge_of_its_own_and_shards_add_up():
    histograms = Histograms(BUNDLED, [0.3, 8.0])
    assert {*USUAL_EDGES_S, 0.3} == set(histograms.edges_s)
    for _ in range(3):
        histograms.add(columns((BUY, OK, 0, 1, 300)))
    felt = histograms.document()["felt"]["POST /events/{event}/tickets"]
    assert felt["counts"][histograms.edges_s.index(0.3)] == 3
    assert len(felt["counts"]) == len(histograms.edges_s) + 1


def test_an_empty_shard_is_nothing():
    histograms = Histograms(BUNDLED)
    histograms.add({name: np.array([], dtype=np.int64) for name in columns()})
    assert histograms.document()["felt"] == {}


def test_steps_that_students_may_take_are_there_from_the_start():
    plan = Plan(name="plain")
    plain = Histograms(BUNDLED, shown=steps_of(plan, BUNDLED)).document()["felt"]
    assert len(plain) == 6
    assert all(sum(felt["counts"]) == 0 for felt in plain.values())
    room = plan.model_copy(update={"app": plan.app.model_copy(update={"waiting_room": "sse"})})
    assert set(steps_of(room, BUNDLED)) - set(plain) == {
        "POST /events/{event}/queue",
        "GET /events/{event}/queue",
        "GET /events/{event}/queue/stream",
    }


def test_they_can_be_told_while_another_thread_counts_a_step_that_is_met_first(monkeypatch):
    histograms, told = Histograms(BUNDLED), Histogram.document
    histograms.add(columns((BUY, OK, 0, 1, 2)))

    def amid(histogram):
        histograms.add(columns((STREAM, OK, 0, 1, 2)))
        return told(histogram)

    with monkeypatch.context() as patched:
        patched.setattr(Histogram, "document", amid)
        assert set(histograms.document()["felt"]) == {steps.STEPS[BUY]}
    assert set(histograms.document()["felt"]) == {steps.STEPS[BUY], steps.STEPS[STREAM]}
