"""What is new in a ledger is this run's, told from what was there by more than a number."""

import time
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.ledgers import Ledgers as Watched
from dress_rehearsal.records.ledgers import (
    LedgersUnreadableError,
    LedgerUnreadableError,
    before_and_after,
    read_ledgers,
)
from dress_rehearsal.records.ledgers.columns import Reading, Row
from dress_rehearsal.records.ledgers.difference import People, new_since
from dress_rehearsal.records.settle import Settling

NOW = 1_795_917_600_000_000_000
ROSTER = ["Ana@x", "bo@x", "cy@x"]
ALL = ("ticket", "student", "granted")


def reading(*rows: Row, columns: tuple[str, ...] = ALL, at_s: float = 0) -> Reading:
    return Reading(columns, rows, len(rows), NOW + round(at_s * 1e9))


def row(ticket: Any, student: Any = None, at_s: float | None = None) -> Row:
    return Row(ticket, student, None if at_s is None else NOW + round(at_s * 1e9), None)


def test_a_number_that_is_given_again_is_another_ticket() -> None:
    before = reading(row("1", "bo@x", -60), row("2", "cy@x", -50))
    after = reading(*before.rows, row("1", "ana@x", 5), row("2", "bo@x", 6), at_s=9)
    new = new_since(before, after, People(ROSTER))
    assert [(each.ticket, position) for each, position in new.rows] == [("1", 0), ("2", 1)]
    assert (new.count, new.before, new.held) == (2, 2, frozenset({1, 2}))


def test_without_owner_and_time_as_many_of_a_number_are_new_as_there_are_more() -> None:
    known = ("ticket",)
    before = reading(row("1"), row("2"), columns=known)
    after = reading(row("1"), row("1"), row("2"), columns=known)
    new = new_since(before, after, People(ROSTER))
    assert [(each.ticket, position) for each, position in new.rows] == [("1", None)]


def test_what_was_new_and_before_t0_stays_to_be_judged() -> None:
    new = new_since(reading(), reading(row("1", "bo@x", 0.5), at_s=20), People(ROSTER))
    assert new.rows[0][0].granted_ns == NOW + 500_000_000


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (reading(row(None, "bo@x", 1)), "its column ticket is empty in 1 of 1 new rows"),
        (reading(row("1", None, 1)), "its column student is empty"),
        (reading(row("1", "bo@x")), "its column of times is empty"),
        (reading(row("1", "17", 1), row("2", "18", 1)), "none of its 2 new rows names a student"),
        (reading(row("1", "bo@x", 9 * 3600)), "by 9.0 h after it: a time without a zone"),
        (reading(row("1", "bo@x", -9 * 3600)), "by 9.0 h before it"),
    ],
)
def test_new_rows_that_are_not_as_they_have_to_be_are_told(after: Reading, words: str) -> None:
    with pytest.raises(LedgerUnreadableError, match=words):
        new_since(reading(), after, People(ROSTER))


def test_spaces_around_a_student_make_no_other_one() -> None:
    after = reading(row("1", "bo@x      ", 1), row("2", " ANA@x", 1))
    assert [each for _, each in new_since(reading(), after, People(ROSTER)).rows] == [1, 0]
    both = new_since(reading(), after, People([*ROSTER, "bo@x "]))
    assert [each for _, each in both.rows] == [-1, 0]


def test_what_was_sold_before_and_is_gone_or_anothers_is_counted() -> None:
    sold = [row("1", "bo@x", -90_000), row("2", "cy@x", -90_000), row("3", None, None)]
    fresh = row("4", "ana@x", 1)
    gone = new_since(reading(*sold), reading(sold[0], fresh), People(ROSTER))
    assert (gone.count, gone.gone) == (1, 1)
    given_away = reading(sold[0], row("2", "ana@x", -90_000), fresh)
    assert new_since(reading(*sold), given_away, People(ROSTER)).gone == 1
    assert new_since(reading(*sold), reading(*sold, fresh), People(ROSTER)).gone == 0
    assert new_since(reading(*sold), reading(fresh), People(ROSTER)).gone == 0  # it was reset


def test_a_stranger_among_students_is_one() -> None:
    after = reading(row("1", "bo@x", 1), row("2", "who@x", 1))
    assert [each for _, each in new_since(reading(), after, People(ROSTER)).rows] == [1, -1]


def test_a_seat_that_was_free_before_was_nobodys() -> None:
    free = reading(row("A1"), row("A2", "bo@x", -60))
    new = new_since(free, reading(row("A1", "ana@x", 5), *free.rows[1:], at_s=9), People(ROSTER))
    assert (new.count, new.before, new.held) == (1, 1, frozenset({1}))


def test_a_count_that_was_put_back_meanwhile_says_nothing() -> None:
    before, after = (Reading(("count",), (), count, NOW) for count in (40, 10))
    with pytest.raises(LedgerUnreadableError, match="counted 40 before the rush and 10 after"):
        new_since(before, after, People(ROSTER))
    assert new_since(after, before, People(ROSTER)).count == 30


