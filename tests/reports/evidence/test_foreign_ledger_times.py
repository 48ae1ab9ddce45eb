"""What the times in somebody else's ledger say: its clock may be another, and its times coarse."""

import dataclasses

import pandas as pd
import pytest

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.verdict import judge
from tests.reports.auditing import audited
from tests.reports.evidence.foreign_ledgers import (
    SHOP,
    dated,
    holders,
    with_rows,
)
from tests.reports.foreign import foreign

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seconds", [-30, -3.5])
def test_a_ledger_whose_clock_is_behind_accuses_nobody_of_selling_early(evidence_of, seconds):
    shop = with_rows(foreign(evidence_of(**SHOP), "everything"), dated(seconds))
    verdict = judge(shop)
    assert verdict.verdict == "inconclusive"
    assert "60 of 60 times lie before the click" in verdict.reasons[0]
    assert verdict.audit.sold_early is None
    assert verdict.sale.sold_out_after_s > 0
    assert verdict.fairness.inversions == 0


def test_a_single_time_before_the_click_is_told_and_decides_nothing(evidence_of):
    shop = with_rows(foreign(evidence_of(**SHOP), "everything"), dated(-30, every=20))
    finding = audited(shop)
    assert finding.audit.sold_early is None
    assert any("somebody who had not asked yet" in each for each in finding.problems)
    already = shop.plan.target.model_copy(update={"opening": None})
    plan = shop.plan.model_copy(update={"target": already})
    assert audited(dataclasses.replace(shop, plan=plan)).problems == ()


def test_tickets_dated_after_they_were_told_of_are_noted(evidence_of):
    sound = foreign(evidence_of(**SHOP), "everything")
    assert not any("dated after" in note for note in judge(sound).notes)
    late = judge(with_rows(sound, dated(30)))
    assert late.verdict == "pass"
    assert any("60 tickets are dated after the student was told" in each for each in late.notes)
    assert late.sale.sold_out_after_s < 10


def test_a_second_ticket_is_not_dated_after_the_student_was_told_of_the_first(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything", per_student=2)
    one, other = holders(shop, 2)
    students = shop.students.set_index("student", drop=False)
    second = students.at[other, "ticket"]
    students.at[one, "more_tickets"] = [second]
    students.loc[other, ["ticket", "outcome", "acked_ns", "issued_ns"]] = (
        None,
        "sold_out",
        None,
        None,
    )

    def bought_later(rows: pd.DataFrame) -> pd.DataFrame:
        bought = rows["ticket"] == second
        rows.loc[bought, "granted_ns"] += 5 * NS_PER_S
        return rows.assign(student=rows["student"].mask(bought, one))

    changed = dataclasses.replace(shop, students=students.reset_index(drop=True))
    assert not any("dated after" in note for note in judge(with_rows(changed, bought_later)).notes)


def test_times_of_minutes_are_no_early_sale(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything")
    minute_ns = 60 * NS_PER_S

    def minutes(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(granted_ns=rows["granted_ns"] // minute_ns * minute_ns)

    assert judge(with_rows(shop, minutes)).verdict == "pass"


def started_here(evidence: Evidence, command: str) -> Evidence:
    """The same run of an app that the plan's command has started."""
    target = evidence.plan.target.model_copy(update={"command": (command, "shop")})
    plan = evidence.plan.model_copy(update={"target": target})
    return dataclasses.replace(evidence, plan=plan)


HEARD = "told of a ticket before T-0"


@pytest.mark.parametrize("level", ["answers", "owners"])
def test_a_ticket_heard_of_just_before_t0_is_noted_where_clocks_may_differ(evidence_of, level):
    early = foreign(evidence_of(**SHOP, early=3), level)
    for unsure in (early, started_here(early, "/usr/bin/kubectl")):
        verdict = judge(unsure)
        assert verdict.verdict == "pass"
        assert any(f"3 students were {HEARD}" in note for note in verdict.notes)
    here = judge(started_here(early, "gunicorn"))
    assert (here.verdict, here.audit.sold_early) == ("fail", 3)
    sound = started_here(foreign(evidence_of(**SHOP), level), "gunicorn")
    assert not audited(sound).audit.sold_early
    assert not any(HEARD in note for note in judge(sound).notes)


def test_a_ledgers_times_tell_how_far_the_clocks_are_apart(evidence_of):
    early = foreign(evidence_of(**SHOP, early=3), "everything")
    verdict = judge(early)
    assert (verdict.verdict, verdict.audit.sold_early) == ("fail", 3)
    # Its clock is so far ahead that it opened in time by that.
    ahead = judge(with_rows(early, dated(0.6)))
    assert ahead.audit.sold_early == 0
    assert any(f"3 students were {HEARD}" in note for note in ahead.notes)


@pytest.mark.parametrize(
    "stamped",
    [
        pytest.param(dated(0), id="the same clock"),
        pytest.param(dated(-0.4), id="a clock behind"),
        pytest.param(dated(0.4), id="a clock ahead"),
        pytest.param(
            lambda rows: rows.assign(granted_ns=rows["granted_ns"] // NS_PER_S * NS_PER_S),
            id="cut to the second",
        ),
    ],
)
def test_a_sound_shop_sold_nothing_early_however_its_ledger_keeps_time(evidence_of, stamped):
    shop = with_rows(foreign(evidence_of(**SHOP), "everything"), stamped)
    assert audited(shop).audit.sold_early == 0
    assert audited(started_here(shop, "gunicorn")).audit.sold_early == 0


DATED = "dated before T-0"


def test_a_row_dated_just_before_t0_is_noted_where_its_clock_may_be_behind(evidence_of):
    sound = started_here(foreign(evidence_of(**SHOP), "everything"), "gunicorn")
    assert not any(DATED in note for note in judge(sound).notes)

    def first_dated(before_s: float) -> Evidence:
        """The first row so long before T-0, the others by a clock 50 ms behind."""

        def change(rows: pd.DataFrame) -> pd.DataFrame:
            rows["granted_ns"] -= NS_PER_S // 20
            first = rows["granted_ns"].idxmin()
            rows.loc[first, "granted_ns"] = sound.t0_ns - round(before_s * NS_PER_S)
            return rows

        return with_rows(sound, change)

    close = judge(first_dated(0.04))
    assert close.audit.sold_early == 0
    assert any(DATED in note for note in close.notes)
    assert judge(first_dated(0.2)).audit.sold_early == 1
