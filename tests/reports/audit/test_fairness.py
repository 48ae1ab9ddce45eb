"""First come, first served: by the clicks' order, within what is unknown, accusing nobody."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.records.tables import NS_PER_S as SECOND
from dress_rehearsal.reports.audit import fairness as judging
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.part import Fairness
from dress_rehearsal.reports.places import LEAST_UNCERTAINTY_S
from dress_rehearsal.reports.verdict import _let_pass, judge
from tests.reports.gating import gates_of
from tests.steps import JOIN, PURCHASE, QUEUE

pytestmark = pytest.mark.slow

SMALL = {"students": 200, "tickets": 60}
ROOM = {"app": {"waiting_room": "poll", "admission_rate": 10}}


def judge_fairness(evidence: Evidence) -> Fairness:
    return judging.judge_fairness(evidence).fairness


def changed_requests(evidence, which, **values):
    requests = evidence.requests.copy()
    for column in ("error", "outcome"):
        requests[column] = requests[column].astype("object")
    for column, value in values.items():
        requests.loc[which(requests).to_numpy(dtype=bool), column] = value
    return dataclasses.replace(evidence, requests=requests)


def buys_of(students):
    return lambda rows: (rows["step"] == PURCHASE) & rows["student"].isin(students)


@pytest.mark.parametrize(
    "allocation", ["naive", "redis_writeback", "sqs_writeback", "kafka_writeback"]
)
def test_a_healthy_run_is_fair(evidence_of, allocation):
    fairness = judge_fairness(evidence_of(**SMALL, allocation=allocation))
    assert fairness.inversions == 0
    assert fairness.kendall_tau > 0.9


@pytest.mark.parametrize(
    ("within", "notes"),
    [
        pytest.param("2s", 1, id="longer than the sale"),
        pytest.param("50ms", 0, id="much shorter"),
    ],
)
def test_a_limit_longer_than_the_sale_hardly_asks(evidence_of, within, notes):
    evidence = evidence_of(**SMALL, plan={"event": {"order_within": within}})
    finding = judging.judge_fairness(evidence)
    assert len(finding.notes) == notes
    asked = tuple(note for note in judge(evidence).notes if "come, first served" in note)
    assert finding.notes == asked
    lasted_s = evidence.sale.sold_out_s
    for note in finding.notes:
        assert note.startswith(f"The last ticket went {lasted_s:.3g} s after T-0 and ")
        assert "lets 2 s pass: this run hardly tests the order" in note


def test_where_no_order_was_promised_it_is_not_asked(evidence_of):
    evidence = evidence_of(**SMALL, plan={"event": {"order": "lottery"}})
    assert judging.judge_fairness(evidence).notes == ()


@pytest.mark.parametrize("room", ["poll", "sse"])
def test_polling_reorders_within_the_tolerance_only(evidence_of, room):
    plan = {"app": {**ROOM["app"], "waiting_room": room}}
    fairness = judge_fairness(evidence_of(**SMALL, plan=plan))
    assert fairness.inversions == 0
    assert fairness.kendall_tau > 0.9


def test_queue_jumpers_are_a_clear_finding(evidence_of):
    fairness = judge_fairness(evidence_of(**SMALL, plan=ROOM, queue_jumped=30))
    assert fairness.inversions > 30
    assert fairness.kendall_tau < 0.5


def test_everybody_who_came_before_overtakers_was_overtaken(evidence_of):
    evidence = evidence_of(**SMALL, overtakers=3)
    enrolled = int((evidence.students["enrolled"]).sum())
    fairness = judge_fairness(evidence)
    assert fairness.inversions > 0.8 * (enrolled - 3)


@pytest.mark.parametrize(
    ("late_s", "within", "wronged"),
    [
        pytest.param(1.9, "2s", False, id="within what the plan lets pass"),
        pytest.param(2.5, "2s", True, id="beyond it"),
        pytest.param(1.9, "500ms", True, id="a stricter plan"),
        pytest.param(2.5, "10s", False, id="a generous one"),
    ],
)
def test_who_was_overtaken_by_more_than_the_plan_lets_pass_was_wronged(
    evidence_of, late_s, within, wronged
):
    evidence = evidence_of(**SMALL, plan={"event": {"order_within": within}})
    granted = evidence.ledger[evidence.ledger["source"] == "postgres"]
    last = int(granted.loc[granted["number"] == 60, "student"].iloc[0])
    buys = evidence.requests[(evidence.requests["step"] == PURCHASE).astype(bool)]
    first = int(buys.loc[buys["error"] != "too_early", "sent_ns"].min())
    moved = first + round(late_s * 1e9)
    ledger = evidence.ledger.copy()
    ledger.loc[ledger["student"] == last, ["number", "granted_ns"]] = [0, moved + 2_000_000]
    changed = changed_requests(
        dataclasses.replace(evidence, ledger=ledger), buys_of([last]), sent_ns=moved
    )
    finding = judging.judge_fairness(changed)
    assert bool(finding.fairness.inversions) == bool(finding.wrongs) == wronged
    # Whatever the limit, it is told how many were overtaken and by how much.
    assert finding.fairness.overtaken > 0
    assert finding.fairness.overtaken_max_s == pytest.approx(late_s, abs=0.05)


@pytest.mark.parametrize("order", ["lottery", "none"])
def test_where_no_order_was_promised_nobody_is_overtaken(evidence_of, order):
    evidence = evidence_of(**SMALL, overtakers=3, plan={"event": {"order": order}})
    finding = judging.judge_fairness(evidence)
    assert (finding.fairness.inversions, finding.wrongs) == (None, ())


def test_the_first_sentence_says_how_many_were_overtaken(evidence_of):
    (said,) = judging.judge_fairness(evidence_of(**SMALL, overtakers=3)).wrongs
    assert said.startswith("Not first come, first served: ")
    assert "were overtaken by more than 2 s, by up to" in said


def test_what_is_unknown_of_a_click_is_measured(evidence_of):
    evidence = evidence_of(**SMALL)
    assert judge_fairness(evidence).uncertainty_s == LEAST_UNCERTAINTY_S
    far = dataclasses.replace(
        evidence,
        requests=evidence.requests.assign(connect_us=evidence.requests["connect_us"] * 500),
    )
    assert judge_fairness(far).uncertainty_s == pytest.approx(0.09, abs=0.01)


def test_behind_a_waiting_room_nobody_knows_when_a_student_learnt_of_the_turn(evidence_of):
    evidence = evidence_of(**SMALL, plan=ROOM)
    asked = evidence.requests[(evidence.requests["step"] == PURCHASE).astype(bool)]
    times = ["intended_ns", "sent_ns", "first_byte_ns", "done_ns", "read_ns"]
    before = asked[times] - 700_000_000
    polls = asked.assign(step=QUEUE, error=None, outcome="ok", **before)
    plain = dict.fromkeys(("step", "error", "outcome"), "object")
    requests = pd.concat([evidence.requests.astype(plain), polls.astype(plain)], ignore_index=True)
    assert judge_fairness(evidence).uncertainty_s == LEAST_UNCERTAINTY_S
    requests["told_position"] = None  # a place that is told is known at once
    asking = dataclasses.replace(evidence, requests=requests)
    assert judge_fairness(asking).uncertainty_s == pytest.approx(0.75, abs=0.1)


def test_who_is_placed_behind_somebody_who_joined_later_was_overtaken_there(evidence_of):
    """Whatever it takes to learn of one's turn: a place is told at once."""
    evidence = evidence_of(**SMALL, plan={**ROOM, "event": {"order_within": "300ms"}})
    requests = evidence.requests
    joins = requests[(requests["step"] == JOIN).astype(bool)].sort_values("sent_ns")
    first, last = joins.index[0], joins.index[-1]
    swapped = requests["told_position"].copy()
    swapped[[first, last]] = requests.loc[[last, first], "told_position"].to_numpy()
    changed = dataclasses.replace(evidence, requests=requests.assign(told_position=swapped))
    ended = evidence.students.set_index("student")["outcome"].astype("object")
    served = joins[joins["student"].map(ended).isin(["ticket", "sold_out"])]
    assert last in served.index
    later_s = (joins["sent_ns"].iloc[-1] - served["sent_ns"].iloc[:-1]) / 1e9
    turns_later = len(joins) - 1 - joins.index.get_indexer(served.index[:-1])
    lost_s = np.minimum(later_s.to_numpy("float64"), turns_later / 10)  # a turn is 0.1 s
    fairness = judge_fairness(changed)
    assert fairness.overtaken_max_s == pytest.approx(later_s.max(), abs=1e-3)
    assert fairness.inversions == (lost_s > 0.3 + LEAST_UNCERTAINTY_S).sum()
    assert judge_fairness(evidence).inversions == 0
    theirs = changed.plan.model_copy(
        update={"target": changed.plan.target.model_copy(update={"stage": "external"})}
    )
    elsewhere = dataclasses.replace(changed, plan=theirs)
    assert judge_fairness(elsewhere).inversions == 0, "what it counts by a place is its own to say"


