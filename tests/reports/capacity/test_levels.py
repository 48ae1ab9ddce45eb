"""A level is a stretch of one load in which throughput and what is under way are steady."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.plans import Plan, read_plan
from dress_rehearsal.reports.capacity.levels import has_trend, levels_of, stretches

SMALL = {"students": 60, "tickets": 20}
RATES = {
    "schedule": {"lead": "2s", "sale": "52s"},
    "students": {
        "late": "100%",
        "late_rates": [1, 2],
        "late_over": "40s",
        "outsiders": "0%",
        "double_clickers": "0%",
        "multi_device": "0%",
    },
}


def answering(evidence, per_s, took_s, *, until_s=40.0):
    """Return evidence of requests that come evenly, and take as long as told: by their moment."""
    sent_s = np.arange(0, until_s, 1 / per_s)
    plan = Plan.model_validate({"name": "rates", "event": {"students": 60, "tickets": 20}, **RATES})
    t0_ns = evidence.t0_ns
    requests = evidence.requests.iloc[np.arange(len(sent_s)) % len(evidence.requests)].copy()
    requests = requests.reset_index(drop=True)
    sent_ns = pd.array(t0_ns + (sent_s * 1e9).astype("int64"), dtype="Int64")
    took_ns = (np.vectorize(took_s)(sent_s) * 1e9).astype("int64")
    requests = requests.assign(
        intended_ns=sent_ns, sent_ns=sent_ns, done_ns=sent_ns + took_ns, read_ns=sent_ns + took_ns
    )
    ok = pd.Categorical(["ok"] * len(requests), categories=requests["outcome"].cat.categories)
    requests = requests.assign(outcome=ok).drop(columns="role")
    return dataclasses.replace(evidence, plan=plan, requests=requests)


def test_a_rush_at_one_instant_has_no_level(healthy):
    assert levels_of(healthy) == ((), 0)
    assert list(stretches(read_plan(Path("festival")))) == []


def test_rates_make_a_stretch_each():
    assert list(stretches(read_plan(Path("steps")))) == [
        (10.0 * n, 10.0 * n + 10) for n in range(6)
    ]


def test_a_locust_file_has_one_from_when_all_its_users_are_there(tmp_path):
    file = tmp_path / "locustfile.py"
    file.write_text("import locust\n")
    document = {
        "name": "closed",
        "scenario": {"file": str(file)},
        "target": {"stage": "external", "url": "http://127.0.0.1:8000"},
        "load": {"users": 20, "spawn_rate": 10, "run_time": "30s"},
    }
    assert list(stretches(Plan.model_validate(document))) == [(2.0, 30.0)]


def test_of_steady_answers_the_level_is_told(evidence_of):
    evidence = answering(evidence_of(**SMALL), per_s=50, took_s=lambda at_s: 0.2)
    found = levels_of(evidence)
    assert found.not_steady == 0
    assert len(found.steady) == 2
    for level in found.steady:
        assert level.answers_per_s == pytest.approx(50, rel=0.02)
        assert level.in_flight == pytest.approx(50 * 0.2, rel=0.02), "Little's law"


def test_where_more_comes_than_is_answered_there_is_no_level(evidence_of):
    queueing = answering(evidence_of(**SMALL), per_s=50, took_s=lambda at_s: 0.2 + at_s / 4)
    assert levels_of(queueing) == ((), 2)


def test_what_was_never_answered_is_under_way_for_ever(evidence_of):
    evidence = answering(evidence_of(**SMALL), per_s=20, took_s=lambda at_s: 0.1)
    gone = evidence.requests["done_ns"].mask(evidence.requests.index % 4 == 0)
    read = evidence.requests["read_ns"].mask(evidence.requests.index % 4 == 0)
    requests = evidence.requests.assign(done_ns=gone, read_ns=read).drop(columns="role")
    assert levels_of(dataclasses.replace(evidence, requests=requests)).steady == ()


def test_a_trend_is_more_than_chance():
    rng = np.random.default_rng(3)
    chance = [has_trend(rng.poisson(20, 8).astype(float)) for _ in range(400)]
    assert sum(chance) / len(chance) < 0.08
    assert has_trend(np.arange(10.0) + 20)
    assert not has_trend(np.full(10, 20.0))
    assert not has_trend(100 + np.arange(10.0) / 2), "less than a tenth"
