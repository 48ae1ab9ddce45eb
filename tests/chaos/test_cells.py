"""The chaos table has every cell once, and a day's part of it is drawn by its date."""

import pytest

from tests.chaos.__main__ import _parser, chosen
from tests.chaos.cells import COMPONENTS, Blow, Moment, cells, drawn
from tests.chaos.incidents import incidents

TABLE = [*cells(), *incidents()]


def test_every_component_has_every_blow_at_every_moment_it_lives_to_see() -> None:
    there = {(cell.component.name, cell.blow, cell.moment) for cell in cells()}
    for component in COMPONENTS:
        for blow in Blow:
            for moment in Moment:
                lives = component.lasts or moment is not Moment.JUDGING
                assert ((component.name, blow, moment) in there) == lives


def test_no_cell_has_the_name_of_another() -> None:
    names = [cell.name for cell in TABLE]
    assert len(names) == len(set(names))


def test_a_tenth_is_a_tenth_the_same_for_a_date_and_another_for_another() -> None:
    tenth = drawn(TABLE, 0.1, "2026-11-28")
    assert len(tenth) == round(len(TABLE) / 10)
    assert tenth == drawn(TABLE, 0.1, "2026-11-28")
    assert tenth != drawn(TABLE, 0.1, "2026-11-29")


def test_within_a_month_of_tenths_most_of_the_table_has_been_tried() -> None:
    tried = {cell.name for day in range(1, 31) for cell in drawn(TABLE, 0.1, f"2026-12-{day:02}")}
    assert len(tried) > 0.9 * len(TABLE)


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        ([], len(TABLE)),
        (["--only", "redis, kill -9"], 3),
        (["--only", "conductor, SIGTERM", "--only", "disk full"], 5),
        (["--share", "0.1"], round(len(TABLE) / 10)),
    ],
)
def test_what_is_asked_for_is_chosen(arguments: list[str], number: int) -> None:
    assert len(chosen(_parser().parse_args(arguments))) == number
