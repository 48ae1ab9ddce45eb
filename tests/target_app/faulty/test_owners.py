"""Wrong owners: rows name others than those who were told; no ticket is lost or won by it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.target_app.writing import drain

Start = Callable[..., Any]
STUDENTS = range(20)


def buy_all(app: Any) -> dict[str, str]:
    """Have everybody buy; return who was told of which ticket, by ticket."""
    return {
        app.buy(app.login(index)).json()["ticket"]: app.stage.roster[index].student
        for index in STUDENTS
    }


def owners(app: Any) -> dict[str, str]:
    return {row["ticket"]: row["student"] for row in app.stage.rows()}


@pytest.mark.parametrize("allocation", ["naive", "row_lock", "skip_locked", "redis_script"])
def test_two_tickets_have_each_other_s_student(start_faulty: Start, allocation: str) -> None:
    app = start_faulty(allocation)
    app.switch("wrong_owner", 1)
    told = buy_all(app)
    assert told.keys() == owners(app).keys()
    assert sorted(told.values()) == sorted(owners(app).values())
    assert all(told[ticket] != student for ticket, student in owners(app).items())
    assert sorted(row["number"] for row in app.stage.rows()) == [each + 1 for each in STUDENTS]


def test_a_share_of_them_is_swapped(start_faulty: Start) -> None:
    app = start_faulty("atomic_update")
    app.switch("wrong_owner", 0.5)
    told = buy_all(app)
    assert sorted(told.values()) == sorted(owners(app).values())
    assert 2 <= sum(told[ticket] != student for ticket, student in owners(app).items()) <= 18


def test_the_write_back_swaps_them_where_the_row_comes_later(start_faulty: Start) -> None:
    app = start_faulty("redis_writeback")
    told = buy_all(app)
    app.switch("wrong_owner", 1)
    assert drain(app.stage) is True
    assert sorted(told.values()) == sorted(owners(app).values())
    assert all(told[ticket] != student for ticket, student in owners(app).items())


@pytest.mark.parametrize("allocation", ["atomic_update", "redis_writeback"])
def test_without_the_fault_every_row_names_who_was_told(
    start_faulty: Start, allocation: str
) -> None:
    app = start_faulty(allocation)
    told = buy_all(app)
    if allocation == "redis_writeback":
        assert drain(app.stage) is True
    assert told == owners(app)
