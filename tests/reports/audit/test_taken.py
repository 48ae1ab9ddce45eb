"""A place is taken as long as a try to buy may hold it: no shop is accused of what was held."""

import dataclasses

import pandas as pd
import pytest

from dress_rehearsal.records.steps import Steps
from dress_rehearsal.reports.audit.fairness import judge_fairness
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.verdict import judge
from tests.reports.audit.test_refusals import SECOND, ended, told
from tests.reports.audit.test_shown import asked
from tests.reports.auditing import audited, found
from tests.reports.evidence.foreign_ledgers import SHOP, holders, with_rows
from tests.reports.foreign import foreign
from tests.reports.two_requests import RESERVE, in_two_requests
from tests.steps import COUNTDOWN, PURCHASE

pytestmark = pytest.mark.slow

ADD_LEDGERS = "Add [[ledgers]] to the plan, or set event.tickets to what is left."


def declined(
    evidence: Evidence, who: list[int], until_s: float, word: str = "card_declined"
) -> Evidence:
    """The same run in which these, who were told that all is sold, clicked first of all instead.

    Each held a place while it was paid for, and had its card declined in the end.
    """
    others = ~(evidence.requests["student"].isin(who) & (evidence.requests["step"] == PURCHASE))
    rows = evidence.requests[others.to_numpy(dtype=bool)].reset_index(drop=True)
    paying = told(dataclasses.replace(evidence, requests=rows), PURCHASE, who, word, 0.001)
    rows = paying.requests
    these = (rows["student"].isin(who) & (rows["step"] == PURCHASE)).to_numpy(dtype=bool)
    heard = ["first_byte_ns", "done_ns", "read_ns"]
    rows.loc[these, heard] = evidence.t0_ns + round(until_s * SECOND)
    students = evidence.students.copy()
    ends = students["outcome"].astype("object")
    students["outcome"] = ends.mask(students["student"].isin(who), "refused").astype("category")
    return dataclasses.replace(paying, students=students)


def with_first_step_unnamed(evidence: Evidence) -> Evidence:
    """The same run of a scenario in which what reserves a place has no role."""
    roles = dict(evidence.steps) | {RESERVE: "other"}
    rows = evidence.requests.copy()
    kept = rows["role"].astype("object").mask(rows["step"] == RESERVE, "other")
    rows["role"] = kept.astype("category")
    return dataclasses.replace(evidence, requests=rows, steps=Steps(roles))


@pytest.mark.parametrize("unsold", [9, 30])
def test_a_yes_to_a_step_of_a_try_that_was_refused_hides_no_place(evidence_of, unsold):
    shop = foreign(evidence_of(**SHOP, false_sold_out=unsold), "everything")
    one = found(shop)
    assert one["false_sold_out"] > 100
    assert found(in_two_requests(shop)) == one
    assert found(with_first_step_unnamed(in_two_requests(shop))) == one
    sound = in_two_requests(foreign(evidence_of(**SHOP), "everything"))
    assert found(sound) == found(with_first_step_unnamed(sound)) == {}


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize(
    ("word", "until_s", "held"),
    [
        pytest.param("card_declined", 9, True, id="held while it was paid for"),
        pytest.param("card_declined", 0.1, False, id="given back before anybody was sent away"),
        pytest.param("too_early", 9, False, id="a word by which nothing was held"),
    ],
)
def test_a_place_is_taken_until_its_card_is_declined(evidence_of, limit, word, until_s, held):
    shop = foreign(evidence_of(**SHOP, false_sold_out=3), "everything", per_student=limit)
    assert found(shop)["false_sold_out"] > 100
    counts = found(declined(shop, ended(shop, "sold_out", 3), until_s, word))
    assert bool(counts.get("false_sold_out")) is not held


def test_a_reservation_without_a_role_is_held_until_its_card_is_declined(evidence_of):
    shop = foreign(evidence_of(**SHOP, false_sold_out=3), "everything")
    who = ended(shop, "sold_out", 3)
    paid = declined(shop, who, 9)
    late = paid.requests["student"].isin(who) & (paid.requests["error"] == "card_declined")
    rows = paid.requests.copy()
    rows.loc[late.to_numpy(dtype=bool), ["intended_ns", "sent_ns"]] += 8 * SECOND
    late_only = dataclasses.replace(paid, requests=rows)
    assert found(late_only)["false_sold_out"]
    reserved = told(late_only, RESERVE, who, None, 0.002, outcome="ok", status=201)
    rows = reserved.requests.copy()
    rows["role"] = rows["role"].astype("object").mask(rows["step"] == RESERVE, "other")
    steps = Steps(dict(shop.steps) | {RESERVE: "other"})
    first = (rows["step"] == RESERVE).to_numpy(dtype=bool)
    rows.loc[first, "seq"] = rows["seq"].max() + 1
    rows.loc[rows["error"].eq("card_declined").to_numpy(dtype=bool), "seq"] = rows["seq"].max() + 1
    assert "false_sold_out" not in found(dataclasses.replace(reserved, requests=rows, steps=steps))


