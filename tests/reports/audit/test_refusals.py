"""Each refusal is held against the clock, the roster and what had been said; a true one is none."""

import dataclasses
import importlib
from typing import Literal, get_args, get_origin, get_type_hints

import msgspec
import pandas as pd
import pytest

from dress_rehearsal.reports.audit import CLAIMS, COUNTERS, NO_CLAIM, unchecked_words
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.target_app.http.problems import KINDS
from tests.reports.auditing import audited, counted, found
from tests.reports.foreign import foreign
from tests.steps import JOIN, LOGIN, PURCHASE, QR, QUEUE, SCAN, STREAM, TICKET

pytestmark = pytest.mark.slow

SECOND = 1_000_000_000
SMALL = {"students": 200, "tickets": 60}
ROOM = {"app": {"waiting_room": "poll", "admission_rate": 40}}


def told(
    evidence: Evidence,
    step: str,
    students: list[int],
    word: str | None,
    at_s: float,
    *,
    outcome: str = "refused",
    status: int = 409,
    device: int = 2,
) -> Evidence:
    """The same run in which these students asked once more, at this time from T-0."""
    assert evidence.t0_ns is not None
    like = evidence.requests[(evidence.requests["step"] == PURCHASE).astype(bool)].iloc[[0]]
    like = like.astype(dict.fromkeys(("step", "journey", "error", "outcome"), "object"))
    sent_ns = evidence.t0_ns + round(at_s * SECOND)
    rows = pd.concat([like] * len(students), ignore_index=True).assign(
        student=students,
        journey=evidence.students.set_index("student").loc[students, "journey"].tolist(),
        step=step,
        error=word,
        outcome=outcome,
        status=status,
        device=device,
        intended_ns=sent_ns,
        sent_ns=sent_ns,
        first_byte_ns=sent_ns + 1_000_000,
        done_ns=sent_ns + 1_000_000,
        read_ns=sent_ns + 1_000_000,
    )
    words = [name for name, kind in evidence.requests.dtypes.items() if kind == "category"]
    plain = dict.fromkeys(words, "object")
    requests = pd.concat([evidence.requests.astype(plain), rows.astype(plain)])
    requests = requests.astype(dict(evidence.requests.drop(columns=words).dtypes))
    requests = requests.astype(dict.fromkeys(words, "category"))
    requests = requests.sort_values(["intended_ns", "student"], kind="stable", ignore_index=True)
    return dataclasses.replace(evidence, requests=requests)


def ended(evidence: Evidence, outcome: str, number: int = 2) -> list[int]:
    """Some students whose story ended so."""
    students = evidence.students
    return students.loc[students["outcome"] == outcome, "student"].tolist()[:number]


@pytest.mark.parametrize(
    ("command", "host", "at_s", "wronged"),
    [
        pytest.param("gunicorn", "127.0.0.1", 0.7, True, id="started here, so of one clock"),
        pytest.param("gunicorn", "127.0.0.1", 0.3, False, id="a timer that is late in the rush"),
        pytest.param("deploy", "staging.example", 0.7, False, id="started, and elsewhere"),
        pytest.param("/usr/bin/ssh", "127.0.0.1", 0.7, False, id="leads to another machine"),
        pytest.param(None, "127.0.0.1", 0.7, False, id="nobody knows where it runs"),
    ],
)
def test_a_sale_that_opens_late_is_held_against_the_clock_that_it_has(
    evidence_of, command, host, at_s, wronged
):
    evidence = foreign(evidence_of(**SMALL), "everything")
    target = evidence.plan.target.model_copy(
        update={
            "command": None if command is None else (command, "shop"),
            "url": f"http://{host}:1",
        }
    )
    plan = evidence.plan.model_copy(update={"target": target})
    evidence = dataclasses.replace(evidence, plan=plan)
    late = told(evidence, PURCHASE, ended(evidence, "sold_out"), "too_early", at_s)
    assert found(late) == ({"false_too_early": 2} if wronged else {})


