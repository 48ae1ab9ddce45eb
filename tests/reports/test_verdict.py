"""Fail, then inconclusive, then pass: and the first sentence is the gravest."""

import dataclasses

import jsonschema
import numpy as np
import pytest

from dress_rehearsal.records.steps import TICKET_OPEN, Steps
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.verdict import judge
from tests.reports.foreign import foreign
from tests.steps import PURCHASE

SMALL = {"students": 200, "tickets": 60}
NEVER_MET = [("latency_ms[POST /login].p99", "<= 1us")]
UNMEASURED = [("audit.double_entry", "== 0")]


@pytest.mark.parametrize(
    ("defects", "word", "first"),
    [
        pytest.param({}, "pass", "It held: all 200 students", id="nothing went wrong"),
        pytest.param({"unknown": 2}, "pass", "It held", id="timeouts are what gates are for"),
        pytest.param({"oversell": 3}, "fail", "Oversold: 63 tickets were granted for 60", id="o"),
        pytest.param(
            {"overtakers": 3, "tickets": 200},
            "fail",
            "Not first come, first served: 187 of the 190 students",
            id="order is a promise",
        ),
        pytest.param(
            {"leak": 2},
            "fail",
            "Leak: 2 connections of 20 in the PostgreSQL pools were never given back.",
            id="a leak",
        ),
        pytest.param({"worker_lost": True}, "fail", "Lost: The app process", id="app lost"),
        pytest.param(
            {"worker_lost": True, "planned": True}, "pass", "It held", id="the plan's own fault"
        ),
        pytest.param(
            {"undone_fault": "redis_wipe"},
            "inconclusive",
            "The fault redis_wipe could not be done: There is no such switch.",
            id="a fault that was not done",
        ),
        pytest.param({"component_lost": "redis"}, "fail", "Lost: The redis", id="store lost"),
        pytest.param({"gates": NEVER_MET}, "fail", "Gate broken: latency_ms[POST /login]", id="g"),
        pytest.param({"contradictory": 1}, "fail", "The census contradicts", id="census"),
        pytest.param(
            {"interrupted": True}, "inconclusive", "The run was interrupted: Ctrl-C", id="Ctrl-C"
        ),
        pytest.param(
            {"aborted": True},
            "fail",
            "The rush was stopped at T-0 + 2 s: 60 of 100 requests of the last 2 s failed or got "
            "no answer. What is reported was measured until then.",
            id="stopped for its harm",
        ),
        pytest.param({"killed": True}, "inconclusive", "The run ended before", id="kill -9"),
        pytest.param({"no_t0": True}, "inconclusive", "The run ended before", id="no T-0"),
        pytest.param(
            {"component_lost": "generator"}, "inconclusive", "Lost: The generator", id="ours lost"
        ),
        pytest.param(
            {"generator_late_ms": 1500}, "inconclusive", "The generator was late", id="ours late"
        ),
        pytest.param(
            {"never_started": 1}, "inconclusive", "1 of 200 students never started", id="absent"
        ),
        pytest.param(
            {"store_unreadable": "redis"}, "inconclusive", "The tickets in redis", id="unread"
        ),
        pytest.param({"counter_off": 6}, "inconclusive", "The server answered", id="counts"),
        pytest.param({"gates": UNMEASURED}, "inconclusive", "Gate undecided: audit", id="u"),
        pytest.param({"no_timestamps": True}, "inconclusive", "664", id="no receive times"),
        pytest.param(
            {"interrupted": True, "oversell": 1},
            "fail",
            "Oversold",
            id="a wrong stays one though the run was cut short",
        ),
        pytest.param(
            {"oversell": 1, "worker_lost": True, "gates": NEVER_MET},
            "fail",
            "Oversold",
            id="people first, then parts, then limits",
        ),
    ],
)
def test_the_verdict_and_its_first_reason(verdict_of, defects, word, first, valid):
    verdict = verdict_of(**{**SMALL, **defects})
    if first == "664":
        first = ""
        assert "no kernel receive time" in verdict.reasons[0]
    assert (verdict.verdict, verdict.reasons[0].startswith(first)) == (word, True)
    assert verdict.exit_code == {"pass": 0, "fail": 99, "inconclusive": 3}[word]
    valid(verdict.document())


