"""A gate with a window is held against the requests that were meant within it, and no others."""

import dataclasses

import numpy as np
import pytest

from dress_rehearsal.plans import Gate
from dress_rehearsal.reports.junit import write_junit
from dress_rehearsal.reports.page.tables import gates_table
from dress_rehearsal.reports.several.repeats import repeats_of
from dress_rehearsal.reports.summary import write_summary
from dress_rehearsal.reports.verdict import judge
from tests.reports.gating import BUYING
from tests.steps import PURCHASE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def evidence(evidence_of):
    """A run whose first purchases are quick, and those from two seconds after T-0 on slow."""
    found = evidence_of(students=600, tickets=200)
    requests = found.requests.copy()
    bought = requests.index[requests["step"] == PURCHASE]
    meant_s = (requests.loc[bought, "intended_ns"] - found.t0_ns).astype(float) / 1e9
    felt_ns = np.where(meant_s < 2, 50_000_000, 400_000_000) + np.arange(len(bought))
    for name in ("first_byte_ns", "done_ns", "read_ns"):
        requests.loc[bought, name] = requests.loc[bought, "intended_ns"] + felt_ns
    requests.loc[bought, "sent_ns"] = requests.loc[bought, "intended_ns"]
    return dataclasses.replace(found, requests=requests)


def judged(evidence, *gates):
    plan = evidence.plan.model_copy(update={"gates": gates})
    return judge(dataclasses.replace(evidence, plan=plan))


def test_only_the_requests_of_the_window_count(evidence):
    early, late, whole = (
        Gate(metric="latency_ms.p50", step=PURCHASE, limit="<= 100ms", window=window)
        for window in ("T-1s..T+2s", "T+2s..", None)
    )
    verdict = judged(evidence, early, late, whole)
    found = {gate.window: gate for gate in verdict.gates if gate.metric == f"{BUYING}.p50"}
    assert found["T-1s..T+2s"].status == "pass"
    assert found["T-1s..T+2s"].value == pytest.approx(50, abs=1)
    assert found["T+2s.."].status == "fail"
    assert found["T+2s.."].value == pytest.approx(400, abs=1)
    assert found["T+2s.."].low <= found["T+2s.."].value <= found["T+2s.."].high
    assert any(
        reason.startswith(f"Gate broken: {BUYING}.p50 in T+2s.. is 400")
        for reason in verdict.reasons
    )


@pytest.mark.parametrize(
    ("field", "window", "words"),
    [
        ("p99", "T+5s..T+5.01s", "no request was meant then"),
        ("p99", "T+2s..", "meant then, and it takes 100 at least"),
        ("max", "T+5s..T+5.01s", "no request was meant then"),
    ],
)
def test_a_window_with_too_few_requests_is_not_measured(evidence, field, window, words):
    few = evidence.requests["step"] == PURCHASE
    meant_s = (evidence.requests["intended_ns"] - evidence.t0_ns).astype(float) / 1e9
    requests = evidence.requests[~few | (meant_s < 2) | (evidence.requests["student"] % 50 == 0)]
    own = dataclasses.replace(evidence, requests=requests)
    verdict = judged(own, Gate(metric=f"{BUYING}.{field}", limit="<= 9s", window=window))
    (gate,) = (each for each in verdict.gates if each.window)
    assert (gate.status, gate.value) == ("inconclusive", None)
    assert any("was not measured" in reason and words in reason for reason in verdict.reasons)


def test_a_count_within_a_window_may_be_none(evidence):
    verdict = judged(evidence, Gate(metric=f"{BUYING}.count", limit="== 0", window="T+5.9s.."))
    (gate,) = (each for each in verdict.gates if each.window)
    assert (gate.status, gate.value) == ("pass", 0)


def test_everything_that_shows_gates_names_the_window(evidence):
    gates = (
        Gate(metric=f"{BUYING}.p50", limit="<= 100ms", window="T+2s.."),
        Gate(metric=f"{BUYING}.p50", limit="<= 100ms"),
    )
    plan = evidence.plan.model_copy(update={"gates": gates})
    own = dataclasses.replace(evidence, plan=plan)
    verdict = judge(own)
    name = f"{BUYING}.p50 in T+2s.."
    assert name in write_junit(verdict)
    assert name in write_summary(verdict)
    assert name in [row[0].text for row in gates_table(verdict.gates, verdict).rows]
    numbers = [each for each in repeats_of([(1, verdict)], 1).numbers if each.limit == "<= 100ms"]
    assert {each.name: each.held for each in numbers} == {name: 0, f"{BUYING}.p50": 1}


def test_a_number_left_to_a_comparison_decides_nothing_and_is_said_to_be(evidence):
    gate = Gate(metric=f"{BUYING}.p50", regression="< 10% and < 5 ms", window="T+2s..")
    verdict = judged(evidence, gate)
    assert verdict.verdict == judged(evidence).verdict
    (found,) = verdict.regressions
    assert found.value == pytest.approx(400, abs=1)
    assert f"{found.name} (< 10% and < 5 ms worse)" in verdict.notes[0]
    rows = [[cell.text for cell in row] for row in gates_table((), verdict, (found,)).rows]
    assert rows[0][:3] == [found.name, "left to a comparison", "< 10% and < 5 ms worse than before"]
    assert not any(each.name == found.name for each in verdict.gates)


def test_an_implicit_limit_stays_where_a_gate_only_watches_for_worse(evidence):
    verdict = judged(evidence, Gate(metric="census.failed", regression="< 5"))
    assert [gate.limit for gate in verdict.gates if gate.metric == "census.failed"] == ["<= 1%"]