@pytest.mark.parametrize(
    ("step", "who", "word", "at_s", "wrong"),
    [
        pytest.param(PURCHASE, "sold_out", "too_early", 0.5, "false_too_early", id="T-0 was past"),
        pytest.param(PURCHASE, "sold_out", "too_early", -0.5, None, id="it was too early"),
        pytest.param(PURCHASE, "sold_out", "not_enrolled", 7, "false_not_enrolled", id="enrolled"),
        pytest.param(PURCHASE, "refused", "not_enrolled", 7, None, id="not enrolled indeed"),
        pytest.param(
            PURCHASE, "sold_out", "already_holds_ticket", 7, "false_already_holds", id="holds none"
        ),
        pytest.param(PURCHASE, "ticket", "already_holds_ticket", 7, None, id="holds one"),
        pytest.param(
            PURCHASE,
            "ticket",
            "already_holds_ticket",
            -3,
            "false_already_holds",
            id="held none yet",
        ),
        pytest.param(PURCHASE, "sold_out", "sold_out", -1, "false_sold_out", id="others bought on"),
        pytest.param(PURCHASE, "sold_out", "sold_out", 7, None, id="sold out indeed"),
        pytest.param(PURCHASE, "sold_out", "not_admitted", 7, "false_not_admitted", id="no room"),
        pytest.param(TICKET, "ticket", "unauthenticated", 7, "lost_sessions", id="logged in"),
        pytest.param(TICKET, "sold_out", "unauthenticated", -6, None, id="before the login"),
        pytest.param(LOGIN, "sold_out", "bad_credentials", 7, "refused_logins", id="right PIN"),
        pytest.param(LOGIN, "sold_out", "too_many_attempts", 7, "refused_logins", id="one attempt"),
        pytest.param(LOGIN, "sold_out", "invalid_request", 7, "false_rejections", id="well-formed"),
        pytest.param(TICKET, "ticket", "ticket_unknown", 7, "denied_tickets", id="their ticket"),
        pytest.param(QR, "ticket", "ticket_pending", 7, "denied_tickets", id="it was issued"),
        pytest.param(SCAN, "ticket", "qr_invalid", 7, "refused_entry", id="the app's own code"),
        pytest.param(SCAN, "ticket", "already_entered", 7, "refused_entry", id="nobody entered"),
    ],
)
def test_each_refusal_is_a_claim_that_is_checked(evidence_of, step, who, word, at_s, wrong):
    evidence = evidence_of(**SMALL)
    changed = told(evidence, step, ended(evidence, who), word, at_s)
    assert found(changed) == ({} if wrong is None else {wrong: 2})
    if wrong is not None:
        assert "2 " in audited(changed).wrongs[wrong]


@pytest.mark.parametrize(
    ("step", "who", "word"),
    [
        (PURCHASE, "sold_out", "not_admitted"),
        (TICKET, "ticket", "unauthenticated"),
        (LOGIN, "sold_out", "bad_credentials"),
        (PURCHASE, "sold_out", "not_found"),
        (QR, "ticket", "ticket_pending"),
        (SCAN, "ticket", "already_entered"),
    ],
)
def test_in_somebody_s_own_scenario_a_word_that_is_not_documented_is_unchecked(
    evidence_of, step, who, word
):
    evidence = foreign(evidence_of(**SMALL), "everything")
    changed = told(evidence, step, ended(evidence, who), word, 7)
    finding = audited(changed)
    assert counted(finding) == {}
    assert set(CLAIMS[word]) - set(finding.applicable) or step in (QR, SCAN)
    assert unchecked_words(changed.requests, changed.plan, changed.steps) == {word: 2}
    early = told(evidence, PURCHASE, ended(evidence, "sold_out"), "too_early", 7)
    assert found(early) == {"false_too_early": 2}


@pytest.mark.parametrize("room", ["poll", "sse"])
def test_behind_a_waiting_room_a_turn_is_kept_and_a_place_too(evidence_of, room):
    plan = {"app": {**ROOM["app"], "waiting_room": room}}
    evidence = evidence_of(**SMALL, plan=plan)
    assert found(evidence) == {}
    who = ended(evidence, "sold_out")
    assert found(told(evidence, PURCHASE, who, "not_admitted", 7)) == {"false_not_admitted": 2}
    assert found(told(evidence, QUEUE, who, "not_in_queue", 7)) == {"lost_places": 2}
    assert found(told(evidence, QUEUE, who, "not_in_queue", -7)) == {}
    let_in = told(evidence, STREAM, who, None, -1, outcome="ok", status=200)
    assert found(let_in) == {"early_admissions": 2}
    assert found(told(evidence, JOIN, who, None, -1, outcome="ok", status=200)) == {}


