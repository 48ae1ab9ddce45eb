"""What pages, places, numbers and codes show is held against the sale; what was so is no wrong."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.records.tables import CLAIMS
from dress_rehearsal.reports.audit import unchecked_words
from dress_rehearsal.reports.verdict import judge
from tests.reports.audit.test_refusals import told
from tests.reports.auditing import audited, found
from tests.steps import COUNTDOWN, JOIN, PAGE, PURCHASE, QR, QUEUE, STREAM, TICKET

pytestmark = pytest.mark.slow

SECOND = 1_000_000_000
SMALL = {"students": 200, "tickets": 60}
ROOM = {"app": {"waiting_room": "poll", "admission_rate": 40}}


def rows_of(evidence, *steps):
    """Which requests were answered well at these steps, in the order of their times."""
    return np.flatnonzero(
        evidence.requests["step"].isin(steps) & (evidence.requests["outcome"] == "ok")
    )


def with_told(evidence, rows, **columns):
    """The same run in which the answers in these rows told something else."""
    requests = evidence.requests.copy()
    for name, value in columns.items():
        if isinstance(requests[name].dtype, pd.CategoricalDtype | pd.SparseDtype):
            requests[name] = requests[name].astype("object")
        requests.loc[requests.index[rows], name] = value
    return dataclasses.replace(evidence, requests=requests)


def asked(evidence, step, students, at_s, **columns):
    """The same run in which these students asked once more, at this time, and heard this."""
    more = told(evidence, step, students, None, at_s, outcome="ok", status=200)
    added = more.requests.index[
        ~more.requests[["student", "step", "sent_ns"]]
        .apply(tuple, axis=1)
        .isin(evidence.requests[["student", "step", "sent_ns"]].apply(tuple, axis=1))
    ]
    assert len(added) == len(students)
    places = [students.index(one) for one in more.requests.loc[added, "student"]]
    for name, value in columns.items():
        if isinstance(value, list):
            columns[name] = [value[place] for place in places]
    nothing = dict.fromkeys(CLAIMS.names)
    return with_told(more, added.to_numpy(), **nothing | columns)


def test_a_healthy_run_tells_nothing_that_is_not_so(evidence_of):
    evidence = evidence_of(**SMALL)
    assert found(evidence) == {}
    audit = audited(evidence).audit
    assert (audit.false_countdown, audit.false_state, audit.false_remaining) == (0, 0, 0)
    assert (audit.false_number, audit.wrong_code, audit.false_place) == (0, 0, None)


# --- the countdown --------------------------------------------------------------------------------


@pytest.mark.parametrize("clock", ["told_now_ns", "told_opens_ns"])
def test_a_countdown_that_is_seconds_off_is_told_with_whose_it_was(evidence_of, clock):
    evidence = evidence_of(**SMALL)
    rows = rows_of(evidence, PAGE, COUNTDOWN)
    worker = evidence.requests["worker"].astype("object").to_numpy()
    rows = rows[worker[rows] == "4101"]
    value = evidence.requests[clock].to_numpy(dtype="int64", na_value=0)[rows] + 3 * SECOND
    wrong = with_told(evidence, rows, **{clock: value})
    students = evidence.requests["student"].to_numpy()[rows]
    assert found(wrong) == {"false_countdown": len(set(students.tolist()))}
    assert (
        audited(wrong)
        .wrongs["false_countdown"]
        .endswith("by up to 3 s wrong, each by the worker 4101.")
    )


def test_what_passed_on_the_way_is_no_wrong_countdown(evidence_of):
    evidence = evidence_of(**SMALL)
    rows = rows_of(evidence, PAGE, COUNTDOWN)
    for moment in ("sent_ns", "done_ns"):
        value = evidence.requests[moment].to_numpy(dtype="int64", na_value=0)[rows]
        assert found(with_told(evidence, rows, told_now_ns=value)) == {}


def test_a_foreign_targets_clock_may_be_off_by_a_second(evidence_of):
    evidence = evidence_of(**SMALL)
    foreign = evidence.plan.model_copy(
        update={
            "target": evidence.plan.target.model_copy(
                update={"stage": "external", "url": "http://x"}
            )
        }
    )
    rows = rows_of(evidence, PAGE, COUNTDOWN)
    value = evidence.requests["told_now_ns"].to_numpy(dtype="int64", na_value=0)[rows]
    for off_s, wrong in ((0.9, 0), (1.2, 200)):
        changed = with_told(evidence, rows, told_now_ns=value + round(off_s * SECOND))
        abroad = dataclasses.replace(changed, plan=foreign)
        assert audited(abroad).audit.false_countdown == wrong


# --- the state ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "at_s", "state", "wrong"),
    [
        pytest.param(COUNTDOWN, 0.1, "waiting", 2, id="T-0 was past"),
        pytest.param(PAGE, -0.1, "waiting", 0, id="it was to come"),
        pytest.param(PAGE, -0.1, "open", 2, id="not open yet"),
        pytest.param(PAGE, -0.1, "sold_out", 2, id="nothing sold yet"),
        pytest.param(PAGE, 0.0, "sold_out", 2, id="others bought on"),
        pytest.param(PAGE, 7, "sold_out", 0, id="sold out indeed"),
        pytest.param(PAGE, 7, "open", 2, id="sold out for seconds"),
        pytest.param(QUEUE, 7, "open", 2, id="in the queue too"),
        pytest.param(PAGE, 1.2, "open", 0, id="as old as a status may be"),
        pytest.param(PAGE, 7, "moonrise", 0, id="a word that nobody knows"),
    ],
)
def test_each_state_is_held_against_the_sale(evidence_of, step, at_s, state, wrong):
    evidence = evidence_of(**SMALL)
    changed = asked(evidence, step, [3, 4], at_s, told_state=state)
    assert audited(changed).audit.false_state == wrong
    assert unchecked_words(changed.requests, changed.plan, changed.steps) == (
        {"moonrise": 2} if state == "moonrise" else {}
    )
    if wrong:
        assert (
            "2 students were told what was not so (2 that" in audited(changed).wrongs["false_state"]
        )


def test_sold_out_is_never_so_while_places_are_left(evidence_of):
    evidence = evidence_of(**SMALL, false_sold_out=3)
    assert "false_state" not in found(evidence)
    assert found(asked(evidence, COUNTDOWN, [3, 4], 7, told_state="sold_out"))["false_state"] == 2
    assert found(asked(evidence, COUNTDOWN, [3, 4], 7, told_state="open")) == found(evidence)


# --- what is left ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_s", "left", "wrong"),
    [
        pytest.param(-1, 60, 0, id="nobody had bought"),
        pytest.param(-1, 59, 2, id="fewer than nobody had bought"),
        pytest.param(-1, 61, 2, id="more than there are"),
        pytest.param(7, 0, 0, id="all gone"),
        pytest.param(7, 1, 2, id="one left, long after"),
        pytest.param(2.0, 0, 0, id="all may have gone"),
        pytest.param(0.3, 60, 0, id="as old as a status may be"),
    ],
)
def test_what_is_left_lies_between_what_can_have_gone(evidence_of, at_s, left, wrong):
    evidence = evidence_of(**SMALL)
    changed = asked(evidence, COUNTDOWN, [3, 4], at_s, told_remaining=left)
    assert found(changed) == ({"false_remaining": wrong} if wrong else {})


@pytest.mark.parametrize(("at_s", "wrong"), [(6.5, 0), (12, 2)])
def test_a_service_that_answers_late_renews_what_is_left_twice_as_late(evidence_of, at_s, wrong):
    """All have gone by T-0 + 2 s; with answers of 3 s what is shown may be 1 s + 2 x 3 s old."""
    evidence = evidence_of(**SMALL)
    late = rows_of(evidence, PAGE)[:1]
    sent_ns = evidence.requests["sent_ns"].to_numpy()[late]
    slow = with_told(evidence, late, done_ns=sent_ns + 3 * SECOND)
    changed = asked(slow, COUNTDOWN, [3, 4], at_s, told_remaining=60)
    assert found(changed) == ({"false_remaining": wrong} if wrong else {})


def test_a_page_that_tells_of_another_number_of_tickets_is_wrong(evidence_of):
    evidence = evidence_of(**SMALL)
    pages = rows_of(evidence, PAGE)[:2]
    assert found(with_told(evidence, pages, told_tickets=61)) == {"false_remaining": 2}


# --- places in the queue --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_s", "others", "wrong", "why"),
    [
        (6.9, {"told_admitted": True, "told_ahead": 0}, 0, None),
        (3, {"told_admitted": False}, 0, None),
        (7.5, {"told_admitted": False}, 2, "too many ahead"),
    ],
)
def test_those_ahead_are_held_against_who_was_let_in(evidence_of, at_s, others, wrong, why):
    evidence = evidence_of(**SMALL, plan=ROOM)
    joined = rows_of(evidence, JOIN)
    places = evidence.requests.iloc[joined].sort_values("told_position")
    who, last = places["student"].tolist(), places["told_position"].tolist()
    # Half of the queue has been let in by T-0 + 5 s.
    half = asked(
        evidence, QUEUE, who[99:100], 5, told_position=100, told_admitted=True, told_ahead=0
    )
    columns = {"told_position": last[148:150], "told_ahead": [147, 148], **others}
    changed = asked(half, QUEUE, who[148:150], at_s, **columns)
    assert found(changed) == ({"false_place": wrong} if wrong else {})
    if why:
        assert f"{wrong} {why}" in audited(changed).wrongs["false_place"]


def test_too_few_ahead_is_shown_by_who_still_waits(evidence_of):
    evidence = evidence_of(**SMALL, plan=ROOM)
    places = evidence.requests.iloc[rows_of(evidence, JOIN)].sort_values("told_position")
    who = places["student"].tolist()
    waits = asked(
        evidence, QUEUE, who[120:121], 2.5, told_position=121, told_ahead=20, told_admitted=False
    )
    assert found(waits) == {}
    early = asked(
        waits,
        QUEUE,
        who[150:152],
        0.2,
        told_position=[151, 152],
        told_ahead=[3, 4],
        told_admitted=False,
    )
    assert found(early) == {"false_place": 2}
    assert "2 too few ahead" in audited(early).wrongs["false_place"]


@pytest.mark.parametrize("step", [QUEUE, STREAM])
@pytest.mark.parametrize(
    ("position", "wrong", "why"),
    [
        pytest.param(["own", "own"], 0, None, id="their own"),
        pytest.param([7, 9], 2, "another place than before", id="moved"),
        pytest.param([901, 902], 2, "a place behind more students", id="behind more than came"),
    ],
)
def test_a_place_is_ones_own_and_stays(evidence_of, step, position, wrong, why):
    evidence = evidence_of(**SMALL, plan=ROOM)
    places = evidence.requests.iloc[rows_of(evidence, JOIN)].sort_values("told_position")
    who = places["student"].tolist()[60:62]
    told_position = [61, 62] if position == ["own", "own"] else position
    changed = asked(evidence, step, who, 6, told_position=told_position)
    counts = found(changed)
    counts.pop("early_admissions", None)
    assert counts == ({"false_place": wrong} if wrong else {})
    if why:
        assert f"{wrong} {why}" in audited(changed).wrongs["false_place"]


def test_one_place_told_to_two_is_wrong(evidence_of):
    evidence = evidence_of(**SMALL, plan=ROOM)
    joined = rows_of(evidence, JOIN)
    position = evidence.requests["told_position"].to_numpy(dtype="int64", na_value=0)
    twice = joined[position[joined] == 40]
    shared = with_told(evidence, twice, told_position=39)
    assert audited(shared).audit.false_place == 1
    assert "1 a place that another has" in audited(shared).wrongs["false_place"]


def test_who_is_told_to_be_let_in_before_t0_was_let_in_early(evidence_of):
    evidence = evidence_of(**SMALL, plan=ROOM)
    early = asked(evidence, QUEUE, [3, 4], -1, told_admitted=True)
    assert found(early) == {"early_admissions": 2}


# --- the holder's own page ------------------------------------------------------------------------


def test_a_number_is_the_stores_own_and_nobody_elses(evidence_of):
    evidence = evidence_of(**SMALL)
    rows = rows_of(evidence, TICKET)
    numbers = evidence.requests["told_number"].astype("object").fillna(0).to_numpy(dtype="int64")
    first, second = rows[numbers[rows] == 7], rows[numbers[rows] == 8]
    shared = with_told(evidence, second, told_number=7)
    assert found(shared) == {"false_number": 1}
    said = audited(shared).wrongs["false_number"]
    assert "1 not the one in postgres, " in said
    assert "1 one that another was shown too" in said
    other = with_told(evidence, first, told_number=700)
    assert found(other) == {"false_number": 1}


def test_a_page_with_anothers_ticket_is_wrong(evidence_of):
    evidence = evidence_of(**SMALL)
    first, second = rows_of(evidence, TICKET)[:2]
    like = evidence.requests.iloc[second]
    swapped = with_told(evidence, [first], told_ticket=like["told_ticket"])
    assert found(swapped) == {"false_number": 1}
    assert "1 on another's ticket" in audited(swapped).wrongs["false_number"]


def test_without_the_store_shared_numbers_are_seen_all_the_same(evidence_of):
    evidence = evidence_of(**SMALL, without=["ledger"])
    assert audited(evidence).audit.false_number is None
    rows = rows_of(evidence, TICKET)
    shared = with_told(evidence, rows[:4], told_number=7)
    assert audited(shared).audit.false_number == 4


@pytest.mark.parametrize(
    ("told_as", "wrong"),
    [
        pytest.param({"told_code": 5, "told_ticket": None}, 3, id="the same code to four"),
        pytest.param({"told_code": [5, 6, 7, 8], "told_ticket": None}, 0, id="nothing to be read"),
        pytest.param({"told_ticket": "nobody's"}, 4, id="a ticket that is not theirs"),
    ],
)
def test_a_code_is_ones_own(evidence_of, told_as, wrong):
    evidence = evidence_of(**SMALL)
    rows = rows_of(evidence, QR)
    changed = with_told(evidence, rows, told_code=-1 - np.arange(len(rows)))
    changed = with_told(changed, rows[:4], **told_as)
    assert found(changed) == ({"wrong_code": wrong} if wrong else {})
    said = audited(changed).wrongs.get("wrong_code", "")
    named = "Others' tickets shown" if "told_code" not in told_as else "Wrong QR codes"
    assert said.startswith(named if wrong else "")


def test_abroad_a_code_is_anothers_only_where_somebody_was_told_of_that_ticket(evidence_of):
    evidence = evidence_of(**SMALL)
    target = evidence.plan.target.model_copy(update={"stage": "external", "url": "http://x"})
    foreign = evidence.plan.model_copy(update={"target": target})
    rows = rows_of(evidence, QR)
    theirs = evidence.requests["told_ticket"].astype("object").to_numpy()[rows]
    for ticket, wrong in (("looks like one", 0), (theirs[-1], 1)):
        changed = with_told(evidence, rows[:1], told_ticket=ticket)
        assert audited(dataclasses.replace(changed, plan=foreign)).audit.wrong_code == wrong


def test_what_a_foreign_target_counts_by_a_place_or_a_number_is_its_own(evidence_of):
    """Of its places only that nobody gets further back is asked (`test_foreign_places`)."""
    evidence = evidence_of(**SMALL, plan=ROOM)
    target = evidence.plan.target.model_copy(update={"stage": "external", "url": "http://x"})
    foreign = evidence.plan.model_copy(update={"target": target})
    moving = with_told(evidence, rows_of(evidence, JOIN), told_position=1)
    moving = with_told(moving, rows_of(evidence, TICKET), told_number=1)
    assert {"false_place", "false_number"} <= set(found(moving))
    nowhere = {"plan": foreign, "ledger": moving.ledger[:0], "events": ()}
    abroad = audited(dataclasses.replace(moving, **nowhere))
    assert abroad.audit.false_place == 0
    assert "false_number" not in abroad.applicable


# --- what was not recorded, or not asked ----------------------------------------------------------


def test_a_run_from_before_is_not_measured_and_a_foreign_target_need_not_tell(evidence_of):
    evidence = evidence_of(**SMALL)
    old = evidence.requests.assign(**dict.fromkeys(CLAIMS.names, pd.NA))
    kept = {name: evidence.requests[name].dtype for name in CLAIMS.names}
    old = dataclasses.replace(evidence, requests=old.astype(kept))
    names = {"false_countdown", "false_state", "false_remaining", "false_number", "wrong_code"}
    assert found(old) == dict.fromkeys(names)
    assert judge(old).verdict == "inconclusive"
    target = evidence.plan.target.model_copy(update={"stage": "external", "url": "http://x"})
    foreign = dataclasses.replace(old, plan=evidence.plan.model_copy(update={"target": target}))
    assert not names & set(audited(foreign).applicable)


def test_nobody_who_was_shown_nothing_was_shown_a_wrong_one(evidence_of):
    evidence = evidence_of(**SMALL)
    gone = evidence.requests["step"].isin([TICKET, QR]).to_numpy(dtype=bool)
    silent = dataclasses.replace(evidence, requests=evidence.requests[~gone])
    assert not {"false_number", "wrong_code"} & set(audited(silent).applicable)
    assert (silent.requests["step"] == PURCHASE).any()


def test_a_sale_at_which_nobody_waits_for_the_opening_is_judged_too(healthy):
    """All come after T-0: no countdown was asked for, so none can have shown a wrong number."""
    asked = (healthy.requests["step"] == COUNTDOWN).to_numpy(dtype=bool)
    assert asked.any()
    finding = audited(dataclasses.replace(healthy, requests=healthy.requests[~asked]))
    assert not [each for each in finding.problems if "not in the record" in each]
    assert not finding.wrongs


def test_a_countdown_that_showed_nothing_still_leaves_it_open(healthy):
    requests = healthy.requests.assign(told_remaining=pd.array([pd.NA] * len(healthy.requests)))
    finding = audited(dataclasses.replace(healthy, requests=requests))
    assert any("nobody can check false_remaining" in each for each in finding.problems)