def resold(evidence: Evidence, number: int, returned: int) -> Evidence:
    """The same run in which so many of the last who were sent away got a ticket all the same.

    As many of the first holders got none: so many of these had their card declined right before
    that, and the rest were told then that it is sold out.
    """
    rows = evidence.requests
    away = rows[(rows["step"] == PURCHASE) & (rows["error"] == "sold_out")].sort_values("sent_ns")
    late = away["student"].drop_duplicates(keep="last").tolist()[-number:]
    since_ns = int(away[away["student"].isin(late)]["sent_ns"].min())
    first = evidence.ledger.sort_values("granted_ns")["student"].astype(int).tolist()[:number]
    plain = {name: "object" for name, kind in rows.dtypes.items() if kind == "category"}
    rows, students = rows.astype(plain), evidence.students.copy()
    students["outcome"] = students["outcome"].astype("object")
    ledger = evidence.ledger.copy()
    for place, (early, later) in enumerate(zip(first, late, strict=True)):
        word = "card_declined" if place < returned else "sold_out"
        mine = (rows["student"] == early) & (rows["step"] == PURCHASE) & (rows["outcome"] == "ok")
        rows.loc[mine, ["outcome", "error", "status"]] = ["refused", word, 409]
        rows.loc[mine, ["first_byte_ns", "done_ns", "read_ns"]] = since_ns - 5_000_000
        theirs = (rows["student"] == later) & (rows["step"] == PURCHASE)
        rows.loc[theirs, ["outcome", "error", "status"]] = ["ok", None, 201]
        sent_ns, heard_ns = rows.loc[theirs, ["sent_ns", "done_ns"]].min()
        one = (ledger["student"] == early).to_numpy(dtype=bool)
        ticket = f"back-{place}"
        ledger.loc[one, "student"] = later
        ledger.loc[one, "granted_ns"] = int(sent_ns) + 1000
        ledger.loc[one, "ticket"] = ticket
        was, now = (students["student"] == student for student in (early, later))
        ends = "refused" if word == "card_declined" else "sold_out"
        students.loc[was, ["outcome", "ticket", "acked_ns", "issued_ns"]] = [ends, None, None, None]
        values = ["ticket", ticket, int(heard_ns), int(heard_ns)]
        students.loc[now, ["outcome", "ticket", "acked_ns", "issued_ns"]] = values
    rows = rows.astype(dict.fromkeys(plain, "category"))
    return dataclasses.replace(evidence, requests=rows, students=students, ledger=ledger)


