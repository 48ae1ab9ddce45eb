"""Three shops in other styles: sound ones pass, and each of their wrongs is caught and named."""

import pytest

from tests.examples.conftest import SPARE_CORES, Stage

pytestmark = [pytest.mark.examples, pytest.mark.rehearsal, pytest.mark.timeout(300)]

LEFT_TO_THE_MACHINE = "gates=[]"
"""A busy machine makes any shop slow: only `small_pool` is about the time that a click takes."""

NAMED = {
    "oversell": "oversold",
    "lost": "acked_but_missing",
    "second_ticket": "duplicate_students",
    "early": "sold_early",
}
BESIDE = {
    # What was not written is sold once more, to somebody else or to the same who clicked twice.
    "lost": {"oversold", "duplicate_students"},
}
"""Which counters a wrong sets off besides its own."""


def test_a_sound_shop_passes_and_everything_about_it_is_known(stage: Stage, shop: str) -> None:
    found = stage.rehearse(shop, 'gates=[{metric="census.failed", limit="== 0"}]')
    assert found.exit_code == 0, found.said
    assert found.wrongs == {}
    beside = found.verdict["not_applicable"]
    audit = found.verdict["audit"].items()
    unknown = {name for name, value in audit if value is None and name != "settle_ms"}
    assert unknown <= beside.keys()
    assert all(beside.values())
    for counter in NAMED.values():  # a ledger with owners and times decides all of them
        assert counter not in beside
    assert found.pool["leaked"] in (0, None)
    assert found.pool["max"] == 20
    assert 0 <= found.pool["peak_used"] <= 20  # where every look fell between two uses: none
    assert found.junit.findall(".//error") == []
    assert found.junit.findall(".//failure") == []


@pytest.mark.parametrize("fault", NAMED)
def test_a_wrong_is_caught_and_named(stage: Stage, shop: str, fault: str) -> None:
    found = stage.rehearse(shop, LEFT_TO_THE_MACHINE, fault=fault)
    assert found.exit_code == 99, found.said
    assert found.wrongs.get(NAMED[fault], 0) > 0
    assert found.wrongs.keys() <= {NAMED[fault], *BESIDE.get(fault, ())}


def test_a_leak_is_caught_and_named(stage: Stage, shop: str) -> None:
    found = stage.rehearse(shop, LEFT_TO_THE_MACHINE, fault="leak")
    assert found.exit_code == 99, found.said
    assert found.pool["diagnosis"] == "leak"
    assert found.pool["leaked"] == 6  # one an outsider
    assert 6 <= found.pool["peak_used"] <= 20
    assert found.reasons.startswith("Leak: 6 connections of 20 ")
    assert found.wrongs == {}


@pytest.mark.alone
def test_a_pool_that_is_too_small_is_caught_and_named(stage: Stage, shop: str) -> None:
    found = stage.rehearse(shop, fault="small_pool")
    assert found.exit_code == 99, found.said
    assert found.pool["max"] == 1
    assert found.pool["peak_pending"] > 0
    assert found.pool["saturated_at_s"] is not None
    assert "Gate broken: latency_ms[" in found.reasons
    assert found.wrongs == {}
    if found.pool["diagnosis"] is None and found.others_took > SPARE_CORES:
        pytest.skip("undecided: with no processor to spare a larger pool would be of no use")
    assert found.pool["diagnosis"] == "undersized"