def double_clickers(evidence: Evidence) -> list[int]:
    """Some with a ticket."""
    holders = evidence.students[evidence.students["outcome"] == "ticket"]
    return holders.loc[holders["journey"] == "double-clicker", "student"].tolist()[:2]


def test_a_repeated_click_is_answered_as_the_first_was(evidence_of):
    evidence = evidence_of(**SMALL)
    who = double_clickers(evidence)
    same = told(evidence, PURCHASE, who, None, 7, outcome="ok", status=201, device=1)
    assert found(same) == {}


def test_a_double_clicker_s_odd_copies_share_the_first_one_s_key(evidence_of):
    evidence = evidence_of(**SMALL)
    who = double_clickers(evidence)
    copies = {
        device: told(evidence, PURCHASE, who, "already_holds_ticket", 7, device=device)
        for device in (1, 2, 3)
    }
    counts = {device: found(copy).get("replays_refused", 0) for device, copy in copies.items()}
    assert counts == {1: 2, 2: 0, 3: 2}


@pytest.mark.parametrize(
    ("tries", "closed"),
    [
        pytest.param(["failed"], False, id="one failure is bad luck"),
        pytest.param(["failed"] * 3, True, id="again and again"),
        pytest.param(["failed"] * 3 + ["ok"], False, id="then it opened"),
        pytest.param(["refused"], True, id="refused"),
        pytest.param(["unknown"] * 3, False, id="nobody answered"),
    ],
)
def test_a_code_that_never_opens_denies_the_ticket(evidence_of, tries, closed):
    evidence = evidence_of(**SMALL)
    who = ended(evidence, "ticket")
    asked = (evidence.requests["step"] == QR) & evidence.requests["student"].isin(who)
    changed = dataclasses.replace(evidence, requests=evidence.requests[~asked.astype(bool)])
    status = {"ok": 200, "failed": 500, "refused": 409, "unknown": 0}
    word = {"ok": None, "failed": "internal_error", "refused": "ticket_pending", "unknown": "cut"}
    for number, outcome in enumerate(tries):
        at_s = 5 + number
        changed = told(
            changed, QR, who, word[outcome], at_s, outcome=outcome, status=status[outcome]
        )
    told_code = changed.requests["told_code"].astype("object")
    own = changed.requests["student"].where(changed.requests["outcome"] == "ok")
    codes = told_code.where(told_code.notna(), own.where(changed.requests["step"] == QR))
    changed = dataclasses.replace(changed, requests=changed.requests.assign(told_code=codes))
    assert found(changed).get("denied_tickets", 0) == (2 if closed else 0)


def test_an_answer_without_a_code_opens_no_ticket(evidence_of):
    evidence = evidence_of(**SMALL)
    assert found(evidence) == {}
    who = ended(evidence, "ticket")[:2]
    requests = evidence.requests.copy()
    opened = ((requests["step"] == QR) & requests["student"].isin(who)).to_numpy(dtype=bool)
    requests["told_code"] = requests["told_code"].astype("object").mask(opened)
    blank = dataclasses.replace(evidence, requests=requests)
    assert found(blank).get("denied_tickets") == 2
    assert "(2 got an answer without a code in it)" in audited(blank).wrongs["denied_tickets"]
    # What had no room was not looked into, and where hardly anybody gets a code there is none.
    unkept = dataclasses.replace(blank, unkept={"answer": 2})
    every = dataclasses.replace(evidence, requests=requests.assign(told_code=None))
    assert "denied_tickets" not in found(unkept) | found(every)