def test_who_is_sent_away_is_not_overtaken_by_a_place_that_came_back(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything")
    for number in (1, 3):
        finding = judge_fairness(resold(shop, number, returned=number))
        assert (finding.fairness.inversions, finding.wrongs) == (0, ())
        assert judge(resold(shop, number, returned=number)).verdict == "pass"


@pytest.mark.parametrize(("number", "returned"), [(1, 0), (3, 1)])
def test_more_late_sales_than_places_that_came_back_overtake(evidence_of, number, returned):
    unfair = resold(foreign(evidence_of(**SHOP), "everything"), number, returned)
    assert judge_fairness(unfair).fairness.inversions > 100
    assert judge(unfair).verdict == "fail"


def in_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """A ledger in which each order has two seats."""
    return pd.concat([rows, rows.assign(ticket=rows["ticket"].astype("object") + "-b")])


@pytest.mark.parametrize("limit", [1, 2, 0])
def test_an_error_before_a_purchase_held_no_second_place(evidence_of, limit):
    shop = foreign(evidence_of(**SHOP, false_sold_out=9), "everything", per_student=limit)
    who = holders(shop, 9)
    erred = told(shop, PURCHASE, who, None, 0.001, outcome="failed", status=503)
    assert found(erred) == found(shop)
    assert found(erred)["false_sold_out"] > 100


@pytest.mark.parametrize("limit", [2, 0])
def test_an_error_that_bought_all_the_same_took_its_place(evidence_of, limit):
    shop = foreign(evidence_of(**SHOP, false_sold_out=9), "everything", per_student=limit)
    who = holders(shop, 9)

    def bought(rows: pd.DataFrame) -> pd.DataFrame:
        theirs = rows[rows["student"].isin(who)]
        return pd.concat([rows, theirs.assign(ticket=theirs["ticket"].astype("object") + "-b")])

    erred = told(shop, PURCHASE, who, None, 0.001, outcome="failed", status=503)
    assert "false_sold_out" not in found(with_rows(erred, bought))


@pytest.mark.parametrize("limit", [2, 0])
def test_an_order_may_be_for_several_places(evidence_of, limit):
    def shop(tickets):
        plain = foreign(evidence_of(**SHOP), "everything", per_student=limit, tickets=tickets)
        return with_rows(plain, in_pairs)

    assert found(shop(120)) == {}
    assert found(shop(140))["false_sold_out"] > 100
    (note,) = (note for note in judge(shop(120)).notes if "told to nobody" in note)
    assert note.startswith("60 tickets in orders were told to nobody: their students were told of")


def test_rows_that_nobody_was_told_of_are_noted_where_several_are_allowed(evidence_of):
    def more(rows):
        beside = rows.iloc[:20].assign(ticket=[f"x{number}" for number in range(20)])
        return pd.concat([rows, beside])

    plenty = evidence_of(students=200, tickets=300, allocation="naive")
    for limit, noted in ((2, 1), (0, 1), (1, 0)):
        plain = foreign(plenty, "everything", per_student=limit)
        notes = [judge(each).notes for each in (plain, with_rows(plain, more))]
        told_to_nobody = [sum("told to nobody" in note for note in each) for each in notes]
        assert told_to_nobody == [0, noted]
    assert found(with_rows(foreign(plenty, "everything"), more)) == {"duplicate_students": 20}


def test_without_a_ledger_what_was_sold_before_is_not_known(evidence_of):
    """Nine of the sixty may have been sold to others, or wrongly kept: the answers do not tell."""
    shop = foreign(evidence_of(**SHOP, false_sold_out=9), "answers")
    verdict = judge(shop)
    assert verdict.verdict == "inconclusive"
    (said,) = (each for each in verdict.reasons if each.startswith('Whether "sold out" was true'))
    assert "139 students were told so while up to 9 of 60 places cannot" in said
    assert said.endswith(ADD_LEDGERS)
    as_it_said = foreign(evidence_of(**SHOP, false_sold_out=9), "answers", tickets=51)
    for sound in (as_it_said, foreign(evidence_of(**SHOP), "answers")):
        assert judge(sound).verdict == "pass"
    drawn = foreign(evidence_of(**SHOP, false_sold_out=9), "answers", order="lottery")
    assert judge(drawn).verdict == "pass"


@pytest.mark.parametrize("unsold", [0, 9])
def test_answers_prove_that_places_were_left_which_were_sold_later(evidence_of, unsold):
    shop = foreign(evidence_of(**SHOP, false_sold_out=unsold), "answers")
    lied = told(shop, PURCHASE, ended(shop, "sold_out"), "sold_out", -0.5)
    verdict = judge(lied)
    assert (verdict.verdict, verdict.audit.false_sold_out) == ("fail", 2)
    assert "places that students got in the end cannot have been taken" in verdict.reasons[0]
    assert not any(ADD_LEDGERS in reason for reason in verdict.reasons)


def test_what_a_count_has_beyond_who_was_told_took_places(evidence_of):
    """Some clicks met an error and bought all the same: a ledger that only counts has them."""
    shop = foreign(evidence_of(**SHOP), "count")
    rows = shop.requests.astype({"outcome": "object", "error": "object"})
    bought = rows[(rows["step"] == PURCHASE) & (rows["outcome"] == "ok")]
    five = sorted(bought["student"].unique())[:5]
    theirs = (rows["student"].isin(five) & (rows["step"] == PURCHASE)).to_numpy(dtype=bool)
    rows.loc[theirs, ["outcome", "error", "status"]] = ["failed", "http_500", 500]
    students = shop.students.copy()
    these = students["student"].isin(five)
    students["outcome"] = students["outcome"].astype("object").mask(these, "failed")
    for column in ("ticket", "acked_ns", "issued_ns"):
        students[column] = students[column].mask(these)
    erring = dataclasses.replace(shop, requests=rows, students=students)
    assert found(erring) == {}
    (stamp,) = (event for event in erring.events if event.kind == "ledger")
    fewer = dataclasses.replace(stamp, detail={**stamp.detail, "tickets": 55})
    events = tuple(fewer if event is stamp else event for event in erring.events)
    assert found(dataclasses.replace(erring, events=events))["false_sold_out"] > 100


def test_a_page_may_tell_that_all_is_sold_while_places_are_held(evidence_of):
    shop = foreign(evidence_of(**SHOP, false_sold_out=3), "everything", declares={"claims": True})
    who = ended(shop, "sold_out", 5)
    for until_s, wrong in ((9, 0), (0.1, 2)):
        paid = declined(shop, who[:3], until_s)
        shown = asked(paid, COUNTDOWN, who[3:], 7, told_state="sold_out")
        assert found(shown).get("false_state", 0) == wrong


def test_what_was_sold_before_is_no_prize_that_was_left(evidence_of):
    drawn = evidence_of(**SHOP, false_sold_out=9)
    for before, wrong in ((0, 9), (9, 0)):
        shop = foreign(drawn, "everything", before=before, order="lottery")
        assert (audited(shop).audit.false_sold_out or 0) == wrong


def test_words_of_a_shops_own_are_held_against_nothing(evidence_of):
    """As of a shop that keeps places for a group and says so to everybody else."""
    shop = foreign(evidence_of(**SHOP, false_sold_out=10), "everything")
    students, rows = shop.students.copy(), shop.requests.copy()
    own = {"sold_out": "quota_full"}
    rows["error"] = rows["error"].astype("object").replace(own).astype("category")
    ends = students["outcome"].astype("object").replace({"sold_out": "refused"})
    students["outcome"] = ends.astype("category")
    kept = dataclasses.replace(shop, students=students, requests=rows)
    assert judge(kept).verdict == "pass"
    assert judge(shop).failures == ("audit",)
