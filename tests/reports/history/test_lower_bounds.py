"""A lower bound in a history is shown as one, and makes a change only where it is certain."""

import dataclasses
import json

import numpy as np
import pytest

from dress_rehearsal.reports.figures.history import draw_history
from dress_rehearsal.reports.figures.panel import Panel
from dress_rehearsal.reports.history.change_points import change_points
from dress_rehearsal.reports.history.entry import Entry, entry_of
from dress_rehearsal.reports.history.series import series_of
from dress_rehearsal.reports.history.snapshot import Snapshot
from dress_rehearsal.reports.page import history as page
from dress_rehearsal.reports.page.tables.history import changes_table, last_runs_table
from dress_rehearsal.reports.several.history import HistoryReport
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
        (RISES, range(0), ()),
        (RISES, range(25, 30), ("after",)),
        (FALLS, range(20), ("before",)),
        (RISES, [3], ("before",)),
        (FALLS, [25], ("after",)),
        (RISES, [3, 22], ("before", "after")),
        (RISES, range(9), None),
        (FALLS, range(20, 26), None),
        (RISES, range(30), None),
    ],
)
def test_a_change_is_told_only_where_it_is_one_whatever_the_bounds_really_are(
    bounded, values, places, side
):
    (series,) = series_of(bounded(values, places))
    found = [change.at_least for change in series.changes]
    assert found == ([] if side is None else [side])
    assert len(series.undecided) == (side is None)


def test_an_uncertain_change_does_not_move_another_s_place():
    values = [*planted(20, 20, 100, 100, 0.03, seed=1), *planted(10, 10, 115, 115, 0.03, seed=2)]
    values += [10_000.0] * 10
    exact = change_points(values, min_magnitude=0.05)
    for bounds in ({24}, {20, 21, 22, 23, 24, 25, 26, 27, 28, 29}):
        found = change_points(values, min_magnitude=0.05, at_least={*bounds, *range(30, 40)})
        assert [each.index for each in found] == [each.index for each in exact] == [20, 30]
        assert [each.certain for each in found] == [True, len(bounds) == 1]


def test_one_bound_dates_no_change_by_a_run_in_which_nothing_changed():
    drawn = np.random.default_rng(1)
    values = [*drawn.normal(100, 3, 20), *drawn.normal(102.5, 3, 10), *([10_000.0] * 10)]
    for more in ([], [24], range(20, 30)):
        found = change_points(values, min_magnitude=0.05, at_least=[*more, *range(30, 40)])
        assert [each.index for each in found] == [30]
        assert found[0].certain == (len(more) < 10)


def test_a_bound_of_long_before_hides_no_later_rise_but_five_runs_are_needed(bounded):
    values = [*planted(60, 60, 100, 100, 0.03, seed=1), *planted(20, 20, 200, 200, 0.03, seed=2)]
    values[5] = 150.0
    (series,) = series_of(bounded(values, [5]))
    assert [change.build for change in series.changes] == ["build-60"]
    (few,) = series_of(bounded(values[:64], [5]))
    assert not few.changes
    assert [change.build for change in few.undecided] == ["build-60"]


def test_what_the_medians_leave_too_small_is_not_decided():
    values = [*([100.0, 130.0] * 5), 100.0, 100.0, *([136.0] * 30)]
    for places, certain in (([0], True), ([0, 2], False)):
        (change,) = change_points(values, min_magnitude=0.1, at_least=places)
        assert (change.index, change.certain) == (12, certain)
    (change,) = change_points(values, at_least=[0, 2])
    assert change.certain, "by ranks both sides differ all the same"


def test_an_undecided_change_is_said_on_every_surface(bounded, tmp_path):
    runs = bounded(RISES, range(9))
    (series,) = series_of(runs)
    said = f"Undecided is whether a level changed: {P99} with the run {runs[20].run}. Requests"
    assert series.undecided_words.startswith(said)
    report = HistoryReport([series], (), wanted=(), last=20, max_pvalue=0.001, min_magnitude=0.05)
    assert f"No change of level in 30 runs. {said[:30]}" in report.markdown()
    (document,) = json.loads(report.text())["series"]
    assert [change["run"] for change in document["undecided"]] == [runs[20].run]
    assert draw_history(series, [P99]).title.startswith("Of no number it is certain that its level")
    (plain,) = series_of(bounded(RISES, []))
    assert (plain.undecided, plain.undecided_words) == ((), "")


def test_the_level_that_is_drawn_begins_where_an_undecided_change_was(bounded, monkeypatch):
    values = [*planted(20, 20, 100, 100, 0.02, seed=1), *planted(30, 20, 300, 200, 0.02, seed=4)]
    (series,) = series_of(bounded(values, range(10)))
    assert [change.build for change in series.changes] == ["build-40"]
    assert [change.build for change in series.undecided] == ["build-20"]
    drawn = []
    monkeypatch.setattr(
        Panel, "line", lambda _, x, y, *__, **___: drawn.append((x, round(y[0], -1)))
    )
    assert draw_history(series, [P99]).wide
    assert drawn[:2] == [([20.5, 40.5], 300), ([40.5, 50.5], 200)]
    assert draw_history(series, [P99], last=10).wide
    assert drawn[-2:] == [([0.5, 0.5], 300), ([0.5, 10.5], 200)]


def test_of_many_undecided_changes_five_are_named(bounded):
    (series,) = series_of(bounded(RISES, range(9)))
    many = dataclasses.replace(series, undecided=series.undecided * 7)
    assert many.undecided_words.count("with the run") == 5
    assert " and 2 more. " in many.undecided_words


@pytest.mark.parametrize(
    ("values", "places", "words"),
    [
        (RISES, range(20, 30), "at least +"),
        (RISES, [3], "at most +"),
        (FALLS, [3], "at most −"),
        (FALLS, [25], "at least −"),
        (RISES, [3, 22], "—"),
    ],
)
def test_by_how_much_says_which_way_it_is_open(bounded, values, places, words):
    (series,) = series_of(bounded(values, places))
    (row,) = changes_table(series).rows
    assert row[6].text.startswith(words)


def test_the_page_of_a_run_says_what_is_undecided(bounded, monkeypatch, tmp_path):
    for places, undecided in ((range(9), True), ((), False)):
        entries = bounded(RISES, places)
        monkeypatch.setattr(page, "read_snapshot", lambda _, entries=entries: (entries, None))
        section = page.history_section(None)
        assert section.undecided.startswith("Undecided is") == undecided


def test_another_change_is_found_beside_one_that_is_not_certain(bounded):
    values = [*planted(20, 20, 100, 100, 0.02, seed=1), *planted(30, 20, 300, 200, 0.02, seed=4)]
    assert len(series_of(bounded(values, []))[0].changes) == 2
    (series,) = series_of(bounded(values, range(44, 50)))
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


def test_an_entry_without_any_is_as_versions_that_know_of_none_write_and_read_it(entries):
    (own,) = entries([100.0])
    document = json.loads(own.text())
    assert "at_least" not in document
    assert "at_least" not in Snapshot(runs=(own,)).model_dump(mode="json")["runs"][0]
    assert Entry.model_validate(document) == own
