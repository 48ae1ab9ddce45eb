"""Latency is what students felt, exactly; nothing slow may vanish from it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.reports.evidence.latency import (
    answers_by_step,
    at_least,
    latency_by_step,
    latency_interval,
    latency_spectrum,
    says_little,
    server_parts,
    system_ms,
    unanswered_by_step,
)
from dress_rehearsal.reports.schema import Latency
from tests.steps import BUNDLED, LOGIN, PURCHASE, STEPS, STREAM

MS = 1_000_000
SEED = 2026


def hand_made(healthy, rows):
    """Evidence with only these requests: (felt ms, late ms, outcome, status)."""
    base = healthy.requests[healthy.requests["step"] == LOGIN].iloc[[0] * len(rows)]
    base = base.reset_index(drop=True)
    felt, late, outcome, status = (list(column) for column in zip(*rows, strict=True))
    felt_ns = [None if ms is None else round(ms * MS) for ms in felt]
    base["done_ns"] = base["intended_ns"] + pd.array(felt_ns, dtype="Int64")
    base["sent_ns"] = base["intended_ns"] + pd.array(late, dtype="Int64") * MS
    base["outcome"] = pd.Categorical(outcome)
    base["status"] = pd.array(status, dtype="Int16")
    return dataclasses.replace(healthy, requests=base)


def test_percentiles_are_measured_values(healthy):
    rows = [(felt, 2, "ok", 200) for felt in range(1, 101)]
    latency = latency_by_step(hand_made(healthy, rows).latency, SEED, BUNDLED)[LOGIN]
    assert latency.model_dump() == {
        "count": 100,
        "given_up": 0,
        "given_up_least": None,
        "given_up_system_least": None,
        "failed": 0,
        "p50": 51.0,
        "p90": 91.0,
        "p99": 100.0,
        "p99_9": 100.0,
        "max": 100.0,
        "p99_low": None,  # of one student alone
        "p99_high": None,
        "good_p99": 100.0,
        "system_p99": 98.0,
    }


def test_a_late_generator_is_felt_but_is_not_the_systems(healthy):
    latency = latency_by_step(hand_made(healthy, [(1500, 1400, "ok", 200)]).latency, SEED, BUNDLED)[
        LOGIN
    ]
    assert (latency.max, latency.system_p99) == (1500.0, 100.0)


@pytest.mark.parametrize(
    ("row", "counts"),
    [
        pytest.param((5, 0, "refused", 409), True, id="sold out is an answer"),
        pytest.param((10_000, 0, "unknown", 0), True, id="a timeout took at least that long"),
        pytest.param((10_000, None, "failed", 0), True, id="so did a connection never made"),
        pytest.param((10_000, 0, "failed", 0), True, id="nor answered since its first packet"),
        pytest.param((1, None, "failed", 0), True, id="a refused connection, quick as it was"),
        pytest.param((8_000, 0, "failed", 503), True, id="a 503 was waited for"),
        pytest.param((None, 0, "ok", 200), False, id="no receive time, no latency"),
    ],
)
def test_what_counts_in_percentiles(healthy, row, counts):
    evidence = hand_made(healthy, [(3, 0, "ok", 200), row])
    assert latency_by_step(evidence.latency, SEED, BUNDLED)[LOGIN].count == 1 + counts


def test_failures_are_counted_apart(evidence_of):
    table = unanswered_by_step(
        evidence_of(students=200, tickets=60, failed=3, unknown=2).latency, BUNDLED
    )
    assert table.loc[PURCHASE].to_dict() == {"failed": 3, "unknown": 2, "abandoned": 0}
    assert table.drop(PURCHASE).to_numpy().sum() == 0
    assert list(table.index) == list(STEPS)


def test_answers_that_nobody_needed_any_more_are_told_from_answers_that_were_wanted(evidence_of):
    evidence = evidence_of(students=200, tickets=60, unknown=2)
    rows = evidence.requests.copy()
    rows["error"] = rows["error"].astype("object")
    rows.loc[rows.index[rows["outcome"] == "unknown"][0], "error"] = "abandoned"
    table = unanswered_by_step(dataclasses.replace(evidence, requests=rows).latency, BUNDLED)
    assert table.loc[PURCHASE].to_dict() == {"failed": 0, "unknown": 1, "abandoned": 1}


def test_every_step_is_there_even_without_requests(evidence_of):
    latency = latency_by_step(evidence_of(students=60, without=["requests"]).latency, SEED, BUNDLED)
    assert list(latency) == list(STEPS)
    assert latency[LOGIN].model_dump() == dict.fromkeys(Latency.model_fields) | {
        "count": 0,
        "failed": 0,
        "given_up": 0,
        "given_up_least": None,
        "given_up_system_least": None,
    }


def test_the_parts_of_a_latency_add_up_to_it(healthy):
    frame = healthy.latency
    assert np.allclose(frame["felt_ms"], frame["generator_ms"] + frame["system_ms"])


def test_nanoseconds_since_the_epoch_lose_nothing(healthy):
    rows = healthy.requests.copy()
    rows["done_ns"] = rows["intended_ns"] + 1
    exact = dataclasses.replace(healthy, requests=rows).latency
    assert set(exact["felt_ms"]) == {1e-6}


def test_a_slow_reader_is_part_of_no_latency(evidence_of):
    quick = latency_by_step(evidence_of(students=200, tickets=60).latency, SEED, BUNDLED)
    slow = latency_by_step(
        evidence_of(students=200, tickets=60, slow_reading_ms=900).latency, SEED, BUNDLED
    )
    assert quick == slow


def test_a_part_s_percentiles_are_those_of_the_requests_that_say_it(healthy):
    frame, requests = healthy.latency, healthy.requests
    half, most = server_parts(frame, requests, [50.0, 99.0])
    assert half["external_ms"].isna().all()
    for step in (PURCHASE, LOGIN):
        own = requests[(frame["counts"] & (frame["step"] == step)).to_numpy(dtype=bool)]
        said_ms = np.sort(own["app_us"].dropna().to_numpy("float64")) / 1e3
        assert 0 < len(said_ms) <= len(own)
        assert half.at[step, "app_ms"] == np.percentile(said_ms, 50, method="higher")
        assert most.at[step, "app_ms"] == np.percentile(said_ms, 99, method="higher")
    slower = requests.assign(app_us=requests["app_us"].where(frame["step"] != LOGIN, 700_000))
    (grown,) = server_parts(frame, slower, [99.0])
    assert grown.at[LOGIN, "app_ms"] == 700.0
    assert grown.at[PURCHASE, "app_ms"] == most.at[PURCHASE, "app_ms"]


def test_the_spectrum_ends_at_the_maximum(healthy):
    frame = healthy.latency
    spectrum = latency_spectrum(frame, PURCHASE)
    latency = latency_by_step(frame, SEED, BUNDLED)[PURCHASE]
    assert spectrum["felt_ms"].is_monotonic_increasing
    assert round(spectrum["felt_ms"].iloc[-1], 3) == latency.max
    assert latency_spectrum(frame, "GET /nowhere").empty


def test_a_connection_that_timed_out_is_the_systems_part(healthy):
    latency = latency_by_step(hand_made(healthy, [(10_000, 3, "failed", 0)]).latency, SEED, BUNDLED)
    assert latency[LOGIN].system_p99 == 9_997


@pytest.mark.parametrize(("field", "own"), [("p50", 51), ("p90", 91), ("p99", 100), ("max", 100)])
def test_the_systems_part_has_the_same_percentiles_as_the_whole(healthy, field, own):
    rows = [(felt + 500, 500, "ok", 200) for felt in range(1, 101)]
    frame = hand_made(healthy, rows).latency
    assert system_ms(frame, LOGIN, field) == own
    assert system_ms(frame, PURCHASE, field) is None
    assert system_ms(frame, LOGIN, "p99") == latency_by_step(frame, SEED, BUNDLED)[LOGIN].system_p99


def test_an_event_stream_is_answered_when_its_first_bytes_come(healthy):
    evidence = hand_made(healthy, [(9_000, 1, "ok", 200), (7_000, 1, "unknown", 0)])
    requests = evidence.requests
    requests["step"] = STREAM
    requests["first_byte_ns"] = pd.array([requests["intended_ns"][0] + 5 * MS, None], "Int64")
    frame = dataclasses.replace(evidence, requests=requests).latency
    assert frame["felt_ms"].tolist() == [5.0, 7_000.0]
    assert frame["system_ms"].tolist() == [4.0, 6_999.0]


def pooled_out(healthy, failed=210, purchases=292):
    """Evidence of purchases of which many got a 503 after 8 s: the pool had leaked away."""
    rng = np.random.default_rng(1)
    felt_ms = [*rng.integers(3, 98, purchases - failed - 1), 98.9]
    quick = [(float(ms), 0, "ok", 202) for ms in felt_ms]
    slow = [(float(ms), 0, "failed", 503) for ms in rng.integers(7_990, 8_030, failed)]
    evidence = hand_made(healthy, [*quick, *slow])
    requests = evidence.requests
    requests["step"] = PURCHASE
    requests["student"] = pd.array(range(purchases), "Int32")
    return evidence


def test_failures_after_8_s_are_a_p99_of_8_s_with_that_of_the_rest_beside_it(healthy):
    latency = latency_by_step(pooled_out(healthy).latency, SEED, BUNDLED)[PURCHASE]
    assert (latency.count, latency.failed) == (292, 210)
    assert 7_990 <= latency.p50 <= latency.p99 <= latency.max < 8_030
    assert 7_990 <= latency.p99_low <= latency.p99 <= latency.p99_high == latency.max
    assert latency.good_p99 == 98.9


def test_what_was_abandoned_is_in_no_number_of_a_step(healthy):
    evidence = pooled_out(healthy)
    evidence.requests["error"] = ["abandoned"] * 50 + [None] * 242
    latency = latency_by_step(evidence.latency, SEED, BUNDLED)[PURCHASE]
    answers = answers_by_step(evidence.latency, BUNDLED)[PURCHASE]
    assert (latency.count, latency.failed) == (242, 210)
    assert (answers.count, answers.failed, answers.failed_share) == (242, 210, 0.867769)


def test_answers_count_what_failed_and_what_never_came(evidence_of):
    evidence = evidence_of(students=200, tickets=60, failed=3, unknown=2)
    answers = answers_by_step(evidence.latency, BUNDLED)
    tries = int((evidence.requests["step"] == PURCHASE).sum())
    assert answers[PURCHASE].model_dump() == {
        "count": tries,
        "failed": 5,
        "failed_share": round(5 / tries, 6),
    }
    assert answers[LOGIN].failed_share == 0
    assert answers[STREAM].model_dump() == {"count": 0, "failed": 0, "failed_share": None}


@pytest.mark.parametrize(
    ("field", "count", "failed", "little"),
    [
        ("p99", 499, 0, True),
        ("p99", 500, 0, False),
        ("p99_9", 4_999, 0, True),
        ("p99_9", 5_000, 0, False),
        ("p50", 10, 0, False),
        ("p50", 9, 0, True),
        ("good_p99", 600, 101, True),
        ("max", 1, 0, False),
        ("p99", 0, 0, False),
    ],
)
def test_a_percentile_with_fewer_than_five_requests_beyond_it_says_little(
    field, count, failed, little
):
    empty = dict.fromkeys(Latency.model_fields)
    latency = Latency.model_validate({**empty, "count": count, "failed": failed, "given_up": 0})
    assert says_little(latency, field) is little


@pytest.mark.parametrize(
    ("field", "count", "given_up", "bound"),
    [
        ("p99", 1_000, 0, False),
        ("p99", 1_000, 9, False),
        ("p99", 1_000, 11, True),
        ("p50", 1_000, 490, False),
        ("p50", 1_000, 510, True),
        ("system_p99", 1_000, 11, True),
        ("max", 1_000, 1, True),
        ("good_p99", 1_000, 990, False),
        ("count", 1_000, 990, False),
    ],
)
def test_a_percentile_that_falls_among_what_was_given_up_is_a_lower_bound(
    field, count, given_up, bound
):
    empty = dict.fromkeys(Latency.model_fields)
    numbers = {"count": count, "failed": given_up, "given_up": given_up}
    assert at_least(Latency.model_validate({**empty, **numbers}), field) is bound


@pytest.mark.parametrize(("sent_least", "bound"), [(10.0, True), (None, False)])
def test_what_was_given_up_unsent_is_in_no_number_of_the_systems_part(sent_least, bound):
    numbers = {"count": 100, "failed": 5, "given_up": 5, "p99": 900.0, "system_p99": 800.0}
    least = {"given_up_least": 10.0, "given_up_system_least": sent_least}
    own = Latency.model_validate({**dict.fromkeys(Latency.model_fields), **numbers, **least})
    assert at_least(own, "p99")
    assert at_least(own, "system_p99") is bound


def test_only_what_was_waited_for_in_vain_is_given_up(evidence_of):
    evidence = evidence_of(students=200, tickets=60, failed=3, unknown=2)
    rows = evidence.requests.copy()
    silent = rows["outcome"] == "unknown"
    rows["error"] = rows["error"].astype("object").mask(silent, "timeout")
    counted = dataclasses.replace(evidence, requests=rows)
    bought = latency_by_step(counted.latency, SEED, BUNDLED)[PURCHASE]
    assert (bought.failed, bought.given_up) == (5, 2)
    healthy = latency_by_step(evidence_of().latency, SEED, BUNDLED)[PURCHASE]
    assert healthy.given_up == 0


def test_p99_of_the_verdict_has_the_interval_that_a_gate_is_given(healthy):
    latency = latency_by_step(healthy.latency, SEED, BUNDLED)[LOGIN]
    found = latency_interval(healthy.latency, LOGIN, "p99", SEED)
    assert found == (latency.p99_low, latency.p99_high)
    assert latency_interval(healthy.latency, LOGIN, "max", SEED) is None
    low, high = latency_interval(healthy.latency, LOGIN, "p50", SEED)
    assert low < latency.p50 < high
