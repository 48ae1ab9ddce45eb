"""The audit of somebody else's shop decides what its ledgers tell, and says why not the rest."""

import dataclasses
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from dress_rehearsal.records.steps import CODE, OTHER, PURCHASE, Steps
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.junit import write_junit
from dress_rehearsal.reports.page.tables import not_applicable_table
from dress_rehearsal.reports.verdict import judge
from tests.reports.audit.test_refusals import double_clickers, told
from tests.reports.auditing import audited, counted, found
from tests.reports.foreign import LEVELS, foreign
from tests.steps import PURCHASE as CLICK

pytestmark = pytest.mark.slow

SHOP = {"students": 200, "tickets": 60, "allocation": "naive"}
DECIDED = {
    "answers": set(),
    "count": {"oversold", "acked_but_missing", "false_sold_out"},
    "tickets": {"oversold", "acked_but_missing", "false_sold_out", "stuck_students"},
}
DECIDED["owners"] = DECIDED["tickets"] | {
    "duplicate_students",
    "wrong_owner",
    "held_without_ack",
    "ineligible",
    "false_already_holds",
}
DECIDED["everything"] = DECIDED["owners"] | {"sold_early"}
BY_ANSWERS = {"false_too_early", "false_not_enrolled", "denied_tickets"}


@pytest.mark.parametrize("level", LEVELS)
def test_a_sound_shop_passes_by_what_is_known_of_it(evidence_of, level):
    evidence = foreign(evidence_of(**SHOP), level)
    finding = audited(evidence)
    assert set(finding.applicable) == DECIDED[level] | BY_ANSWERS
    assert {getattr(finding.audit, name) for name in finding.applicable} == {0}
    assert finding.problems == ()
    assert set(finding.not_applicable) == set(finding.audit.model_dump()) - {
        *finding.applicable,
        "settle_ms",
    }
    assert all(finding.not_applicable.values())


