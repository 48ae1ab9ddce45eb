"""The cause is where the slowest tenth lost their time, and nothing where nobody lost any."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.reports.cause import decomposition
from dress_rehearsal.reports.cause.decomposition import PARTS, decompose
from dress_rehearsal.reports.cause.load import Level, read_load
from dress_rehearsal.reports.cause.resource import RESOURCES
from dress_rehearsal.reports.pools import find_pools, run_grid
from dress_rehearsal.reports.words import resource_words
from tests.reports.cause.altered_runs import (
    SECOND,
    SMALL,
    TIMES,
    cause_of,
    measured,
    slowed,
)
from tests.steps import PURCHASE

pytestmark = pytest.mark.slow


def test_a_healthy_run_has_no_cause_but_a_number(evidence_of):
    finding = cause_of(evidence_of(**SMALL))
    assert finding.bottleneck is None
    assert finding.cause.startswith("Cause of slowness: none; 1% of purchases waited ")


def test_of_purchases_before_the_rush_alone_it_is_not_said_that_nothing_is_known(evidence_of):
    evidence = evidence_of(**SMALL)
    requests = evidence.requests.copy()
    bought = requests["step"] == PURCHASE
    for name in ("intended_ns", "sent_ns", *TIMES):
        requests.loc[bought, name] -= 60 * SECOND
    early = requests.sort_values("intended_ns", kind="stable", ignore_index=True)
    assert cause_of(dataclasses.replace(evidence, requests=early)).cause == (
        "Cause of slowness: not known, for of no purchase from T-0 − 1 s on it is known how long "
        "it took."
    )


def test_a_few_slow_purchases_are_told_and_no_cause_is_made_of_them(evidence_of):
    evidence = evidence_of(**SMALL)
    requests = evidence.requests.copy()
    last = requests.index[requests["step"] == PURCHASE][-4:]
    requests.loc[last, ["done_ns", "read_ns"]] += 2 * SECOND
    finding = cause_of(dataclasses.replace(evidence, requests=requests))
    assert finding.bottleneck is None
    assert "none; only 4 purchases took 400 ms or longer, too few to tell" in finding.cause


@pytest.mark.parametrize(
    ("parts_ms", "pool", "resource"),
    [
        pytest.param({"own": 400}, None, "app_code", id="the app's own code"),
        pytest.param({"db": 400}, None, "database", id="PostgreSQL"),
        pytest.param({"redis": 400}, None, "redis_server", id="Redis"),
        pytest.param({"redis_connect": 400}, None, "redis_connect", id="the way to Redis"),
        pytest.param({"db_connect": 400}, None, "postgres_connect", id="the way to PostgreSQL"),
        pytest.param({"external": 400}, None, "external", id="a neighbour"),
        pytest.param({"pool": 400}, "redis", "redis", id="waiting for Redis' pool"),
        pytest.param({"pool": 400}, "postgres", "postgres", id="waiting for PostgreSQL's pool"),
        pytest.param({"queue": 400}, None, "app_queue", id="waiting in front of the app"),
        pytest.param({"way": 400}, None, "network", id="in none of the app's parts"),
        pytest.param({"db": 300, "own": 310}, None, "app_code", id="the larger of two"),
    ],
)
def test_the_largest_part_of_what_was_lost_is_the_bottleneck(evidence_of, parts_ms, pool, resource):
    finding = cause_of(slowed(evidence_of(**SMALL), waited_for=pool, **parts_ms))
    assert finding.bottleneck.resource == resource
    assert finding.bottleneck.step == PURCHASE
    assert finding.bottleneck.certainty > 0.9
    assert -1 <= finding.bottleneck.since_s <= 1
    assert finding.bottleneck.lost_ms == pytest.approx(max(parts_ms.values()), rel=0.25)
    assert resource_words(resource) in finding.cause


def test_every_word_of_a_cause_has_words_for_people():
    assert all(resource_words(name) != name for name in (*RESOURCES, *PARTS))


def test_the_parts_add_up_to_what_was_felt(evidence_of):
    evidence = slowed(
        evidence_of(**SMALL, unknown=4, failed=3, generator_late_ms=80),
        waited_for="postgres",
        db=120,
    )
    load = read_load(evidence, run_grid(evidence))
    chosen = (evidence.latency["felt_ms"].notna()).to_numpy(dtype=bool)
    rows = decompose(evidence, load, chosen)
    assert rows[list(PARTS)].sum(axis="columns").to_numpy() == pytest.approx(
        rows["felt_ms"].to_numpy(), abs=0.01
    )
    assert (rows[list(PARTS)] >= -1e-9).all(axis=None)


def test_the_parts_are_the_same_however_many_are_decomposed_at_a_time(evidence_of, monkeypatch):
    evidence = slowed(evidence_of(**SMALL, failed=3), waited_for="postgres", db=120)
    load = read_load(evidence, run_grid(evidence))
    chosen = np.arange(len(evidence.requests)) % 3 > 0
    whole = decompose(evidence, load, chosen)
    monkeypatch.setattr(decomposition, "AT_ONCE", 50)
    pd.testing.assert_frame_equal(decompose(evidence, load, chosen), whole)
    two = ["database", "felt_ms"]
    pd.testing.assert_frame_equal(decompose(evidence, load, chosen, two), whole[two])


def test_a_stumble_of_milliseconds_is_no_bottleneck(evidence_of):
    assert cause_of(slowed(evidence_of(**SMALL), own=100)).bottleneck is None


def test_what_was_slow_before_the_last_second_is_no_bottleneck(evidence_of):
    evidence = evidence_of(**SMALL)
    early = dataclasses.replace(evidence, t0_ns=evidence.t0_ns + 60 * SECOND)
    assert cause_of(slowed(early, own=900)).bottleneck is None


def test_a_slow_route_is_found_where_buying_was_fast(evidence_of):
    finding = cause_of(slowed(evidence_of(**SMALL), step="POST /login", own=700))
    assert (finding.bottleneck.resource, finding.bottleneck.step) == ("app_code", "POST /login")
    assert "POST /login" in finding.cause


def test_waiting_for_those_who_wait_for_a_lock_is_waiting_for_the_lock(evidence_of):
    evidence = slowed(evidence_of(**SMALL), waited_for="postgres", db=400)
    evidence = measured(evidence, "db_client_connections", 10, pool="postgres", state="used")
    locked = measured(evidence, "pg_lock_waiting", 19)
    assert cause_of(evidence).bottleneck.resource == "database"
    assert cause_of(locked).bottleneck.resource == "lock_wait"
    waiting = slowed(locked, waited_for="postgres", pool=900)
    assert cause_of(waiting).bottleneck.resource == "lock_wait"


def test_one_slow_request_is_bad_luck(evidence_of):
    evidence = evidence_of(**SMALL)
    slow = slowed(evidence, own=900)
    few = (evidence.requests["student"] < 2).to_numpy(dtype=bool)
    requests = slow.requests.where(pd.Series(few), evidence.requests).astype(
        evidence.requests.dtypes
    )
    assert cause_of(dataclasses.replace(evidence, requests=requests)).bottleneck is None


def test_where_answers_failed_fast_the_failure_is_named(evidence_of):
    finding = cause_of(evidence_of(**SMALL, failed=30))
    assert finding.bottleneck is None
    assert finding.cause.startswith("Cause of failures: most of them overloaded: 30 of 2")


def test_failures_are_in_the_line_with_what_they_took(evidence_of):
    evidence = evidence_of(**SMALL, failed=30)
    late = slowed(evidence, waited_for="postgres", pool=8000)
    assert "30 of " in cause_of(late).cause
    assert "failed, in the median after 8" in cause_of(late).cause
    requests = late.requests.astype({"outcome": "object"})
    requests.loc[requests["outcome"] == "failed", "outcome"] = "unknown"
    unheard = cause_of(dataclasses.replace(late, requests=requests)).cause
    assert "got no answer, in the median after 8" in unheard
    assert "failed" not in unheard


def test_what_a_part_took_is_told_of_those_who_waited_for_it(evidence_of):
    evidence = evidence_of(**SMALL)
    mixed = slowed(evidence, own=900)
    connected = slowed(evidence, redis_connect=2000)
    few = (evidence.requests["student"] % 25 == 0).to_numpy(dtype=bool)
    requests = mixed.requests.where(~pd.Series(few), connected.requests)
    finding = cause_of(
        dataclasses.replace(evidence, requests=requests.astype(evidence.requests.dtypes))
    )
    assert finding.bottleneck.resource == "redis_connect"
    assert "Redis was there, 2,000 ms in the median" in finding.bottleneck.evidence


def test_a_leak_is_told_with_its_connections(evidence_of):
    evidence = slowed(evidence_of(**SMALL, leak=2), waited_for="postgres", pool=900)
    assert cause_of(evidence).cause.startswith(
        "Cause of slowness: the PostgreSQL pool leaked 2 of 20 connections; 1% of requests "
        "to buy took "
    )


def test_without_metrics_or_a_t0_the_cause_is_not_known(evidence_of):
    for evidence in (evidence_of(**SMALL, no_t0=True), evidence_of(**SMALL, without=["metrics"])):
        assert cause_of(evidence).bottleneck is None
        assert cause_of(evidence).cause.startswith("Cause of slowness: not known")


def test_where_nobody_collected_no_cause_is_named_and_no_pool_is_healthy(evidence_of):
    everything = ("kernel", "processes", "app", "postgres", "redis")
    silent = tuple((source, 0.2, 4.0) for source in everything)
    evidence = slowed(evidence_of(**SMALL, silent=silent), own=900)
    finding = cause_of(evidence)
    assert finding.bottleneck is None
    assert finding.cause.startswith(
        "Cause of slowness: not decided, for nothing was measured from T-0"
    )
    diagnoses = {found.pool.name: found.pool.diagnosis for found in find_pools(evidence)}
    unknown = {name for name, diagnosis in diagnoses.items() if diagnosis == "not_measured"}
    assert unknown >= {"postgres", "redis", "cpu", "app_loop", "accept_queue"}
    assert diagnoses["generator_loop"] == "healthy"


@pytest.mark.parametrize("students", [1, 4])
def test_where_hardly_anybody_buys_and_all_of_them_wait_there_is_a_cause(evidence_of, students):
    few = evidence_of(students=students, tickets=1)
    assert cause_of(slowed(few, own=900)).bottleneck.resource == "app_code"
    assert cause_of(few).bottleneck is None


def test_what_slows_one_route_is_named_with_it_and_what_slows_all_is_not(evidence_of):
    evidence = evidence_of(**SMALL)
    assert (
        f"the app's own code in both workers at {PURCHASE} alone"
        in cause_of(slowed(evidence, own=600)).cause
    )
    every = evidence
    for step in evidence.requests["step"].unique():
        every = slowed(every, step=str(step), own=600)
    line = cause_of(every).cause
    assert "alone" not in line
    assert re.search(r" at (both|all \d+) routes", line), line


def test_waiting_for_those_who_still_connect_is_connecting(evidence_of):
    evidence = slowed(evidence_of(**SMALL), waited_for="redis", pool=400)
    load = read_load(evidence, run_grid(evidence))
    chosen = (evidence.requests["step"] == PURCHASE).to_numpy(dtype=bool)
    known = load.pools["redis"]
    all_connect = Level(load.grid_ns, np.ones(len(load.grid_ns)))
    pools = {**load.pools, "redis": dataclasses.replace(known, connecting=all_connect)}
    lost = decompose(evidence, dataclasses.replace(load, pools=pools), chosen).mean(
        numeric_only=True
    )
    assert lost["redis_connect"] > 300
    assert decompose(evidence, load, chosen)["redis_connect"].sum() == 0


def test_what_was_only_sent_late_elsewhere_is_no_bottleneck(evidence_of):
    evidence = evidence_of(**SMALL)
    requests = evidence.requests.copy()
    views = requests.index[requests["step"] == "GET /tickets/{ticket}"][:9]
    assert len(views) == 9
    requests.loc[views, "intended_ns"] -= 2 * SECOND
    late = dataclasses.replace(evidence, requests=requests)
    assert cause_of(late).bottleneck is None
    for name in TIMES:
        requests.loc[views, name] += 2 * SECOND
    slow = cause_of(dataclasses.replace(evidence, requests=requests))
    assert slow.bottleneck.step == "GET /tickets/{ticket}"
