"""What is told of a history: changes and runs as a table, a page that asks nobody, and a figure."""

import json
import re

import pytest

from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.reports.history.series import series_of
from dress_rehearsal.reports.several.history import HistoryReport
from tests.reports.history.conftest import P99
from tests.reports.history.seeded_series import planted


@pytest.fixture
def report():
    def made(entries, left_out=(), wanted=(), last=20):
        return HistoryReport(
            series_of(entries),
            left_out,
            wanted=wanted,
            last=last,
            max_pvalue=0.001,
            min_magnitude=0.05,
        )

    return made


def test_a_change_is_told_with_its_builds_and_how_large_it_is(entries, report):
    text = report(entries(planted(30, 20, 100, 130, 0.02, seed=2))).markdown()
    assert "## shop, machine mmmmmmmmmmmm: 30 runs" in text
    assert "1 change of level in 30 runs." in text
    (row,) = [line for line in text.splitlines() if "build-19 → build-20" in line]
    assert re.search(r"\+(29|30|31)%", row)
    assert len([line for line in text.splitlines() if line.startswith("| 2026")]) == 20


def test_without_a_change_that_is_said_and_so_is_what_is_too_few(entries, report):
    assert "No change of level in 30 runs." in report(entries([100.0] * 30)).markdown()
    few = report(entries([100.0] * 4)).markdown()
    assert "Too few to tell a change from chance: 4 runs, and it takes 6." in few
    disturbed = entries([100.0] * 9, doubts=("foreign_cpu",))
    assert (
        "0 runs (9 more were disturbed and are left out: in 9 runs other programs took the CPU)"
        in report(disturbed).markdown()
    )


def test_that_late_runs_were_left_out_is_told_also_where_no_level_changed(entries, report):
    late = entries([500.0 + each for each in range(12)], first=8, doubts=("late_sends",))
    made = report([*entries([100.0 + each % 3 for each in range(8)]), *late])
    said = "8 runs (12 more were disturbed and are left out: in 12 runs requests left late)"
    assert f"No change of level in {said}." in made.markdown()
    assert "left out" not in report(entries([100.0, 101.0] * 10)).markdown()


@pytest.mark.slow
def test_the_files_say_the_same_ask_nobody_and_have_no_markup_of_others(entries, report, tmp_path):
    runs = entries(planted(12, 6, 100, 200, 0.02, seed=2), target="<script>|`x`")
    told = report(runs, left_out=["<b>odd.json</b> is left out."])
    told.write(tmp_path / "a")
    told.write(tmp_path / "b")
    names = ["history-1.svg", "history.html", "history.json", "history.md"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    page = (tmp_path / "a" / "history.html").read_text()
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert "<script" not in page
    assert "<b>odd" not in page
    document = json.loads((tmp_path / "a" / "history.json").read_text())
    (series,) = document["series"]
    assert document["schema"] == 1
    assert [change["metric"] for change in series["changes"]] == [P99]
    assert len(series["runs"]) == 12


def test_the_figure_marks_the_change_and_says_it(entries, report, tmp_path):
    report(entries(planted(12, 6, 100, 200, 0.02, seed=2))).write(tmp_path)
    figure = (tmp_path / "history-1.svg").read_text()
    title = re.search(r"<title>(.*)</title>", figure)[1]
    assert title.startswith(f"{P99} changed from ")
    assert "#d55e00" in figure
    report(entries([100.0, 101.0] * 6)).write(tmp_path)
    figure = (tmp_path / "history-1.svg").read_text()
    assert "No number changed its level in 12 undisturbed runs" in figure
    assert "#d55e00" not in figure


def test_a_single_run_is_no_figure(entries, report, tmp_path):
    report(entries([100.0])).write(tmp_path)
    assert not (tmp_path / "history-1.svg").exists()
    assert "There is one run only" in (tmp_path / "history.html").read_text()


def test_what_cannot_be_written_is_a_sentence(entries, report, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryUnusableError, match="cannot be written"):
        report(entries([100.0])).write(tmp_path / "file")


@pytest.mark.slow
def test_each_number_has_a_place_of_its_own_in_the_figure(entries, report, tmp_path):
    heights = []
    for count in (2, 3):
        metrics = [f"census.number_{place}" for place in range(count)]
        runs = entries([None] * 8)
        told = [
            each.model_copy(update={"numbers": dict.fromkeys(metrics, place % 3)})
            for place, each in enumerate(runs)
        ]
        report(told).write(tmp_path)
        box = re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', (tmp_path / "history-1.svg").read_text())
        heights.append(float(box[1]))
    assert heights[1] > heights[0] + 90, "two stand beside each other, the third below"
