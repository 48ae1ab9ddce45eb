"""The server's own count of requests must equal the recorded ones, to the request."""

import dataclasses

import pandas as pd
import pytest

from dress_rehearsal.reports.evidence.reconciliation import Tally, tally
from tests.steps import PURCHASE

SMALL = {"students": 200, "tickets": 60}


def reconciled(evidence):
    return evidence.server_counts


@pytest.mark.parametrize("workers", [1, 3])
def test_a_healthy_run_agrees_to_the_request(evidence_of, workers):
    evidence = evidence_of(**SMALL, workers=workers)
    counts = reconciled(evidence)
    assert counts.impossible is None
    assert sum(tally.counted for tally in counts.tallies.values()) == len(evidence.requests)
    assert counts.problems == ()


@pytest.mark.parametrize(
    ("off", "words"), [(6, "6 reached it unrecorded"), (-1, "1 never reached it")]
)
def test_requests_too_many_or_a_single_one_too_few_are_seen(evidence_of, off, words):
    counts = reconciled(evidence_of(**SMALL, counter_off=off))
    assert len(counts.problems) == 1
    assert PURCHASE in counts.problems[0]
    assert words in counts.problems[0]
    assert counts.notes == ()


@pytest.mark.slow
@pytest.mark.parametrize("off", [1, 5])
def test_a_handful_by_others_is_told_and_decides_nothing(evidence_of, verdict_of, off):
    counts = reconciled(evidence_of(**SMALL, counter_off=off))
    assert counts.problems == ()
    (note,) = counts.notes
    assert f"{off} reached it unrecorded, as when somebody else opens the page." in note
    verdict = verdict_of(**SMALL, counter_off=off)
    assert verdict.verdict == "pass"
    assert note in verdict.notes


def test_of_many_requests_a_handful_is_a_thousandth():
    assert Tally(10_000, 0, 10_000, 10_010).handful
    assert not Tally(10_000, 0, 10_000, 10_011).handful
    assert not Tally(10_000, 0, 10_000, 10_000).handful
    assert not Tally(10_000, 0, 10_000, 9_999).handful


def test_requests_sent_twice_behind_the_recorders_back_are_seen(evidence_of):
    evidence = evidence_of(**SMALL)
    purchases = evidence.requests.index[evidence.requests["step"] == PURCHASE]
    fewer = dataclasses.replace(evidence, requests=evidence.requests.drop(purchases[5:11]))
    assert len(reconciled(fewer).problems) == 1


@pytest.mark.parametrize(
    ("recorded", "uncertain", "least", "counted", "difference"),
    [
        pytest.param(10, 0, 10, 10, 0, id="equal"),
        pytest.param(10, 3, 10, 13, 0, id="all that timed out were served"),
        pytest.param(10, 3, 10, 14, 1, id="one more than can have been"),
        pytest.param(10, 3, 10, 9, -1, id="one was never seen, timed out or not"),
        pytest.param(10, 0, 7, 8, 0, id="the counter was last read before the end"),
        pytest.param(10, 0, 7, 6, -1, id="… but after that one"),
    ],
)
def test_only_what_nobody_can_know_may_differ(recorded, uncertain, least, counted, difference):
    assert Tally(recorded, uncertain, least, counted).difference == difference


def test_unanswered_requests_may_or_may_not_have_been_served(evidence_of):
    counts = reconciled(evidence_of(**SMALL, unknown=4))
    assert counts.tallies[PURCHASE].uncertain == 4
    assert counts.problems == ()


@pytest.mark.parametrize(
    ("defects", "words"),
    [
        ({"worker_lost": True}, "app worker that was lost"),
        ({"without_metrics": ["http_server"]}, "never collected"),
        ({"plan": {"target": {"stage": "external", "url": "http://h"}}}, "nobody read"),
    ],
)
def test_where_it_cannot_be_compared_it_says_why(evidence_of, defects, words):
    counts = reconciled(evidence_of(**SMALL, **defects))
    assert counts.tallies == {}
    assert words in counts.impossible


def test_counts_from_before_the_run_are_not_the_runs(evidence_of):
    evidence = evidence_of(**SMALL)
    metrics = evidence.metrics.copy()
    logins = (metrics["name"] == "http_server_requests_total") & (
        metrics["labels"].astype(str).str.contains("/login")
    )
    # A counter that stood at 40 before the first arrival, in every sample of its source.
    source = metrics.loc[logins, "source"].iloc[0]
    first = metrics[metrics["source"] == source].iloc[[0]]
    early = metrics[logins & (metrics["source"] == source)].iloc[[0]]
    metrics.loc[logins & (metrics["source"] == source), "value"] += 40
    early = early.assign(t_ns=first["t_ns"].to_numpy(), value=40.0)
    metrics = pd.concat([early, metrics], ignore_index=True)
    assert reconciled(dataclasses.replace(evidence, metrics=metrics)).problems == ()


@pytest.mark.parametrize(
    ("error", "uncertain"),
    [("connect_refused", 0), ("no_free_port", 0), ("cut", 1), ("abandoned", 1), ("timeout", 1)],
)
def test_a_connection_never_made_is_no_request_that_may_have_arrived(evidence_of, error, uncertain):
    rows = evidence_of(**SMALL).requests.head(1).copy()
    rows["error"] = pd.Series([error], dtype="object")
    rows["status"] = 0
    assert rows["sent_ns"].notna().all()
    assert tally(rows, 0, 0).uncertain == uncertain


def test_without_any_request_what_the_conductor_asked_before_is_not_unrecorded(evidence_of):
    """A series may appear late: counted from 0 its whole height would seem unrecorded."""
    evidence = evidence_of(**SMALL)
    metrics = evidence.metrics
    logins = (metrics["name"] == "http_server_requests_total") & (
        metrics["labels"].astype(str).str.contains("/login")
    )
    others = metrics["name"].astype(str) != "http_server_requests_total"
    first_ns = metrics.loc[logins, "t_ns"].min()
    assert first_ns > metrics["t_ns"].min()
    preparing = metrics[others | logins].copy()
    preparing.loc[logins, "value"] = 40.0
    nobody = dataclasses.replace(evidence, requests=evidence.requests.head(0))
    assert reconciled(dataclasses.replace(nobody, metrics=preparing)).problems == ()
    assert reconciled(nobody).problems != (), "requests served and not recorded are still seen"