def test_a_place_lost_among_those_who_wait_for_t0_together_costs_no_more_than_the_wait(evidence_of):
    quick = {"app": {"waiting_room": "poll", "admission_rate": 1000}}
    evidence = evidence_of(**SMALL, plan=quick)
    requests = evidence.requests
    joins = requests[(requests["step"] == JOIN).astype(bool)].sort_values("sent_ns")
    first, last = joins.index[joins["sent_ns"] < evidence.t0_ns][[0, -1]]
    assert joins.loc[last, "sent_ns"] - joins.loc[first, "sent_ns"] > 3 * SECOND
    swapped = requests["told_position"].copy()
    swapped[[first, last]] = requests.loc[[last, first], "told_position"].to_numpy()
    changed = dataclasses.replace(evidence, requests=requests.assign(told_position=swapped))
    fairness = judge_fairness(changed)
    assert fairness.overtaken_max_s <= 0.2
    assert fairness.inversions == 0


def test_whoever_was_overtaken_in_two_ways_is_one_person():
    line = pd.DataFrame({"place_ns": [0, 10 * SECOND], "number": [2, 1]}, index=[7, 8])
    assert judging._overtaken_by_s(line, np.zeros(2, dtype=np.int64)).to_dict() == {7: 10.0, 8: 0.0}


