"""A percentile among requests that nobody waited for any longer is a lower bound everywhere."""

import dataclasses
import json

import pytest

from dress_rehearsal.plans import Gate
from dress_rehearsal.plans.sections.load import Load
from dress_rehearsal.reports.closed_load import what_held
from dress_rehearsal.reports.evidence.latency import at_least
from dress_rehearsal.reports.evidence.purchase_step import purchase_step_of
from dress_rehearsal.reports.figures.closed_load import draw_load_latency
from dress_rehearsal.reports.figures.latency import draw_latency
from dress_rehearsal.reports.metrics import gate_words
from dress_rehearsal.reports.page import key_numbers
from dress_rehearsal.reports.page.tables.latency import certainty_table, latency_table
from dress_rehearsal.reports.page.tables.margin import margin_cell
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.verdict import judge
from tests.reports.gating import BUYING, gates_of, slowed
from tests.steps import LOGIN, PURCHASE

SMALL = {"students": 200, "tickets": 60}
P99 = f"{BUYING}.p99"


def timed_out(evidence, gates, number):
    """The same run with 60 purchases of 10 ms; the last so many were given up after 10 s."""
    felt = [10.0] * (60 - number) + [10_000.0] * number
    return given_up(evidence, gates, felt, number)


def given_up(evidence, gates, felt, number, why="timeout"):
    """The same run with purchases that took so many ms; the last so many were given up then."""
    changed = slowed(evidence, gates, felt)
    rows = changed.requests.copy()
    mine = rows.index[rows["step"] == PURCHASE][len(felt) - number :]
    rows["outcome"] = rows["outcome"].astype("object")
    rows["error"] = rows["error"].astype("object")
    rows.loc[mine, ["outcome", "error"]] = ["unknown", why]
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
        "at least 10.0 s: 50% of the requests were given up unanswered"
    )
    strip = {number.label: number for number in key_numbers(evidence, verdict)}
    assert strip["Purchase, p99"].value == "at least 10.0 s"
    assert strip["Purchase, p99"].note.startswith("50% of the requests were given up unanswered")
    assert cells(latency_table(verdict.latency_ms, evidence))["p99"].startswith("≥ 10,000")
    assert cells(certainty_table(verdict.latency_ms))["95% interval"] == "—"
    assert margin_cell(gate, verdict).text == "at least 25% over the limit"
    drawn = draw_latency(evidence, (-1.0, 12.0), purchase_step_of(verdict))
    assert "p99 of clicks to buy is at least 10,000 ms: 50% of the requests" in drawn.title


@pytest.mark.slow
def test_a_load_whose_requests_were_given_up_is_not_told_to_have_taken_at_most_that(evidence_of):
    verdict = judge(timed_out(evidence_of(**SMALL), [], 30))
    said = what_held(verdict, "")
    assert f"p99 of {PURCHASE} is at least 10,000 ms (50% of the requests were given up" in said
    whole = judge(timed_out(evidence_of(**SMALL), [], 0))
    assert "99% of each kind took at most " in what_held(whole, "")


@pytest.mark.slow
def test_of_a_load_another_kind_of_which_one_was_cut_only_what_is_known_is_said(evidence_of):
    verdict = judge(evidence_of(**SMALL))
    quick = verdict.latency_ms[LOGIN].model_copy(update={"p99": 20_000.0})
    for cut, known in ((1, " as far as is known"), (0, "")):
        ends = {"count": 500, "p99": 30.0, "given_up": cut, "given_up_least": 20.0 if cut else None}
        other = verdict.latency_ms[PURCHASE].model_copy(update=ends)
        latency = verdict.latency_ms | {LOGIN: quick, PURCHASE: other}
        said = what_held(verdict.model_copy(update={"latency_ms": latency}), "")
        assert f"took at most 20,000 ms{known} ({LOGIN} is the slowest)" in said


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


def test_a_request_that_the_end_of_the_run_cut_makes_all_that_took_longer_lower_bounds(evidence_of):
    """It ranks where it was cut, among those that were answered, and would have taken longer."""
    felt = [10.0] * 50 + [4_000.0] * 9
    limits = [(P99, "<= 6s"), (P99, "<= 3s"), (f"{BUYING}.p50", "<= 6s")]
    verdict = judge(given_up(evidence_of(**SMALL), limits, [*felt, 1_000.0], 1, "cut"))
    own = verdict.latency_ms[PURCHASE]
    assert (own.p99, own.given_up_least, own.given_up_system_least) == (4_000.0, 1_000.0, 1_000.0)
    assert [at_least(own, field) for field in ("p50", "p90", "p99", "system_p99")] == [
        *(False, True, True, True)
    ]
    gates = gates_of(verdict)
    assert (gates[P99, "<= 6s"].status, gates[P99, "<= 6s"].given_up) == ("inconclusive", 0.016667)
    assert gates[P99, "<= 3s"].status == "fail", "nor would it have been sooner answered"
    assert gates[f"{BUYING}.p50", "<= 6s"].status == "pass"


