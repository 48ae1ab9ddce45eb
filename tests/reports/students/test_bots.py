"""Bots: their share of the requests, by time, and of the tickets; without bots nothing is said."""

import dataclasses

import pytest

from dress_rehearsal.reports.students.bots import bot_notes
from dress_rehearsal.reports.verdict import judge


@pytest.fixture
def with_bots(evidence_of):
    """A run of which the first twenty eager students were bots."""
    evidence = evidence_of(students=200, tickets=60, plan={"students": {"bots": "10%"}})
    students, requests = evidence.students, evidence.requests
    eager = students.loc[students["journey"] == "eager", "student"].tolist()[:20]

    def renamed(frame):
        journey = frame["journey"].astype("object")
        return frame.assign(journey=journey.mask(frame["student"].isin(eager), "bot"))

    return dataclasses.replace(evidence, students=renamed(students), requests=renamed(requests))


@pytest.mark.slow
def test_their_share_is_told_by_time_and_in_tickets(with_bots):
    (note,) = bot_notes(with_bots)
    rows = with_bots.requests
    share = 100 * (rows["journey"] == "bot").mean()
    assert note.startswith(f"20 bots (10% of the students) sent {share:.3g}% of all requests, ")
    assert " in the 10 s before T-0, " in note
    assert " in the 10 s after it. They got " in note
    assert note in judge(with_bots).notes


def test_without_bots_nothing_is_said(healthy):
    assert bot_notes(healthy) == []
