"""Where a purchase is two requests, the slower one stands for it wherever buying has one number."""

import dataclasses

import pytest

from dress_rehearsal.records.steps import TICKET_OPEN, Steps
from dress_rehearsal.reports.capacity.tried import watched_step
from dress_rehearsal.reports.evidence.latency import at_least
from dress_rehearsal.reports.evidence.purchase_step import purchase_step_of, slowest_purchase_step
from dress_rehearsal.reports.figures import spectrum
from dress_rehearsal.reports.figures.latency import draw_latency
from dress_rehearsal.reports.figures.panel import Entry
from dress_rehearsal.reports.page import key_numbers
from dress_rehearsal.reports.page.tables import group_tables, parts_tables
from dress_rehearsal.reports.schema import Latency
from dress_rehearsal.reports.verdict import judge
from tests.reports.foreign import foreign
from tests.steps import PURCHASE

SMALL = {"students": 200, "tickets": 60}

PAY = "POST /pay"
SLOW_NS = 1_500_000_000


@pytest.fixture(scope="module")
def in_two(evidence_of):
    """Return a maker of a run where every fourth request to buy is a payment.

    Its argument is the steps at which students wait for 1.5 s longer.
    """

    def make(*slow):
        evidence = foreign(evidence_of(**SMALL, allocation="naive"), "everything")
        requests = evidence.requests.assign(step=evidence.requests["step"].astype("object"))
        bought = requests.index[requests["step"] == PURCHASE]
        requests.loc[bought[::4], "step"] = PAY
        late = requests["step"].isin(slow)
        for column in ("done_ns", "read_ns"):
            if column in requests:
                requests.loc[late, column] += SLOW_NS
        return dataclasses.replace(
            evidence,
            requests=requests.astype({"step": "category"}),
            steps=Steps({**TICKET_OPEN, PAY: "purchase"}),
        )

    return make


@pytest.mark.parametrize(("slow", "fast"), [(PAY, PURCHASE), (PURCHASE, PAY)])
def test_the_slow_one_of_two_requests_stands_for_buying_everywhere(in_two, slow, fast, monkeypatch):
    evidence = in_two(slow)
    verdict = judge(evidence)
    own = verdict.latency_ms[slow]
    assert own.p99 > 1500 > verdict.latency_ms[fast].p99
    words = f"{slow}, the slowest of 2 steps that buy"
    assert f"99% of the requests of {words}, took at most" in verdict.reasons[0]
    (shown,) = [each for each in key_numbers(evidence, verdict) if each.label == "Purchase, p99"]
    assert shown.value == f"{own.p99:,.1f} ms"
    assert shown.note.startswith(words)
    assert verdict.bottleneck.step == slow
    heads = [head for head, _ in group_tables(verdict.groups, purchase_step_of(verdict))[0].columns]
    assert "Purchase, all steps, p99 (ms)" in heads
    assert f"requests of {slow} took" in verdict.cause
    assert {band.step for band in verdict.bands} == {slow}
    assert verdict.lost_ms
    assert slow in parts_tables(verdict)[0].caption
    assert watched_step(evidence.plan, verdict) == slow
    drawn = draw_latency(evidence, (-1.0, 12.0), purchase_step_of(verdict))
    assert f"99 of 100 requests of {slow} (the slowest of 2 steps that buy)" in drawn.title
    entries = []
    monkeypatch.setattr(spectrum, "Entry", lambda *own: entries.append(own) or Entry(*own))
    spectrum.draw_spectrum(evidence, verdict.latency_ms)
    assert f"{slow}, the system's part" in {text for *_, text in entries}


def test_where_both_requests_are_quick_nothing_is_slow(in_two):
    verdict = judge(in_two())
    assert verdict.bottleneck is None
    assert "the slowest of 2 steps that buy, took at most" in verdict.reasons[0]
    assert "Nothing was slow" in verdict.cause or "requests of " in verdict.cause


def test_a_purchase_of_one_request_is_told_of_as_purchases(evidence_of):
    evidence = evidence_of(**SMALL)
    verdict = judge(evidence)
    buying = purchase_step_of(verdict)
    assert (buying.step, buying.requests, buying.which) == (PURCHASE, "purchases", "")
    assert "99% of purchases took at most" in verdict.reasons[0]
    assert "1% of purchases waited" in verdict.cause
    (shown,) = [each for each in key_numbers(evidence, verdict) if each.label == "Purchase, p99"]
    assert shown.note.startswith("felt")
    heads = [head for head, _ in group_tables(verdict.groups, buying)[0].columns]
    assert "Purchase, p99 (ms)" in heads


def _latency(p99, **fields):
    numbers = dict.fromkeys(Latency.model_fields)
    numbers |= {"count": 100, "failed": 0, "given_up": 0, "p99": p99, **fields}
    return Latency(**numbers)


def test_a_lower_bound_is_slower_than_any_known_time():
    given_up = _latency(900.0, failed=5, given_up=5, given_up_least=900.0, max=900.0)
    found = slowest_purchase_step(
        ["a", "b"], {"a": _latency(1000.0), "b": given_up, "c": _latency(5e3)}
    )
    assert (found.step, found.asked) == ("b", ("a", "b"))


def test_one_request_that_was_cut_makes_no_quick_step_the_slowest():
    """Whatever that one of 5,000 had taken, p99 of reserving is about what it is."""

    def stands(cut):
        ends = {"failed": cut, "given_up": cut, "given_up_least": 20.0} if cut else {}
        quick = _latency(30.0, count=5_000, max=40.0, **ends)
        slow = _latency(1_500.0, count=5_000, max=1_900.0)
        return slowest_purchase_step(["reserve", "pay"], {"reserve": quick, "pay": slow})

    assert at_least(stands(51).latency, "p99")
    assert [stands(cut).step for cut in (0, 1, 49, 51)] == ["pay", "pay", "pay", "reserve"]


def test_a_step_that_was_asked_before_the_rush_alone_hides_no_other(in_two):
    evidence = in_two()
    rows = evidence.requests.copy()
    early = (rows["step"] == PAY).to_numpy(dtype=bool)
    for name in ("intended_ns", "sent_ns", "first_byte_ns", "done_ns", "read_ns"):
        rows.loc[early, name] -= 60_000_000_000
    rows = rows.sort_values("intended_ns", kind="stable", ignore_index=True)
    verdict = judge(dataclasses.replace(evidence, requests=rows))
    assert f"1% of requests of {PURCHASE} waited" in verdict.cause
    assert {band.step for band in verdict.bands} == {PURCHASE}


def test_a_step_that_nobody_asked_does_not_stand_for_buying():
    found = slowest_purchase_step(["a", "b"], {"a": _latency(7.0), "b": _latency(None, count=0)})
    assert (found.step, found.requests, found.which) == ("a", "the requests of a", "")
    assert slowest_purchase_step(["a"], {}) is None
