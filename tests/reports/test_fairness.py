"""First come, first served: by the server's order, within a tolerance, accusing nobody blindly."""

import dataclasses

import numpy as np
import pytest

from dress_rehearsal.records.tables import PURCHASE
from dress_rehearsal.reports.fairness import (
    MANY_INVERSIONS,
    TOLERANCE_S,
    judge_fairness,
    received_ns,
)

SMALL = {"students": 200, "tickets": 60}
ROOM = {"app": {"waiting_room": "poll", "admission_rate": 10}}


def changed_requests(evidence, which, **values):
    requests = evidence.requests.copy()
    for column in ("error", "outcome"):
        requests[column] = requests[column].astype("object")
    for column, value in values.items():
        requests.loc[which(requests).to_numpy(dtype=bool), column] = value
    return dataclasses.replace(evidence, requests=requests)


def buys_of(students):
    return lambda rows: (rows["step"] == PURCHASE) & rows["student"].isin(students)


@pytest.mark.parametrize("allocation", ["naive", "redis_writeback", "sqs_writeback"])
def test_a_healthy_run_is_fair(evidence_of, allocation):
    fairness = judge_fairness(evidence_of(**SMALL, allocation=allocation))
    assert fairness.inversions == 0
    assert fairness.kendall_tau > 0.9


@pytest.mark.parametrize("room", ["poll", "sse"])
def test_polling_reorders_within_the_tolerance_only(evidence_of, room):
    plan = {"app": {**ROOM["app"], "waiting_room": room}}
    fairness = judge_fairness(evidence_of(**SMALL, plan=plan))
    assert fairness.inversions == 0
    assert fairness.kendall_tau > 0.9


def test_queue_jumpers_are_a_clear_finding(evidence_of):
    fairness = judge_fairness(evidence_of(**SMALL, plan=ROOM, queue_jumped=30))
    assert fairness.inversions > 30
    assert fairness.inversions > MANY_INVERSIONS * 60
    assert fairness.kendall_tau < 0.5


def test_everybody_who_came_before_overtakers_was_overtaken(evidence_of):
    evidence = evidence_of(**SMALL, overtakers=3)
    enrolled = int((evidence.students["enrolled"]).sum())
    fairness = judge_fairness(evidence)
    assert fairness.inversions > 0.8 * (enrolled - 3)


def test_who_came_within_the_tolerance_was_not_overtaken(evidence_of):
    evidence = evidence_of(**SMALL)
    granted = evidence.ledger[evidence.ledger["source"] == "postgres"]
    last = int(granted.loc[granted["number"] == 60, "student"].iloc[0])
    first = int(granted.loc[granted["number"] == 1, "granted_ns"].iloc[0])
    for late_s, overtaken in ((TOLERANCE_S - 0.1, False), (TOLERANCE_S + 0.5, True)):
        moved = first + int(late_s * 1e9)
        ledger = evidence.ledger.copy()
        mine = ledger["student"] == last
        ledger.loc[mine, ["number", "granted_ns"]] = [0, moved]
        changed = changed_requests(
            dataclasses.replace(evidence, ledger=ledger),
            buys_of([last]),
            first_byte_ns=moved + 3_000_000,
            app_us=3000,
        )
        assert bool(judge_fairness(changed).inversions) == overtaken


def test_a_ticket_was_not_granted_before_its_request_came(evidence_of):
    # The first answer was an error though the ticket was granted; the second try heard of it.
    evidence = evidence_of(**SMALL)
    holders = evidence.ledger.loc[evidence.ledger["number"] <= 5, "student"].unique()
    later = int(evidence.requests["done_ns"].max())
    changed = changed_requests(evidence, buys_of(holders), first_byte_ns=later)
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


def test_server_receive_time_is_the_answer_less_the_time_in_the_app(evidence_of):
    requests = evidence_of(**SMALL).requests
    row = requests[requests["step"] == PURCHASE].iloc[[0]]
    slow = row.assign(app_us=np.int32(6_000_000)).astype({"app_us": "Int32"})
    assert int(received_ns(slow).iloc[0]) == int(slow["first_byte_ns"].iloc[0]) - 6_000_000_000
    assert received_ns(slow.assign(app_us=None)).isna().all()


def test_without_server_timing_or_numbers_nothing_is_said(evidence_of):
    evidence = evidence_of(**SMALL)
    untimed = dataclasses.replace(evidence, requests=evidence.requests.assign(app_us=None))
    blind = dataclasses.replace(evidence, ledger=evidence.ledger.head(0))
    for changed in (untimed, blind):
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