def test_a_limit_that_holds_however_late_the_cut_ones_had_been_answered_passes(evidence_of):
    """One of very many was cut: whatever it took, the percentile is no more than the next one."""
    felt = [10.0] * 30 + [4_000.0] * 29
    limits = [(f"{BUYING}.p50", "<= 6s")]
    verdict = judge(given_up(evidence_of(**SMALL), limits, [*felt, 5.0], 1, "cut"))
    gate = gates_of(verdict)[limits[0]]
    assert (gate.status, gate.given_up, gate.value) == ("pass", 0.016667, 10.0)
    limits = [(f"{BUYING}.p50", "<= 3s")]
    verdict = judge(given_up(evidence_of(**SMALL), limits, [*felt, 5.0], 1, "cut"))
    assert gates_of(verdict)[limits[0]].status == "inconclusive"


def test_a_limit_above_an_interval_that_ends_among_given_up_requests_is_not_passed(evidence_of):
    p90 = f"{BUYING}.p90"
    for number, status, high in ((4, "inconclusive", None), (0, "pass", 10_000.0)):
        felt = [10.0] * 56 + [10_000.0] * 4
        verdict = judge(given_up(evidence_of(**SMALL), [(p90, "<= 12s")], felt, number))
        gate = gates_of(verdict)[p90, "<= 12s"]
        assert (gate.value, gate.high, gate.given_up) == (10.0, high, None)
        assert gate.status == status
    (said,) = (
        each
        for each in judge(given_up(evidence_of(**SMALL), [(p90, "<= 12s")], felt, 4)).reasons
        if p90 in each
    )
    assert "how much larger it might be is not known, and neither is whether <= 12s holds" in said
    assert "(95% interval within this run 10 ms or more)" in said


@pytest.mark.parametrize(("later_s", "told"), [(60, "10 ms to 4,000 ms"), (0, "10 ms or more")])
def test_whether_an_interval_within_a_window_has_an_end_is_the_windows_to_say(
    evidence_of, later_s, told
):
    """What was cut a minute later has no part in it."""
    felt = [10.0] * 55 + [4_000.0] * 4 + [1_000.0]
    evidence = given_up(evidence_of(**SMALL), [], felt, 1, "cut")
    rows = evidence.requests.copy()
    for name in ("intended_ns", "sent_ns", "done_ns"):
        rows.loc[rows["error"] == "cut", name] += later_s * 1_000_000_000
    gate = Gate(metric="latency_ms.p90", step=PURCHASE, limit="<= 12s", window="T-10s..T+30s")
    plan = evidence.plan.model_copy(update={"gates": (gate,)})
    verdict = judge(dataclasses.replace(evidence, requests=rows, plan=plan))
    (own,) = (each for each in verdict.gates if each.window)
    assert own.given_up is None
    assert gate_words(own, verdict) == f"10 ms (95% interval within this run {told})"


def test_an_interval_that_ends_among_given_up_requests_has_no_end_in_tables(evidence_of):
    for why, told in (("timeout", "10 or more"), (None, "10 to 10,000")):
        felt = [10.0] * 56 + [10_000.0] * 4
        own = judge(given_up(evidence_of(**SMALL), [], felt, 4 if why else 0)).latency_ms[PURCHASE]
        # Of so few requests p99 itself is among them: its interval is what is looked at.
        own = own.model_copy(update={"p99": 10.0, "p99_low": 10.0, "p99_high": 10_000.0})
        assert cells(certainty_table({PURCHASE: own}))["95% interval"] == told


def test_an_end_of_the_interval_of_p99_among_given_up_requests_is_a_lower_bound(evidence_of):
    high = f"{BUYING}.p99_high"
    for number, status in ((30, "inconclusive"), (0, "pass")):
        verdict = judge(timed_out(evidence_of(**SMALL), [(high, "<= 12s")], number))
        gate = gates_of(verdict)[high, "<= 12s"]
        assert gate.status == status
        assert (gate.given_up is None) == (number == 0)


def test_a_verdict_of_before_takes_what_was_given_up_for_the_slowest(evidence_of):
    verdict = judge(timed_out(evidence_of(**SMALL), [], 20))
    document = json.loads(verdict.text())
    assert document["latency_ms"][PURCHASE].pop("given_up_least") == 10_000.0
    del document["latency_ms"][PURCHASE]["given_up_system_least"]
    own = Verdict.model_validate(document).latency_ms[PURCHASE]
    assert [at_least(own, field) for field in ("p50", "p99", "p99_high")] == [False, True, True]
    whole = json.loads(judge(timed_out(evidence_of(**SMALL), [], 0)).text())
    assert "given_up_least" not in whole["latency_ms"][PURCHASE], "versions of before read it"