@pytest.mark.parametrize(
    ("age_s", "wrong"), [pytest.param(1, True, id="fresh"), pytest.param(60, False, id="old")]
)
def test_a_code_fetched_just_now_is_not_out_of_date(evidence_of, age_s, wrong):
    evidence = evidence_of(**SMALL)
    who = ended(evidence, "ticket")
    fetched = told(evidence, QR, who, None, 8, outcome="ok", status=200)
    expired = told(fetched, SCAN, who, "qr_expired", 8 + age_s)
    assert found(expired) == ({"refused_entry": 2} if wrong else {})


def test_a_ticket_in_the_wrong_hands_is_neither_oversold_nor_lost(evidence_of):
    evidence = evidence_of(**SMALL)
    ledger = evidence.ledger.copy()
    one, other = ended(evidence, "ticket")
    of_one, of_other = ledger["student"] == one, ledger["student"] == other
    ledger.loc[of_one, "student"], ledger.loc[of_other, "student"] = other, one
    swapped = dataclasses.replace(evidence, ledger=ledger)
    assert found(swapped) == {"wrong_owner": 2}
    assert audited(swapped).wrongs["wrong_owner"].startswith("Wrong owner: 2 tickets are")


def test_issued_is_said_of_a_row_that_is_there(evidence_of):
    evidence = evidence_of(**SMALL)
    students = evidence.students.copy()
    who = students["student"].isin(ended(evidence, "ticket"))
    students.loc[who, "issued_ns"] = students.loc[who, "acked_ns"] - 50_000_000
    early = dataclasses.replace(evidence, students=students)
    assert found(early) == {"false_issued": 2}
    assert "2 students were told that the ticket is issued" in audited(early).wrongs["false_issued"]


def test_a_row_that_is_written_once_more_was_there_the_first_time(evidence_of):
    evidence = evidence_of(**SMALL, repeated_rows=3)
    ledger = evidence.ledger.copy()
    again = ledger.duplicated(["source", "ticket"])
    assert again.sum() == 3
    ledger.loc[again, "committed_ns"] += 10 * SECOND
    later = dataclasses.replace(evidence, ledger=ledger)
    assert found(later) == {"duplicate_students": 3}


@pytest.mark.parametrize("store", ["postgres", "redis"])
def test_answers_alone_prove_that_more_was_sold_than_there_is(evidence_of, store):
    evidence = evidence_of(**SMALL, oversell=3, without=["ledger"], store_unreadable=store)
    assert audited(evidence).audit.oversold == 3
    healthy = evidence_of(**SMALL, without=["ledger"], store_unreadable=store)
    assert audited(healthy).audit.oversold is None


def test_every_word_that_the_app_can_say_is_in_the_table():
    refusals, states = set(KINDS), set(states_told())
    assert refusals <= {*CLAIMS, *NO_CLAIM}
    assert states <= set(CLAIMS)
    assert {"sold_out", "too_early", "ticket_unknown"} <= refusals
    assert states == {"waiting", "open", "sold_out", "pending", "issued"}
    assert {counter for by in CLAIMS.values() for counter in by} <= set(COUNTERS)


def states_told():
    """The words that the app's answers may have for what something is: its types allow no other."""
    importlib.import_module("dress_rehearsal.target_app.app")
    told = [
        get_type_hints(answer)["state"]
        for answer in msgspec.Struct.__subclasses__()
        if answer.__module__.startswith("dress_rehearsal.target_app.")
        and "state" in answer.__struct_fields__
    ]
    assert len(told) >= 5
    assert {get_origin(kind) for kind in told} == {Literal}
    return [word for kind in told for word in get_args(kind)]


def test_a_word_that_no_check_knows_is_listed(evidence_of):
    evidence = evidence_of(**SMALL)
    assert unchecked_words(evidence.requests, evidence.plan, evidence.steps) == {}
    who = ended(evidence, "sold_out")
    strange = told(evidence, PURCHASE, who, "come_back_tomorrow", 7)
    assert unchecked_words(strange.requests, strange.plan, strange.steps) == {
        "come_back_tomorrow": 2
    }
    broken = told(evidence, PURCHASE, who, "who_knows", 7, outcome="failed", status=500)
    assert unchecked_words(broken.requests, broken.plan, broken.steps) == {}
