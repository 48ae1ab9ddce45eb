"""Of a purchase in two requests, only the answer that ends it grants a ticket."""

import dataclasses

import numpy as np
import pytest

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.places import places_in_line
from tests.reports.audit.test_refusals import SECOND, SMALL, ended, told
from tests.reports.auditing import found
from tests.reports.foreign import foreign
from tests.reports.two_requests import PAY, RESERVE, in_two_requests

pytestmark = pytest.mark.slow

DECLARED = {"idempotent": True}
HOLDS = "already_holds_ticket"


@pytest.fixture
def sound(evidence_of) -> Evidence:
    """A shop of somebody else's that promises to answer a repeated click as the first."""
    return in_two_requests(foreign(evidence_of(**SMALL), "everything", declares=DECLARED))


def double_clicker(evidence: Evidence) -> tuple[list[int], float]:
    """One who got a ticket on the first device, and when, in seconds from T-0."""
    rows = evidence.requests
    ok = rows[(rows["step"] == PAY) & (rows["outcome"] == "ok") & (rows["device"] == 0)]
    ok = ok[ok["journey"] == "double-clicker"].iloc[0]
    return [int(ok["student"])], (int(ok["done_ns"]) - (evidence.t0_ns or 0)) / SECOND


def two_answers(
    evidence: Evidence, who: list[int], device: int, reserved_s: float, paid_s: float
) -> Evidence:
    """The same run in which they reserved once more, with a yes, and were refused on paying."""
    evidence = told(
        evidence, RESERVE, who, None, reserved_s, outcome="ok", status=201, device=device
    )
    return told(evidence, PAY, who, HOLDS, paid_s, device=device)


def test_a_sound_shop_is_accused_of_nothing(sound):
    assert sound.buying.steps.sum() == sound.buying.ends.sum() > 0
    assert found(sound) == {}


@pytest.mark.parametrize(
    ("device", "wrong"),
    [
        pytest.param(1, {"replays_refused": 1}, id="under the key that has the ticket"),
        pytest.param(2, {}, id="under another key"),
    ],
)
def test_refused_at_the_last_request_by_key(sound, device, wrong):
    """A place may be reserved under each key before any has paid."""
    who, got_s = double_clicker(sound)
    again = two_answers(alone(sound, who), who, device, got_s - 0.004, got_s + 0.1)
    assert found(again) == wrong


@pytest.mark.parametrize(
    ("after_s", "device", "wrong"),
    [
        pytest.param(0.1, 1, {"replays_refused": 1}, id="once its key had the ticket"),
        pytest.param(0.1, 2, {}, id="another key"),
        pytest.param(-0.002, 1, {}, id="while nobody had a ticket, but had reserved"),
    ],
)
def test_refused_at_the_first_request_by_key(sound, after_s, device, wrong):
    who, got_s = double_clicker(sound)
    again = told(alone(sound, who), RESERVE, who, HOLDS, got_s + after_s, device=device)
    assert found(again) == wrong


def test_a_place_that_was_reserved_is_no_ticket_to_be_told_of(sound):
    """Paying, they are told to hold one; by then they had a reservation and nothing else."""
    who = ended(sound, "sold_out")
    assert found(two_answers(sound, who, 3, 6.9, 7)) == {"false_already_holds": 2}


def test_who_reserved_in_vain_takes_a_new_place(sound):
    """Reserved first of all, the payment failed: the place is that of the try that was decided."""
    line = places_in_line(sound)
    assert line is not None
    who = [int(line.index[line["number"].notna()][-1])]
    first = told(sound, RESERVE, who, None, 0.001, outcome="ok", status=201, device=3)
    failed = told(first, PAY, who, "http_500", 0.002, outcome="failed", status=500, device=3)
    again = places_in_line(failed)
    assert again is not None
    assert again.loc[who[0], "place_ns"] == line.loc[who[0], "place_ns"]


def test_the_place_in_line_is_taken_by_the_first_request(sound, evidence_of):
    plain = places_in_line(foreign(evidence_of(**SMALL), "everything"))
    line = places_in_line(sound)
    assert plain is not None and line is not None
    earlier = (plain["place_ns"] - line["place_ns"]).to_numpy(dtype="int64")
    assert (earlier >= 0).all() and np.median(earlier) == 5_000_000


def alone(evidence: Evidence, who: list[int]) -> Evidence:
    """The same run in which these students clicked on one device alone."""
    copies = evidence.requests["student"].isin(who) & (evidence.requests["device"] > 0)
    rows = evidence.requests[~copies.to_numpy(dtype=bool)].reset_index(drop=True)
    return dataclasses.replace(evidence, requests=rows)
