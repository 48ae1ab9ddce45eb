"""Whether the app answered again once a fault was over is told where requests came after it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.tables import OUTCOMES
from dress_rehearsal.reports.checklist.recovery import outages, switches_tried

SMALL = {"students": 200, "tickets": 60}
PAUSE = "pause redis"


@pytest.fixture
def after_a_fault(evidence_of):
    """Return what is said of a fault from T-0 + 1 s to + 2 s, with failures of one's own.

    `failing(since_s)` says of moments in seconds from T-0 which requests failed.
    """

    def build(failing, *, until_s=2.0, error=None):
        evidence = evidence_of(**SMALL)
        rows = evidence.requests.drop(columns="role")
        sent_s = np.linspace(0, 12, len(rows))
        sent_ns = pd.array(evidence.t0_ns + (sent_s * 1e9).astype("int64"), dtype="Int64")
        bad = failing(sent_s)
        outcome = pd.Categorical(np.where(bad, "failed", "ok"), categories=OUTCOMES)
        rows = rows.assign(sent_ns=sent_ns, done_ns=sent_ns + 10**6, outcome=outcome)
        detail = {"on": True} | ({} if error is None else {"error": error})
        events = [_event(evidence, 1.0, detail)]
        if until_s is not None:
            events.append(_event(evidence, until_s, {"on": False}))
        changed = dataclasses.replace(evidence, requests=rows, events=(*evidence.events, *events))
        return list(switches_tried(changed))

    return build


def _event(evidence, at_s, detail):
    return TimelineEvent(evidence.t0_ns + round(at_s * 1e9), "fault", PAUSE, detail)


@pytest.mark.slow
def test_where_it_answers_again_at_once_that_is_said(after_a_fault):
    (found,) = after_a_fault(lambda sent_s: (sent_s > 1) & (sent_s < 2))
    assert (found.fault, found.recovered) == ("pause (Redis)", "yes")
    assert found.says.startswith("at once: of ")


def test_where_it_takes_a_while_it_is_told_how_long(after_a_fault):
    (found,) = after_a_fault(lambda sent_s: (sent_s > 1) & (sent_s < 5))
    assert found.recovered == "yes"
    assert found.says.startswith("within 3 s: ") or found.says.startswith("within 2.9 s: ")


def test_where_it_goes_on_failing_it_is_not_seen_to_recover(after_a_fault):
    (found,) = after_a_fault(lambda sent_s: (sent_s > 1) & (np.arange(len(sent_s)) % 3 == 0))
    assert found.recovered == "no"
    assert "after it was over failed" in found.says


def test_an_outage_is_not_hidden_by_all_that_came_after_it():
    moments = np.arange(100_000) / 1_000
    failed = np.zeros(len(moments), dtype=bool)
    failed[:900] = True  # 0.9% of all, and all of the first 0.9 s
    down = outages(moments, failed)
    assert down[:890].all()
    assert not down[900:].any()


def test_failures_that_are_rare_and_scattered_are_no_outage():
    chance = np.random.default_rng(5)
    for each_s in (0.001, 0.02, 1.0):
        moments = np.arange(20_000) * each_s
        assert not outages(moments, chance.random(len(moments)) < 0.005).any()


def test_a_short_outage_is_told_with_when_it_was_over(after_a_fault):
    def failing(sent_s):
        return (sent_s > 2) & (np.cumsum(sent_s >= 2) <= 6)  # of hundreds six, one after the other

    (found,) = after_a_fault(failing)
    assert found.recovered == "yes"
    assert found.says.startswith("within ")


@pytest.mark.parametrize(
    ("until_s", "says"),
    [(None, "it lasted to the end"), (11.99, "came after it was over"), (15.0, "no request came")],
)
def test_where_nothing_came_after_it_nothing_is_said(after_a_fault, until_s, says):
    (found,) = after_a_fault(lambda sent_s: sent_s < 0, until_s=until_s)
    assert found.recovered == "not known"
    assert says in found.says


def test_a_fault_that_could_not_be_done_was_not_flipped(after_a_fault):
    (found,) = after_a_fault(lambda sent_s: sent_s < 0, error="no such process", until_s=None)
    assert (found.recovered, found.says) == ("not known", "not flipped: no such process")


def test_a_healthy_run_without_faults_has_none(healthy):
    assert list(switches_tried(healthy)) == []
