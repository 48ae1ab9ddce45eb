"""A record that is known to be cut accuses nobody of what its missing rows would explain."""

import dataclasses

import pandas as pd
import pytest

from dress_rehearsal.reports.verdict import judge

pytestmark = pytest.mark.slow

SMALL = {"students": 200, "tickets": 60}
S = 1_000_000_000


def cut(evidence, at_ns):
    """The same run killed at `at_ns`: students as 2 s before, requests as 1 s before.

    The stores go on: they hold every ticket that was granted until then.
    """
    students = evidence.students.copy()
    requests, ledger = evidence.requests, evidence.ledger
    for column in ("outcome", "ticket"):
        students[column] = students[column].astype("object")
    seen_ns = at_ns - 2 * S
    late = (students["acked_ns"] > seen_ns).fillna(False).to_numpy(dtype=bool)
    students.loc[late, ["ticket", "acked_ns"]] = pd.NA
    started = (students["arrival_ns"] <= seen_ns).to_numpy(dtype=bool)
    students.loc[late, "outcome"] = "in_flight"
    students.loc[~started, "outcome"] = "never_started"
    students.loc[(students["issued_ns"] > seen_ns).fillna(False), "issued_ns"] = pd.NA
    return dataclasses.replace(
        evidence,
        students=students,
        requests=requests[requests["done_ns"] <= at_ns - S].reset_index(drop=True),
        ledger=ledger[ledger["granted_ns"] <= at_ns].reset_index(drop=True),
        events=tuple(event for event in evidence.events if event.kind != "ledger")
        + tuple(
            dataclasses.replace(
                event,
                detail={"tickets": int((ledger["granted_ns"] <= at_ns).sum()) // 2},
            )
            for event in evidence.events
            if event.kind == "ledger"
        ),
    )


@pytest.mark.parametrize("after_s", [0.2, 0.6, 1.5, 2.5, 4.0])
@pytest.mark.parametrize("defects", [{}, {"stuck": 2}], ids=["sound", "slow to say issued"])
def test_a_lost_generator_alone_never_fails_the_target(evidence_of, after_s, defects):
    evidence = evidence_of(**SMALL, component_lost="generator", **defects)
    assert evidence.t0_ns is not None
    verdict = judge(cut(evidence, evidence.t0_ns + int(after_s * S)))
    assert verdict.reasons[0].startswith("Lost: The generator")
    assert verdict.exit_code == 3
    assert verdict.audit.stuck_students is None


def test_the_same_stories_in_a_whole_record_are_wrongs(evidence_of):
    """What is excused above is caught where the record is known to be whole."""
    evidence = evidence_of(**SMALL)
    held = evidence.students["ticket"].notna()
    students = evidence.students.copy()
    for column in ("outcome", "ticket"):
        students[column] = students[column].astype("object")
    students.loc[held, ["ticket", "acked_ns", "issued_ns"]] = pd.NA
    students.loc[held, "outcome"] = "never_started"
    assert judge(dataclasses.replace(evidence, students=students)).audit.held_without_ack == 60
    stuck = judge(evidence_of(**SMALL, stuck=2))
    assert (stuck.audit.stuck_students, stuck.exit_code) == (2, 99)


def test_a_promised_ticket_that_is_nowhere_is_lost_and_stuck_in_a_cut_record_too(evidence_of):
    evidence = evidence_of(**SMALL, component_lost="generator")
    cut_short = cut(evidence, evidence.t0_ns + 4 * S)
    named = cut_short.students["ticket"].dropna().iloc[:1]
    students = cut_short.students.copy()
    students.loc[named.index, "issued_ns"] = pd.NA
    ledger = cut_short.ledger[~cut_short.ledger["ticket"].isin(named)]
    verdict = judge(dataclasses.replace(cut_short, students=students, ledger=ledger))
    assert verdict.exit_code == 99
    assert (verdict.audit.acked_but_missing, verdict.audit.stuck_students) == (1, 1)


def test_an_oversell_is_seen_in_a_cut_record_too(evidence_of):
    evidence = evidence_of(**SMALL, component_lost="generator", oversell=3)
    assert judge(cut(evidence, evidence.t0_ns + 4 * S)).verdict == "fail"


def test_views_beyond_those_recorded_are_no_invention_of_a_target_whose_record_is_cut(evidence_of):
    whole = judge(evidence_of(**SMALL, lost_views=-4))
    lost = judge(evidence_of(**SMALL, lost_views=-4, component_lost="generator"))
    assert (whole.audit.lost_views, lost.audit.lost_views) == (4, None)
    assert judge(evidence_of(**SMALL, component_lost="generator")).audit.lost_views == 0