def watched(tmp_path: Path, **schedule: str) -> tuple[Watched, Path, RunDirectory]:
    path = tmp_path / "orders.csv"
    path.write_text("ticket,student,granted_ns\n0,cy@x,1\n")
    plan = Plan.model_validate(
        {
            "name": "shop",
            "target": {"stage": "external", "url": "http://127.0.0.1:1"},
            "ledgers": [{"name": "orders", "csv": str(path)}],
        }
    )
    return Watched(plan, ROSTER), path, RunDirectory.create(tmp_path / "runs", plan)


def test_what_came_in_between_is_kept_with_what_is_known_of_it(tmp_path: Path) -> None:
    ledgers, path, run = watched(tmp_path)
    ledgers.read_before()
    with path.open("a") as file:
        file.write(f"1,ana@x,{time.time_ns()}\n")
    assert ledgers.settle(frozenset({"1"}), 0.2, 2) is Settling.AGREED
    ledgers.keep(run, 12.5)
    table = run.ledger_table([]).to_pylist()
    assert [(each["source"], each["ticket"], each["student"]) for each in table] == [
        ("orders", "1", 0),
        ("orders:before", "", 2),
    ]
    [told] = [event for event in run.timeline() if event.kind == "ledger"]
    assert told.detail == {
        "tickets": 1,
        "before": 1,
        "columns": ["ticket", "student", "granted"],
        "settle_ms": 12.5,
    }


@pytest.mark.slow
def test_a_ledger_that_lacks_what_was_promised_is_given_time_and_then_taken_as_it_is(
    tmp_path: Path,
) -> None:
    ledgers, _, run = watched(tmp_path)
    ledgers.read_before()
    begun_s = time.monotonic()
    assert ledgers.settle(frozenset({"lost"}), 0.3, 5) is Settling.STILL
    assert time.monotonic() - begun_s >= 0.3
    ledgers.keep(run)
    assert run.ledger_table([]).num_rows == 1  # who had one before


@pytest.mark.slow
def test_a_seat_without_its_owner_yet_is_waited_for(tmp_path: Path) -> None:
    ledgers, path, _ = watched(tmp_path)
    path.write_text("ticket,student,granted_ns\nA1,,\n")
    ledgers.read_before()
    assert ledgers.settle(frozenset({"A1"}), 0.2, 2) is Settling.STILL
    path.write_text(f"ticket,student,granted_ns\nA1,ana@x,{time.time_ns()}\n")
    assert ledgers.settle(frozenset({"A1"}), 0.2, 2) is Settling.AGREED


@pytest.mark.slow
def test_a_ledger_that_takes_long_to_be_read_is_looked_at_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledgers, path, run = watched(tmp_path)
    ledgers.read_before()
    looks = 0

    def slowly(*asked: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks == 1:
            time.sleep(0.3)
        if looks == 2:
            path.write_text(f"ticket,student,granted_ns\n1,ana@x,{time.time_ns()}\n")
        return read_ledgers(*asked)

    monkeypatch.setattr(before_and_after, "read_ledgers", slowly)
    assert ledgers.settle(frozenset({"1"}), 0.2, 5) is Settling.AGREED
    ledgers.keep(run)
    assert "1" in run.ledger_table([])["ticket"].to_pylist()


def test_a_ledger_that_breaks_meanwhile_is_told_and_its_columns_are_known(tmp_path: Path) -> None:
    ledgers, path, run = watched(tmp_path)
    ledgers.read_before()
    path.unlink()
    ledgers.settle(frozenset(), 0.1, 1)
    ledgers.keep(run)
    [told] = [event for event in run.timeline() if event.kind == "ledger"]
    assert "No such file" in told.detail["error"]
    assert told.detail["columns"] == ["ticket", "student", "granted"]


def test_a_ledger_that_cannot_be_read_stops_the_rehearsal_before_it_begins(tmp_path: Path) -> None:
    ledgers, path, _ = watched(tmp_path)
    path.unlink()
    with pytest.raises(LedgersUnreadableError, match="The ledger orders cannot be read: the file"):
        ledgers.read_before()


def test_a_sale_that_is_cleared_when_it_is_set_to_open_is_looked_at_again(tmp_path: Path) -> None:
    ledgers, path, run = watched(tmp_path)
    ledgers.read_before()
    path.write_text("ticket,student,granted_ns\n")
    ledgers.read_again_before(time.monotonic() + 5)
    path.write_text("ticket,student,granted_ns\n0,cy@x,1\n".replace(",1\n", f",{time.time_ns()}\n"))
    ledgers.settle(frozenset({"0"}), 0.1, 1)
    ledgers.keep(run)
    assert [each["source"] for each in run.ledger_table([]).to_pylist()] == ["orders"]
