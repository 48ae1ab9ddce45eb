"""What the shops' switches do, seen by a crowd of a few lines that is no rehearsal."""

import re
from collections import Counter

import pytest

from tests.examples.conftest import Stage
from tests.examples.crowd import OUTSIDERS, PEOPLE, Sale, sale

pytestmark = [pytest.mark.examples, pytest.mark.timeout(120)]

SEATS = 60
USED = re.compile(
    r"^(?:sqlalchemy_pool_checked_out|shop_db_connections\{state=\"used\"\}) (\S+)$", re.MULTILINE
)


@pytest.fixture
def sold(stage: Stage, shop: str, request: pytest.FixtureRequest) -> Sale:
    return sale(shop, request.param, stage.environment)


def in_use(metrics: str) -> int:
    """Return how many connections the shop says are in use."""
    found = USED.search(metrics)
    if found is not None:
        return round(float(found[1]))
    counts = dict(re.findall(r"^pg_pool_(total|idle)_count (\d+)$", metrics, re.MULTILINE))
    return int(counts["total"]) - int(counts["idle"])


@pytest.mark.parametrize("sold", [""], indirect=True)
def test_a_sound_shop_wrongs_nobody(sold: Sale) -> None:
    assert sold.early == 425
    told = Counter(status for status, _ in sold.answers)
    assert told.keys() == {201, 403, 409, 410}
    assert (told[201], told[403]) == (SEATS, OUTSIDERS)
    assert sorted(sold.granted) == sorted(ticket for ticket, _ in sold.rows)
    assert sold.second_tickets == 0
    members = {person["student"] for person in PEOPLE if person["enrolled"] == "1"}
    assert {owner for _, owner in sold.rows} <= members
    assert in_use(sold.metrics) == 0


@pytest.mark.parametrize("sold", ["oversell"], indirect=True)
def test_oversell_sells_more_than_there_is(sold: Sale) -> None:
    assert len(sold.rows) > SEATS
    assert sold.second_tickets == 0


@pytest.mark.parametrize("sold", ["lost"], indirect=True)
def test_lost_confirms_what_is_not_written(sold: Sale) -> None:
    assert len(sold.lost) > 0
    assert len(sold.rows) <= SEATS


@pytest.mark.parametrize("sold", ["second_ticket"], indirect=True)
def test_second_ticket_sells_two_to_somebody(sold: Sale) -> None:
    assert sold.second_tickets > 0
    assert len(sold.rows) == SEATS


@pytest.mark.parametrize("sold", ["early"], indirect=True)
def test_early_sells_before_the_sale(sold: Sale) -> None:
    assert sold.early == 201
    assert len(sold.rows) == SEATS


@pytest.mark.parametrize("sold", ["leak"], indirect=True)
def test_leak_keeps_a_connection_of_each_outsider(sold: Sale) -> None:
    assert in_use(sold.metrics) == OUTSIDERS
    assert len(sold.rows) == SEATS


@pytest.mark.alone
@pytest.mark.parametrize("sold", ["small_pool"], indirect=True)
def test_small_pool_keeps_people_waiting(sold: Sale) -> None:
    assert max(sold.seconds) > 1.5
    assert len(sold.rows) <= SEATS
    assert sold.second_tickets == 0
