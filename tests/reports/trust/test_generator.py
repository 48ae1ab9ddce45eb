"""The generator is judged as strictly as the target: a late one decides nothing."""

import dataclasses

import pandas as pd
import pytest

from dress_rehearsal.records.tables import NO_FREE_PORT
from dress_rehearsal.reports.trust.generator import judge_generator

SMALL = {"students": 200, "tickets": 60}


@pytest.fixture
def judged(evidence_of):
    def judge(**arguments):
        return judge_generator(evidence_of(**{**SMALL, **arguments}))

    return judge


def sentences(found):
    return [doubt.sentence for doubt in found.doubts]


def test_a_prompt_generator_limits_nothing(judged):
    found = judged()
    assert found.doubts == ()
    assert not found.generator.limited
    assert found.generator.late_start_p99_ms < 5
    assert found.generator.release_skew_ms < 5
    assert found.generator.read_lag_p99_ms < 5
    assert found.generator.timely_share == 1


@pytest.mark.parametrize(
    ("late_ms", "allowed", "limited"),
    [
        pytest.param(1500, "1s", True, id="later than the plan allows"),
        pytest.param(1500, "2s", False, id="late, but the plan allows it"),
        pytest.param(200, "1s", False, id="a little late"),
    ],
)
def test_lateness_is_held_against_the_plan(judged, late_ms, allowed, limited):
    plan = {"generator": {"max_late_start": allowed, "timely": allowed}}
    found = judged(generator_late_ms=late_ms, plan=plan)
    assert found.generator.limited == limited
    assert found.generator.release_skew_ms > late_ms
    assert [doubt.word for doubt in found.doubts] == ["late_sends", "late_sends"] * limited


@pytest.mark.parametrize(
    ("late_ms", "plan", "within", "limited"),
    [
        pytest.param(250, {}, "100 ms", True, id="half a second lets much through a spread of 0.4"),
        pytest.param(80, {}, "100ms", False, id="within a quarter of the spread"),
        pytest.param(80, {"students": {"click_spread": "80ms"}}, "100ms", False, id="100 ms least"),
        pytest.param(250, {"students": {"click_spread": "2s"}}, "500ms", False, id="a wide spread"),
        pytest.param(80, {"generator": {"timely": "50ms"}}, "50 ms", True, id="the plan's own"),
    ],
)
def test_purchases_around_t0_are_sent_in_time_or_decide_nothing(
    judged, late_ms, plan, within, limited
):
    found = judged(generator_late_ms=late_ms, plan=plan)
    assert found.generator.limited == limited
    assert (found.generator.timely_share < 0.99) == limited
    if limited:
        (sentence,) = sentences(found)
        assert f"more than {within} late, the latest by" in sentence


def test_reading_late_is_reported_but_does_not_limit(judged):
    found = judged(slow_reading_ms=900)
    assert found.generator.read_lag_p99_ms > 900
    assert not found.generator.limited


def test_cpu_is_measured_over_a_second_not_a_tick(judged):
    assert judged().generator.cpu_peak == pytest.approx(0.6)


def test_cpu_of_processes_is_unknown_where_it_was_not_read(judged):
    assert judged(without_metrics=["process_cpu"]).generator.cpu_peak is None


def test_answers_without_a_receive_time_are_said(judged):
    assert "no kernel receive time" in sentences(judged(no_timestamps=True))[0]


def test_a_run_without_requests_is_said(judged):
    found = judged(without=["requests"])
    assert sentences(found) == ["No request was recorded."]
    assert found.generator.timely_share is None


def test_connections_without_a_local_port_are_this_machines_lack(evidence_of):
    evidence = evidence_of(**SMALL)
    requests = evidence.requests.copy()
    requests["error"] = requests["error"].astype("object")
    requests.loc[:2, "error"] = NO_FREE_PORT
    (doubt,) = judge_generator(dataclasses.replace(evidence, requests=requests)).doubts
    assert doubt.word == "ports"
    assert "no local port left for 3 connections" in doubt.sentence


@pytest.mark.parametrize(
    ("url", "span", "words"),
    [
        pytest.param("http://10.0.0.7", [32768, 33068], ["ports"], id="over half of them"),
        pytest.param("http://10.0.0.7", [32768, 60999], [], id="few of them"),
        pytest.param("http://127.0.0.1", [32768, 33068], [], id="loopback has many addresses"),
    ],
)
def test_half_of_the_local_ports_is_what_there_is_elsewhere(evidence_of, url, span, words):
    evidence = evidence_of(**SMALL, plan={"target": {"stage": "external", "url": url}})
    assert 150 < evidence.samples.named("generator_connections")["value"].max() <= 200
    narrow = dataclasses.replace(evidence, environment={"ip_local_port_range": span})
    assert [doubt.word for doubt in judge_generator(narrow).doubts] == words


@pytest.mark.parametrize("generators", [1, 2])
def test_the_connections_of_several_generators_take_the_ports_of_one_machine(
    evidence_of, generators
):
    plan = {"target": {"stage": "external", "url": "http://10.0.0.7"}}
    evidence = evidence_of(**SMALL, plan=plan)
    held = evidence.metrics["name"] == "generator_connections"
    rows = evidence.metrics[held.to_numpy(dtype=bool)]
    each = [
        rows.assign(labels=f'{{"generator":"{number}"}}', t_ns=rows["t_ns"] + number * 1_000_000)
        for number in range(generators)
    ]
    metrics = pd.concat([evidence.metrics[~held.to_numpy(dtype=bool)], *each], ignore_index=True)
    metrics["labels"] = metrics["labels"].astype("category")
    metrics["source"] = metrics["source"].astype("category")
    metrics = metrics.sort_values("t_ns", kind="stable", ignore_index=True)
    # One alone holds 200 of the 500 ports: less than half of them.
    machine = {"ip_local_port_range": [32768, 33267]}
    several = dataclasses.replace(evidence, metrics=metrics, environment=machine)
    words = [doubt.word for doubt in judge_generator(several).doubts]
    assert words == (["ports"] if generators > 1 else [])
