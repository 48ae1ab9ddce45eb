"""A percentile among requests that nobody waited for any longer is a lower bound everywhere."""

import dataclasses

import pytest

from dress_rehearsal.plans.sections.load import Load
from dress_rehearsal.reports.closed_load import what_held
from dress_rehearsal.reports.figures.closed_load import draw_load_latency
from dress_rehearsal.reports.figures.latency import draw_latency
from dress_rehearsal.reports.metrics import gate_words
from dress_rehearsal.reports.page import key_numbers
from dress_rehearsal.reports.page.tables.latency import certainty_table, latency_table
from dress_rehearsal.reports.page.tables.margin import margin_cell
from dress_rehearsal.reports.verdict import judge
from tests.reports.gating import BUYING, gates_of, slowed
from tests.steps import LOGIN, PURCHASE

SMALL = {"students": 200, "tickets": 60}
P99 = f"{BUYING}.p99"


def timed_out(evidence, gates, number):
    """The same run with 60 purchases of 10 ms; the last so many were given up after 10 s."""
    felt = [10.0] * (60 - number) + [10_000.0] * number
    changed = slowed(evidence, gates, felt)
    rows = changed.requests.copy()
    mine = rows.index[rows["step"] == PURCHASE][60 - number :]
    rows["outcome"] = rows["outcome"].astype("object")
    rows["error"] = rows["error"].astype("object")
    rows.loc[mine, ["outcome", "error"]] = ["unknown", "timeout"]
    rows.loc[mine, "status"] = 0
    return dataclasses.replace(changed, requests=rows)


def cells(table, step=PURCHASE):
    """Return the cells of a step's row by their columns."""
    row = next(row for row in table.rows if row[0].text == step)
    return {head: cell.text for (head, _), cell in zip(table.columns, row, strict=True)}


@pytest.mark.slow
def test_it_is_called_at_least_and_has_no_interval(evidence_of):
    evidence = timed_out(evidence_of(**SMALL), [(P99, "<= 8s")], 30)
    verdict = judge(evidence)
    gate = gates_of(verdict)[P99, "<= 8s"]
    assert (gate.value, gate.given_up, gate.low) == (10_000.0, 0.5, None)
    assert gate_words(gate, verdict) == (
        "at least 10,000 ms: 50% of the requests were given up unanswered"
    )
    strip = {number.label: number for number in key_numbers(evidence, verdict)}
    assert strip["Purchase, p99"].value == "at least 10,000 ms"
    assert strip["Purchase, p99"].note.startswith("50% of the requests were given up unanswered")
    assert cells(latency_table(verdict.latency_ms, evidence))["p99"].startswith("≥ 10,000")
    assert cells(certainty_table(verdict.latency_ms))["95% interval"] == "—"
    assert margin_cell(gate, verdict).text == "at least 25% above it"
    drawn = draw_latency(evidence, (-1.0, 12.0), verdict.purchase)
    assert "p99 of clicks to buy is at least 10,000 ms: 50% of the requests" in drawn.title


@pytest.mark.slow
def test_a_load_whose_requests_were_given_up_is_not_told_to_have_taken_at_most_that(evidence_of):
    verdict = judge(timed_out(evidence_of(**SMALL), [], 30))
    said = what_held(verdict, "")
    assert f"p99 of {PURCHASE} is at least 10,000 ms (50% of the requests were given up" in said
    whole = judge(timed_out(evidence_of(**SMALL), [], 0))
    assert "99% of each kind took at most " in what_held(whole, "")


@pytest.mark.slow
def test_the_slowest_kind_is_the_same_everywhere_a_lower_bound_before_what_is_known(evidence_of):
    evidence = evidence_of(**SMALL)
    plan = evidence.plan.model_copy(update={"load": Load(users=1)})
    of_load = dataclasses.replace(evidence, plan=plan)
    for given_up, slowest in ((30, PURCHASE), (0, LOGIN)):
        verdict = judge(timed_out(evidence, [], given_up))
        slow = verdict.latency_ms[LOGIN].model_copy(update={"p99": 20_000.0})
        latency = verdict.latency_ms | {LOGIN: slow}
        verdict = verdict.model_copy(update={"latency_ms": latency})
        strip = {number.label: number for number in key_numbers(of_load, verdict)}
        assert strip["Slowest, p99"].note == slowest
        assert slowest in what_held(verdict, "")
        assert slowest in draw_load_latency(of_load, (-1.0, 12.0), latency).title


@pytest.mark.parametrize(
    ("limit", "status"), [("<= 8s", "fail"), ("<= 12s", "inconclusive"), (">= 1s", "pass")]
)
def test_a_limit_that_only_the_time_out_kept_is_not_decided(evidence_of, limit, status):
    verdict = judge(timed_out(evidence_of(**SMALL), [(P99, limit)], 30))
    assert gates_of(verdict)[P99, limit].status == status
    if status == "inconclusive":
        (said,) = (reason for reason in verdict.reasons if P99 in reason)
        assert said.endswith(
            "so whether <= 12s holds is not known: have students wait longer (students.timeout)."
        )


def test_where_answers_came_the_percentile_is_what_it_is(evidence_of):
    evidence = timed_out(evidence_of(**SMALL), [(P99, "<= 12s")], 0)
    verdict = judge(evidence)
    gate = gates_of(verdict)[P99, "<= 12s"]
    assert (gate.status, gate.given_up) == ("pass", None)
    assert "at least" not in gate_words(gate, verdict)
    strip = {number.label: number for number in key_numbers(evidence, verdict)}
    assert "at least" not in strip["Purchase, p99"].value
    assert "≥" not in cells(latency_table(verdict.latency_ms, evidence))["p99"]