@pytest.mark.slow
def test_reasons_of_a_failure_come_before_doubts(verdict_of):
    defects = {"oversell": 1, "worker_lost": True, "never_started": 2, "gates": NEVER_MET}
    starts = ["Oversold", "Lost", "Gate broken", "2 of 200", "The requests could not"]
    reasons = verdict_of(**SMALL, **defects).reasons
    assert len(reasons) == len(starts)
    for reason, start in zip(reasons, starts, strict=True):
        assert reason.startswith(start)


@pytest.mark.slow
def test_who_is_overtaken_while_other_programs_take_the_cpu_may_be_their_doing(verdict_of):
    order = {**SMALL, "tickets": 200, "overtakers": 3}
    assert verdict_of(**order).verdict == "fail"
    verdict = verdict_of(**order, foreign_cores=1.7)
    assert verdict.verdict == "inconclusive"
    (said,) = (reason for reason in verdict.reasons if reason.startswith("Not first come"))
    assert said.endswith(
        "by up to 8.69 s, but other programs took up to 1.72 of 2 cores meanwhile."
    )


FILES = ["requests", "students", "ledger", "metrics", "environment", "timeline"]


@pytest.mark.parametrize("file", FILES[:4] + FILES[5:])
def test_a_run_without_one_of_its_files_decides_nothing(verdict_of, file):
    assert verdict_of(**SMALL, without=[file]).verdict == "inconclusive"


def test_a_run_that_left_only_its_plan_decides_nothing(verdict_of, valid):
    verdict = verdict_of(**SMALL, without=FILES)
    assert verdict.verdict == "inconclusive"
    assert verdict.census.never_started == 200
    valid(verdict.document())


@pytest.mark.slow
def test_a_rush_of_one_and_a_sale_of_nothing_are_judged_too(verdict_of):
    alone = verdict_of(students=1, tickets=1)
    assert alone.verdict == "pass"
    assert alone.reasons[0].startswith("It held: the one student is accounted for (1 ticket, ")
    assert verdict_of(students=30, tickets=0).verdict == "pass"


def test_the_document_has_the_published_keys_in_order(healthy_verdict):
    assert list(healthy_verdict.document()) == [
        "schema",
        "run",
        "plan",
        "verdict",
        "reasons",
        "census",
        "latency_ms",
        "roles",
        "answers",
        "tries",
        "sale",
        "load",
        "audit",
        "fairness",
        "pools",
        "bottleneck",
        "generator",
        "cause",
        "lost_ms",
        "estimated",
        "not_known",
        "bands",
        "slowest",
        "ran",
        "belief",
        "notes",
        "behaviour",
        "groups",
        "errors",
        "unchecked",
        "not_applicable",
        "gates",
        "regressions",
        "failures",
        "doubts",
    ]


def test_the_schema_refuses_what_is_no_verdict(healthy_verdict, valid):
    document = healthy_verdict.document()
    del document["audit"]["oversold"]
    with pytest.raises(jsonschema.ValidationError, match="oversold"):
        valid(document)


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(healthy_verdict, build_run):
    assert judge(read_evidence(build_run())).text() == healthy_verdict.text()


def test_a_pass_says_what_held_with_figures(verdict_of):
    gates = [("census.failed", "<= 1%"), ("audit.oversold", "== 0")]
    (reason,) = verdict_of(**SMALL, gates=gates).reasons
    assert "60 tickets" in reason
    assert "both gates of the plan hold" in reason


