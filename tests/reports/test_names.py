"""One name for one thing: the page, the screen and the boards have it from one table."""

import json

import pytest

from dress_rehearsal.dashboards.boards.integrity import integrity
from dress_rehearsal.dashboards.boards.ticket_open import ticket_open
from dress_rehearsal.plans.names import ENDS, POOLS, WRONGS, pool_words
from dress_rehearsal.records.tables import STUDENT_OUTCOMES
from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.page.tables import audit_table, census_table, pool_table
from dress_rehearsal.reports.pools import POOL_NAMES

pytestmark = pytest.mark.slow


def test_everything_that_is_counted_has_a_name_and_no_two_have_the_same():
    assert set(ENDS) == set(STUDENT_OUTCOMES)
    assert set(WRONGS) == set(COUNTERS)
    assert set(POOL_NAMES) <= set(POOLS)
    for names in (ENDS, WRONGS):
        titles = [name.title for name in names.values()]
        assert len(titles) == len(set(titles))
        assert all(name.meaning for name in names.values())
    assert len(POOLS) == len(set(POOLS.values()))
    assert pool_words("shop.orders") == "shop.orders"


def test_the_page_names_ends_and_wrongs_and_says_the_gate_s_name_too(healthy_verdict):
    census = census_table(healthy_verdict.census)
    assert [row[0].text for row in census.rows] == [name.title for name in ENDS.values()]
    audit = audit_table(healthy_verdict.audit, {})
    for row, (word, name) in zip(audit.rows, WRONGS.items(), strict=False):
        assert row[0].text == name.title
        assert row[2].text == f"{name.meaning} (audit.{word})"


def test_the_boards_call_them_the_same():
    rush, audit = (json.dumps(board) for board in (ticket_open(), integrity()))
    for name in ENDS.values():
        assert json.dumps(name.words) in rush
    for name in WRONGS.values():
        assert json.dumps(name.title) in audit


def test_every_pool_of_the_page_has_its_name(healthy_verdict):
    shown = {row[0].text for row in pool_table(healthy_verdict.pools).rows}
    assert shown == {POOLS[pool.name] for pool in healthy_verdict.pools}
