"""A lower bound in a history is shown as one, and makes a change only where it is certain."""

import json

import pytest

from dress_rehearsal.reports.figures.history import draw_history
from dress_rehearsal.reports.history.entry import Entry, entry_of
from dress_rehearsal.reports.history.series import series_of
from dress_rehearsal.reports.page.tables.history import changes_table, last_runs_table
from tests.reports.history.conftest import P99
from tests.reports.history.seeded_series import planted
from tests.steps import LOGIN

RISES = planted(30, 20, 100, 130, 0.03, seed=2)
FALLS = planted(30, 20, 130, 100, 0.03, seed=2)


@pytest.fixture
def bounded(entries):
    """Entries whose numbers in some places are lower bounds."""

    def made(values, places):
        return [
            entry.model_copy(update={"at_least": (P99,)}) if place in places else entry
            for place, entry in enumerate(entries(values))
        ]

    return made


@pytest.mark.parametrize(
    ("values", "places", "side"),
    [
        (RISES, range(0), "none"),
        (RISES, range(25, 30), "after"),
        (FALLS, range(20), "before"),
        (RISES, [3], None),
        (FALLS, [25], None),
        (RISES, range(30), None),
    ],
)
def test_a_change_is_told_only_where_what_the_bounds_really_are_makes_it_larger(
    bounded, values, places, side
):
    (series,) = series_of(bounded(values, places))
    found = [change.at_least or "none" for change in series.changes]
    assert found == ([] if side is None else [side])


def test_another_change_is_found_beside_one_that_is_not_certain(bounded):
    values = [*planted(20, 20, 100, 100, 0.02, seed=1), *planted(30, 20, 300, 200, 0.02, seed=4)]
    assert len(series_of(bounded(values, []))[0].changes) == 2
    (series,) = series_of(bounded(values, [45]))
    assert [change.build for change in series.changes] == ["build-20"]


def test_the_word_is_in_tables_figure_and_file(bounded):
    runs = bounded(RISES, range(20, 30))
    (series,) = series_of(runs)
    (row,) = changes_table(series).rows
    assert row[5].text.startswith("at least 1")
    assert row[6].text.startswith("at least +3")
    assert not row[4].text.startswith("at least")
    shown = last_runs_table(series, [P99], 30).rows
    assert [row[-1].text.startswith("at least") for row in shown] == [True] * 10 + [False] * 20
    drawn = draw_history(series, [P99])
    assert "to at least" in drawn.title
    assert "A triangle is a lower bound" in drawn.caption
    plain = draw_history(series_of(bounded(RISES, []))[0], [P99])
    assert "triangle" not in plain.caption
    assert "at least" not in plain.title
    assert json.loads(runs[-1].text())["at_least"] == [P99]


def test_the_entry_of_a_run_says_which_of_its_numbers_are_bounds(healthy_verdict, evidence_of):
    own = healthy_verdict.latency_ms[LOGIN]
    cut = own.model_copy(update={"given_up": own.count, "failed": own.count})
    changed = healthy_verdict.model_copy(
        update={"latency_ms": healthy_verdict.latency_ms | {LOGIN: cut}}
    )
    plan = evidence_of(students=60, tickets=20).plan
    assert entry_of(changed, plan, {}, None).at_least == (f"latency_ms[{LOGIN}].p99",)
    assert entry_of(healthy_verdict, plan, {}, None).at_least == ()


def test_an_entry_of_before_has_none(entries):
    document = json.loads(entries([100.0])[0].text())
    del document["at_least"]
    assert Entry.model_validate(document).at_least == ()