@pytest.mark.slow
def test_where_buying_is_two_requests_the_pass_says_of_which_its_figure_is(evidence_of):
    evidence = foreign(evidence_of(**SMALL, allocation="naive"), "everything")
    requests = evidence.requests.assign(step=evidence.requests["step"].astype("object"))
    bought = requests.index[requests["step"] == PURCHASE]
    requests.loc[bought[:10], "step"] = "GET /orders/{id}"
    steps = Steps({**TICKET_OPEN, "GET /orders/{id}": "purchase"})
    two = dataclasses.replace(evidence, requests=requests.astype({"step": "category"}), steps=steps)
    told = f"99% of the requests of {PURCHASE}, the slowest of 2 steps that buy, took at most"
    assert told in judge(two).reasons[0]
    assert "99% of purchases took at most" in judge(evidence).reasons[0]


def test_the_sentence_of_a_pass_adds_up_to_every_student(verdict_of):
    verdict = verdict_of(**SMALL, failed=2, unknown=1)
    (reason,) = verdict.reasons
    inside = reason[reason.index("(") + 1 : reason.index(")")]
    counts = [int(part.split()[0].replace(",", "")) for part in inside.split(", ")]
    assert sum(counts) == verdict.census.students == 200
    assert "refused" in inside


def test_a_pass_tells_how_many_were_overtaken(verdict_of):
    lenient = {"event": {"order_within": "1m"}}
    (reason,) = verdict_of(**{**SMALL, "tickets": 200}, overtakers=3, plan=lenient).reasons
    assert "nobody was wronged (187 were overtaken, by up to 8." in reason
    assert "overtaken" not in verdict_of(**SMALL).reasons[0]


def test_nobody_was_wronged_is_said_only_where_every_word_was_checked(evidence_of):
    evidence = evidence_of(**SMALL)
    requests = evidence.requests.copy()
    requests["error"] = requests["error"].astype("object")
    word = (requests["error"] == "sold_out").to_numpy(dtype=bool)
    requests.loc[np.flatnonzero(word)[:3], "error"] = "come_back_tomorrow"
    verdict = judge(dataclasses.replace(evidence, requests=requests))
    assert verdict.unchecked == {"come_back_tomorrow": 3}
    assert "nobody was wronged by what could be checked (3 answers say" in verdict.reasons[0]


def test_a_pass_names_everybody_who_was_not_served(verdict_of):
    (reason,) = verdict_of(**SMALL, failed=2, unknown=1).reasons
    assert "2 failed, 1 unknown; 3 had no good end)" in reason
    (clean,) = verdict_of(**SMALL).reasons
    assert "failed" not in clean
    assert "unknown" not in clean


@pytest.mark.slow
def test_a_sale_of_which_no_try_was_answered_decides_nothing(evidence_of):
    evidence = evidence_of(**SMALL)
    buying = (evidence.requests["step"] == PURCHASE).to_numpy(dtype=bool)
    silent = judge(dataclasses.replace(evidence, requests=evidence.requests[~buying]))
    said = "Nobody got as far as trying to buy"
    assert any(reason.startswith(said) for reason in silent.reasons)
    assert silent.verdict != "pass"
    shop = foreign(evidence, "everything")
    for rest in (shop.requests[~buying], shop.requests[:0]):
        beside = judge(dataclasses.replace(shop, requests=rest))
        assert beside.verdict == "inconclusive"
        assert "what a scenario sends without self.client is not measured" in str(beside.reasons)
    one = evidence.requests[~buying | (evidence.requests["student"] == 0).to_numpy(dtype=bool)]
    heard = judge(dataclasses.replace(evidence, requests=one))
    assert not any("trying to buy" in reason for reason in heard.reasons)


@pytest.mark.slow
def test_a_sale_that_answers_everybody_with_an_error_fails_however_soon_they_give_up(evidence_of):
    evidence = evidence_of(**SMALL)
    buying = (evidence.requests["step"] == PURCHASE).to_numpy(dtype=bool)

    def errors(which):
        kinds = {"outcome": "object", "error": "object"}
        requests = evidence.requests.astype(kinds)
        requests.loc[which, ["status", "outcome", "error"]] = (500, "failed", "http_500")
        students = evidence.students.assign(outcome="gave_up", ticket=None)
        return judge(dataclasses.replace(evidence, requests=requests, students=students)).reasons

    said = f"Nobody was able to buy: all {buying.sum()} tries failed (http_500)."
    assert said in errors(buying)
    one_served = buying & (evidence.requests["student"] > 0).to_numpy(dtype=bool)
    assert not any("able to buy" in reason for reason in errors(one_served))