@pytest.mark.parametrize(
    ("defects", "counter", "seen_at"),
    [
        ({"oversell": 3}, "oversold", {"answers", "count", "tickets", "owners", "everything"}),
        ({"missing_rows": 3}, "acked_but_missing", {"count", "tickets", "owners", "everything"}),
        ({"duplicate_rows": 2}, "duplicate_students", {"owners", "everything"}),
        ({"unacked": 2}, "held_without_ack", {"owners", "everything"}),
        ({"ineligible": 2}, "ineligible", set(LEVELS)),
        ({"false_sold_out": 9}, "false_sold_out", {"count", "tickets", "owners", "everything"}),
        ({"told_too_early": 4}, "false_too_early", set(LEVELS)),
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_a_wrong_is_found_where_it_can_be_known(evidence_of, defects, counter, seen_at, level):
    finding = audited(foreign(evidence_of(**SHOP, **defects), level))
    found = getattr(finding.audit, counter)
    if level in seen_at:
        assert found and found > 0
        assert counter in finding.wrongs
    else:
        assert found is None
        assert counter in finding.not_applicable


@pytest.mark.parametrize("level", LEVELS)
def test_an_early_sale_is_proven_by_the_answers_alone(evidence_of, level):
    evidence = foreign(evidence_of(**SHOP, early=3), level)
    late_ns = evidence.t0_ns + 2 * NS_PER_S  # a clock of somebody else's may be a second off
    finding = audited(dataclasses.replace(evidence, t0_ns=late_ns))
    assert finding.audit.sold_early and finding.audit.sold_early >= 3
    assert "sold_early" in finding.wrongs


def test_where_what_was_confirmed_is_gone_the_loss_is_named_first(evidence_of):
    evidence = foreign(evidence_of(**SHOP, oversell=3, missing_rows=3), "everything")
    assert list(audited(evidence).wrongs)[:2] == ["acked_but_missing", "oversold"]
    more = foreign(evidence_of(**SHOP, oversell=5, missing_rows=3), "everything")
    assert next(iter(audited(more).wrongs)) == "oversold"


def test_an_unread_ledger_decides_nothing_that_it_should_have(evidence_of):
    evidence = foreign(evidence_of(**SHOP), "owners", error="there is no such table.")
    finding = audited(evidence)
    assert any("orders could not be read: there is no such table." in p for p in finding.problems)
    assert {"acked_but_missing", "duplicate_students"} <= set(finding.applicable)
    assert finding.audit.acked_but_missing is None
    assert "sold_early" in finding.not_applicable
    assert judge(evidence).verdict == "inconclusive"


def test_a_rule_that_was_not_made_cannot_be_broken(evidence_of):
    two_each = evidence_of(**SHOP, duplicate_rows=2)
    assert audited(foreign(two_each, "everything")).audit.duplicate_students == 2
    assert audited(foreign(two_each, "everything", per_student=2)).audit.duplicate_students == 0
    unlimited = audited(foreign(two_each, "everything", per_student=0))
    assert unlimited.audit.duplicate_students is None
    assert "per_student" in unlimited.not_applicable["duplicate_students"]


def test_ledgers_that_disagree_are_told(evidence_of):
    same = foreign(evidence_of(**SHOP), "everything", names=("orders", "payments"))
    assert audited(same).audit.store_drift == 0
    one_less = same.ledger.drop(same.ledger.index[-1])
    events = tuple(
        dataclasses.replace(e, detail={**e.detail, "tickets": e.detail["tickets"] - 1})
        if e.kind == "ledger" and e.name == "payments"
        else e
        for e in same.events
    )
    finding = audited(dataclasses.replace(same, ledger=one_less, events=events))
    assert counted(finding) == {"store_drift": 1}
    assert "orders and payments" in finding.wrongs["store_drift"]


def test_who_held_a_ticket_before_was_rightly_told_so(evidence_of):
    evidence = foreign(evidence_of(**SHOP), "everything")
    sold_out = evidence.students.loc[evidence.students["outcome"] == "sold_out", "student"]
    student = int(sold_out.iloc[0])
    requests = evidence.requests.copy()
    told = (requests["role"] == PURCHASE) & (requests["student"] == student)
    requests["error"] = requests["error"].astype("object").mask(told, "already_holds_ticket")
    said = dataclasses.replace(evidence, requests=requests)
    assert audited(said).audit.false_already_holds == 1
    row = evidence.ledger.iloc[[0]].assign(source="orders:before", ticket="", student=student)
    held = pd.concat([evidence.ledger, row], ignore_index=True)
    assert audited(dataclasses.replace(said, ledger=held)).audit.false_already_holds == 0


def test_what_was_sold_before_took_places_unless_it_cannot_have(evidence_of):
    left = evidence_of(**SHOP, false_sold_out=9)
    assert audited(foreign(left, "everything")).audit.false_sold_out
    assert audited(foreign(left, "everything", before=9)).audit.false_sold_out == 0
    assert audited(foreign(left, "everything", before=60)).audit.false_sold_out


def test_second_tickets_took_places(evidence_of):
    left = evidence_of(**SHOP, false_sold_out=2)
    assert audited(foreign(left, "everything")).audit.false_sold_out
    taken = audited(foreign(evidence_of(**SHOP, false_sold_out=2, duplicate_rows=2), "everything"))
    assert (taken.audit.duplicate_students, taken.audit.false_sold_out) == (2, 0)


def test_clicks_that_were_under_way_excuse_a_refusal(evidence_of):
    """As of a slow app, whose last tickets were being granted while it refused the rest."""
    evidence = foreign(evidence_of(**SHOP, false_sold_out=9), "everything")
    requests = evidence.requests.copy()
    ends = evidence.students.set_index("student")["outcome"].astype("object")
    away = requests["student"].map(ends) == "sold_out"
    bought = (requests["role"] == PURCHASE) & (requests["outcome"] == "refused") & away
    nine = requests[bought].drop_duplicates("student").index[:9]
    requests["outcome"] = requests["outcome"].astype("object")
    requests["error"] = requests["error"].astype("object")
    requests.loc[nine, ["outcome", "error"]] = ["failed", "internal_error"]
    requests.loc[nine, "sent_ns"] = requests.loc[bought, "sent_ns"].min() - 1_000_000
    requests.loc[nine, "done_ns"] = requests.loc[bought, "done_ns"].max() + 1_000_000
    assert audited(dataclasses.replace(evidence, requests=requests)).audit.false_sold_out == 0


def test_a_basket_takes_a_place_before_it_is_bought(evidence_of):
    """As of a shop that keeps places from the basket on: who came between both was rightly told."""
    evidence = foreign(evidence_of(**SHOP), "everything")
    requests = evidence.requests.copy()
    ends = evidence.students.set_index("student")["outcome"].astype("object")
    told = (requests["role"] == PURCHASE) & (requests["error"] == "sold_out")
    bought = (requests["role"] == PURCHASE) & (requests["outcome"] == "ok")
    assert (requests["student"].map(ends) == "ticket")[bought].all()
    last_ns = int(requests.loc[told, "done_ns"].max())
    one = requests[bought].drop_duplicates("student").index
    next_seq = requests["seq"].max() + 1
    basket = requests.loc[one].assign(step="POST /basket", seq=next_seq)
    late = requests.loc[one].assign(seq=next_seq + 1)
    for column in ("intended_ns", "sent_ns", "done_ns", "read_ns"):
        late[column] += last_ns  # every order is sent when all refusals are over
        late[column] -= int(requests.loc[one, "sent_ns"].min()) - NS_PER_S
    rest = requests[~(requests["student"].isin(late["student"]) & (requests["role"] == PURCHASE))]
    steps = Steps(dict(iter(evidence.steps)))
    steps.code("POST /basket", OTHER)
    without = pd.concat([rest, late], ignore_index=True)
    lied = audited(dataclasses.replace(evidence, requests=without))
    assert lied.audit.false_sold_out
    whole = pd.concat([rest, basket, late], ignore_index=True)
    kept = dataclasses.replace(evidence, requests=whole, steps=steps)
    assert audited(kept).audit.false_sold_out == 0


def test_a_pass_says_no_more_than_was_looked_at(evidence_of):
    blind = judge(foreign(evidence_of(**SHOP), "answers"))
    assert blind.verdict == "pass"
    assert "nobody was wronged" not in blind.reasons[0]
    assert "no answer shows that anybody was wronged" in blind.reasons[0]
    assert "acked but missing" in blind.reasons[0]
    whole = judge(foreign(evidence_of(**SHOP), "everything"))
    assert whole.verdict == "pass"
    unread = "whose ticket a page shows was not read"
    assert f"nobody was wronged by what could be checked ({unread})," in whole.reasons[0]
    assert f"by what could be checked ({unread})" in blind.reasons[0]
    assert unread not in judge(evidence_of(**SHOP)).reasons[0]
    plain = foreign(evidence_of(**SHOP), "everything")
    opened = [(step, role) for step, role in plain.steps if role != CODE]
    none = dataclasses.replace(
        plain, steps=Steps(dict(opened)), requests=plain.requests[plain.requests["role"] != CODE]
    )
    assert "nobody was wronged," in judge(none).reasons[0]


@pytest.mark.parametrize("level", LEVELS)
def test_ci_sees_no_error_of_a_sound_shop(evidence_of, level):
    evidence = foreign(evidence_of(**SHOP), level)
    verdict = judge(evidence)
    suite = ET.fromstring(write_junit(verdict)).find("testsuite")
    assert (suite.get("errors"), suite.get("failures")) == ("0", "0")
    table = not_applicable_table(verdict.not_applicable)
    (beside,) = (row for row in table.rows if row[0].text == "Lost views")
    assert beside[2].text == verdict.not_applicable["lost_views"]


def test_the_order_is_judged_by_what_is_known_of_it(evidence_of):
    for level, words in (
        ("tickets", "no ledger says who was served when"),
        ("everything", "by the times in the ledger orders"),
    ):
        sound = judge(foreign(evidence_of(**SHOP), level))
        assert sound.fairness.inversions == 0
        assert any(words in note for note in sound.notes)
    unfair = evidence_of(**SHOP, overtakers=20)
    assert judge(foreign(unfair, "everything")).fairness.inversions


def test_what_was_open_already_was_not_sold_early(evidence_of):
    evidence = foreign(evidence_of(**SHOP, early=3), "everything")
    target = evidence.plan.target.model_copy(update={"opening": None})
    plan = evidence.plan.model_copy(update={"target": target})
    finding = audited(dataclasses.replace(evidence, plan=plan))
    assert finding.audit.sold_early is None
    assert "open" in finding.not_applicable["sold_early"]


def test_what_a_scenario_declares_is_judged_whoever_wrote_it(evidence_of):
    """Page and key as of a shop that speaks as the bundled ticket open does."""
    plain = evidence_of(**SHOP)
    declared = {"claims": True, "idempotent": True}
    sound = foreign(plain, "everything", declares=declared)
    assert found(sound) == {}
    for counter in ("false_countdown", "replays_refused", "lost_sessions", "refused_logins"):
        assert counter in audited(sound).applicable
        assert counter in audited(foreign(plain, "everything")).not_applicable

    again = told(plain, CLICK, double_clickers(plain), "already_holds_ticket", 7, device=1)
    assert found(foreign(again, "everything", declares=declared)) == {"replays_refused": 2}
    assert found(foreign(again, "everything")) == {}

    requests = plain.requests.copy()
    requests["told_opens_ns"] += 3 * NS_PER_S
    late = dataclasses.replace(plain, requests=requests)
    assert "false_countdown" in found(foreign(late, "everything", declares=declared))
    assert "false_countdown" not in found(foreign(late, "everything"))


def test_a_ticket_that_was_paid_twice_is_told_as_one(evidence_of):
    """A ledger of payments has a row each; the ledger of tickets has one of it."""
    shop = foreign(evidence_of(**SHOP), "everything", names=("tickets", "charges"))
    assert found(shop) == {}
    ledger = shop.ledger.copy()
    ledger["number"] = pd.array(range(len(ledger)), "Int64")
    own = ledger[ledger["source"].astype("object") == "charges"]
    again = own.head(3).assign(number=[9001, 9002, 9003])
    rows = pd.concat([ledger, again], ignore_index=True).astype(ledger.dtypes.to_dict())
    paid = dataclasses.replace(shop, ledger=rows)
    assert found(paid)["duplicate_students"] == 3
    assert audited(paid).wrongs["duplicate_students"] == (
        "Duplicates: 3 students have 3 tickets beyond the one that each may have (3 rows are for a "
        "ticket that stands in charges already, as one paid twice does)."
    )


def test_what_was_sold_too_often_by_another_ledger_alone_is_told_as_its_word(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything", names=("tickets", "charges"))
    own = shop.ledger[shop.ledger["source"].astype("object") == "charges"]
    more = own.head(4).assign(ticket=["c1", "c2", "c3", "c4"], student=[150, 151, 152, 153])
    rows = pd.concat([shop.ledger, more], ignore_index=True).astype(shop.ledger.dtypes.to_dict())
    said = audited(dataclasses.replace(shop, ledger=rows)).wrongs["oversold"]
    assert said == (
        "Oversold: 64 tickets were granted for 60 places by charges; tickets and what was told "
        "have 60."
    )


def test_what_was_lost_and_sold_again_is_a_loss_though_its_payment_is_still_there(evidence_of):
    lost = evidence_of(**SHOP, oversell=3, missing_rows=3)
    shop = foreign(lost, "everything", names=("tickets", "charges"))
    told = shop.promises.named
    gone = told[~told["ticket"].isin(shop.ledger["ticket"])]
    own = shop.ledger[shop.ledger["source"].astype("object") == "charges"].head(len(gone))
    paid = own.assign(ticket=gone["ticket"].tolist(), student=gone["student"].tolist())
    rows = pd.concat([shop.ledger, paid], ignore_index=True).astype(shop.ledger.dtypes.to_dict())
    wrongs = list(audited(dataclasses.replace(shop, ledger=rows)).wrongs)
    assert wrongs[:2] == ["acked_but_missing", "oversold"]