def test_a_ticket_was_not_granted_before_its_request_came(evidence_of):
    # The first answer was an error though the ticket was granted; the second try heard of it.
    evidence = evidence_of(**SMALL)
    holders = evidence.ledger.loc[evidence.ledger["number"] <= 5, "student"].unique()
    later = int(evidence.requests["done_ns"].max())
    changed = changed_requests(evidence, buys_of(holders), sent_ns=later)
    assert judge_fairness(changed).inversions == 0


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        pytest.param("unknown", "timeout", id="nobody knows when it was taken up"),
        pytest.param("refused", "too_early", id="was told to come again"),
        pytest.param("refused", "not_admitted", id="was not let in yet"),
        pytest.param("failed", "overloaded", id="was turned away by an error"),
    ],
)
def test_what_decided_nothing_gives_no_place(evidence_of, outcome, error):
    evidence = evidence_of(**SMALL, overtakers=3)
    holders = evidence.ledger.loc[evidence.ledger["number"] <= 3, "student"].unique()
    values = {"outcome": outcome, "error": error}
    if outcome == "unknown":
        values |= {"status": 0, "first_byte_ns": None, "app_us": None}
    changed = changed_requests(evidence, buys_of(holders), **values)
    assert judge_fairness(changed).inversions == 0


def test_without_numbers_or_times_nothing_is_said(evidence_of):
    evidence = evidence_of(**SMALL)
    unsent = dataclasses.replace(evidence, requests=evidence.requests.assign(sent_ns=None))
    blind = dataclasses.replace(evidence, ledger=evidence.ledger.head(0))
    for changed in (unsent, blind):
        fairness = judge_fairness(changed)
        assert (fairness.inversions, fairness.kendall_tau) == (None, None)