@pytest.mark.slow
def test_who_was_to_come_after_the_plan_had_the_rush_stopped_is_not_missed(verdict_of):
    def missed(**defects):
        return any(
            "never started" in reason
            for reason in verdict_of(**SMALL, never_started=9, **defects).reasons
        )

    assert missed()
    assert not missed(aborted=True)


@pytest.mark.slow
def test_without_anybody_who_may_buy_or_a_sale_nobody_misses_an_answer(evidence_of):
    evidence = evidence_of(**SMALL)
    buying = (evidence.requests["step"] == PURCHASE).to_numpy(dtype=bool)
    outsiders = dataclasses.replace(
        evidence,
        requests=evidence.requests[~buying],
        students=evidence.students.assign(enrolled=False),
    )
    assert not any("trying to buy" in reason for reason in judge(outsiders).reasons)


def sold_out_from_the_start(evidence, number=2):
    """The same run in which some of those sent away were told so 50 ms after T-0."""
    requests = evidence.requests.copy()
    told = (requests["step"] == PURCHASE) & (requests["error"].astype("object") == "sold_out")
    rows = np.flatnonzero(told.to_numpy(dtype=bool))[-number:]
    for row in rows:
        earlier = int(requests.at[row, "done_ns"]) - evidence.t0_ns - 50_000_000
        for column in ("intended_ns", "sent_ns", "first_byte_ns", "done_ns", "read_ns"):
            requests.at[row, column] = int(requests.at[row, column]) - earlier
    return dataclasses.replace(evidence, requests=requests)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "wronged"),
    [
        pytest.param("first_come", True, id="who clicks later is served later"),
        pytest.param("none", True, id="no order is promised, and the word says what it says"),
        pytest.param("lottery", False, id="by lot it says that the student drew none"),
    ],
)
def test_sold_out_while_others_still_bought_is_false_unless_lots_were_drawn(
    evidence_of, order, wronged
):
    evidence = evidence_of(**SMALL, plan={"event": {"order": order}})
    assert judge(evidence).verdict == "pass"
    verdict = judge(sold_out_from_the_start(evidence))
    assert verdict.audit.false_sold_out == (2 if wronged else 0)
    assert verdict.verdict == ("fail" if wronged else "pass")
    if wronged:
        assert verdict.reasons[0].startswith("False sold out: 2 students were turned away before")


@pytest.mark.slow
@pytest.mark.parametrize("order", ["first_come", "none", "lottery"])
def test_sold_out_with_tickets_left_is_false_whatever_the_order(verdict_of, order):
    verdict = verdict_of(**SMALL, false_sold_out=3, plan={"event": {"order": order}})
    assert (verdict.verdict, verdict.audit.false_sold_out) == ("fail", 3)


@pytest.mark.slow
def test_tickets_that_are_written_late_are_told_though_no_purchase_waited(verdict_of):
    late = verdict_of(allocation="redis_writeback", writeback_slow=True)
    (note,) = [note for note in late.notes if note.startswith("Tickets were written late: ")]
    assert "waited over 1 s for their row" in note
    assert late.bottleneck is None
    prompt = verdict_of(allocation="redis_writeback")
    assert not [note for note in prompt.notes if "written late" in note]


@pytest.mark.slow
def test_who_stood_still_or_ended_badly_when_the_stage_was_cleared_is_told(evidence_of):
    evidence = evidence_of(**SMALL)
    what = "sqs (pid 7) stood still, stopped by a signal, when it was asked to end."
    events = [
        dataclasses.replace(event, detail={"unclean": [what]})
        if event.name == "torn_down"
        else event
        for event in evidence.events
    ]
    told = judge(dataclasses.replace(evidence, events=events)).notes
    assert f"When the stage was cleared: {what}" in told
    assert not any("cleared" in note for note in judge(evidence).notes)