def test_the_advantage_of_several_devices_is_a_difference_of_shares(evidence_of):
    evidence = evidence_of(**SMALL, plan={"students": {"multi_device": "20%"}})
    students = evidence.students.copy()
    journey = students["journey"].astype("object")
    several, one = journey == "multi-device", journey == "eager"
    students["outcome"], students["ticket"] = "sold_out", None
    winners = [*students.index[several][:6], *students.index[one][:10]]
    students.loc[winners, "ticket"] = "T"
    fairness = judge_fairness(dataclasses.replace(evidence, students=students))
    expected = 6 / several.sum() - 10 / one.sum()
    assert fairness.multi_device_advantage == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("share", ["0%", "100%"])
def test_without_one_of_the_groups_there_is_no_advantage(evidence_of, share):
    plan = {"students": {"multi_device": share}}
    assert judge_fairness(evidence_of(**SMALL, plan=plan)).multi_device_advantage is None


def test_where_nobody_holds_a_ticket_there_is_no_advantage(evidence_of):
    evidence = evidence_of(students=200, tickets=0, plan={"students": {"multi_device": "20%"}})
    assert set(evidence.students["journey"]) >= {"multi-device", "eager"}
    assert judge_fairness(evidence).multi_device_advantage is None


def test_an_order_that_no_ticket_s_number_tells_of_is_not_fair_but_unknown(evidence_of):
    evidence = evidence_of(**SMALL)
    nameless = dataclasses.replace(evidence, ledger=evidence.ledger.assign(number=pd.NA))
    (problem,) = judging.judge_fairness(nameless).problems
    assert problem.startswith("Whether first come was first served is not known")
    assert judge(nameless).verdict == "inconclusive"
    assert judging.judge_fairness(evidence).problems == ()
    assert judging.judge_fairness(evidence_of(students=30, tickets=0)).problems == ()
    assert judging.judge_fairness(evidence_of(**SMALL, store_unreadable="postgres")).problems == ()


def test_what_was_found_wrong_was_tested_whatever_the_sale_lasted(evidence_of, monkeypatch):
    monkeypatch.setattr(judging, "_hardly_asked", lambda evidence: ("hardly",))
    assert "hardly" in judging.judge_fairness(evidence_of(**SMALL, plan=ROOM)).notes
    jumped = judging.judge_fairness(evidence_of(**SMALL, plan=ROOM, queue_jumped=30))
    assert jumped.fairness.inversions
    assert "hardly" not in jumped.notes


@pytest.mark.parametrize(
    ("most_s", "words"),
    [
        (0.9, "the plan lets pass"),
        (1.5, "the plan and what is unknown of a student's place, up to 0.6 s, let pass"),
    ],
)
def test_a_pass_says_whether_the_plan_alone_let_it_pass(evidence_of, most_s, words):
    numbers = {"overtaken_max_s": most_s, "within_s": 1.0, "uncertainty_s": 0.6}
    assert _let_pass(judge_fairness(evidence_of(**SMALL)).model_copy(update=numbers)) == words


def test_a_looser_limit_on_who_was_overtaken_stands_beside_the_wrong(verdict_of):
    """In every run: repeats count in how many it held."""
    looser = ("fairness.inversions", "<= 199")
    held = verdict_of(**SMALL, gates=[looser])
    own = {key: gate.status for key, gate in gates_of(held).items() if key[0] == looser[0]}
    assert own == {("fairness.inversions", "== 0"): "pass", looser: "pass"}
    verdict = verdict_of(**SMALL, overtakers=3, gates=[looser])
    own = {key: gate.status for key, gate in gates_of(verdict).items() if key[0] == looser[0]}
    assert own == {("fairness.inversions", "== 0"): "fail", looser: "pass"}
    assert "overtaken" in verdict.failures, "the wrong is a failure all the same"
    (wrong,) = (each for each in verdict.reasons if each.startswith("Not first come"))
    assert "(event.order_within decides, not the plan's gate fairness.inversions <= 199)." in wrong
