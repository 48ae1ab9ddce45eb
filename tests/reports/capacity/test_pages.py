"""The capacity as people read it: what was found first, every run with its report, a figure."""

import re

import pytest

from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.reports.capacity.figure import _MARKS, _SHAPES, draw_capacity
from dress_rehearsal.reports.capacity.pages import capacity_markdown, write_capacity
from dress_rehearsal.reports.capacity.result import capacity_of
from dress_rehearsal.reports.figures.drawing import Missing
from tests.reports.capacity.conftest import STEPS, level, one, sought
from tests.reports.capacity.test_result import EDGE
from tests.steps import PURCHASE


def test_the_page_leads_to_every_run_and_asks_nobody_else_for_anything(found, tmp_path):
    capacity = found(*EDGE)
    write_capacity(tmp_path, capacity)
    page = (tmp_path / "capacity.html").read_text()
    for each in capacity.tries:
        assert f'<a href="{each.run}/report.html">{each.run}</a>' in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    first = page.index("<h2")
    assert page.index("The plan&#39;s own number passes") > first
    for words in (capacity.sentence, capacity.ended, "with 58.3% to spare"):
        assert words in page
    assert {path.name for path in tmp_path.iterdir()} == {
        f"capacity.{suffix}" for suffix in ("json", "md", "html", "svg")
    }


def test_the_summary_begins_with_the_answer_and_has_a_row_a_run(found):
    text = capacity_markdown(found(*EDGE, (20_000, "limited"), (20_000, "undecided")))
    assert text.startswith("# ✅ festival: 19,000 students pass, ")
    rows = [line for line in text.splitlines() if line.startswith("| 2026")]
    assert [int(row.split("|")[2].replace(",", "")) for row in rows] == [
        *(12_000, 18_000, 19_000, 20_000, 20_000, 20_000, 24_000)
    ]
    assert "| ❌ fail |" in text
    assert "| ❔ limited |" in text
    assert "at most 14 in 1,610 s" in text


def test_the_figure_marks_tries_limit_and_what_is_asked_about(found):
    capacity = found(*EDGE, (20_000, "undecided"), (24_000, "limited"))
    drawing = draw_capacity(capacity)
    assert drawing.title == capacity.sentence.removesuffix(".")
    assert drawing == draw_capacity(capacity), "the same bytes"


def test_without_any_answer_there_is_no_figure_and_the_page_says_so(tmp_path):
    capacity = capacity_of(
        sought(),
        [one(12_000, "fail", p99_ms=None, p99_low=None, p99_high=None, answers_per_s=None)],
        step=None,
        ended="interrupted",
        took_s=9.0,
    )
    assert isinstance(draw_capacity(capacity), Missing)
    write_capacity(tmp_path, capacity)
    assert "Not drawn." in (tmp_path / "capacity.html").read_text()
    assert not (tmp_path / "capacity.svg").exists()


def test_the_law_is_a_table_with_intervals():
    levels = tuple(level(number) for number in (1, 2, 4, 8, 16, 32))
    capacity = capacity_of(
        sought(plan=STEPS, own=4_200, over="arrivals", value=120 / 4_200),
        [one(4_200, "pass", levels=levels)],
        step=PURCHASE,
        ended="found",
        took_s=1.0,
    )
    text = capacity_markdown(capacity)
    assert "## Scalability law, through 6 steady levels" in text
    assert "| contention |" in text


def test_no_text_of_a_target_breaks_out(tmp_path):
    odd = one(12_000, "fail", reason="<script>|`x`", cause="<b>", broken="<i>")
    capacity = capacity_of(sought(), [odd], step="GET /<x>", ended="found", took_s=1.0)
    write_capacity(tmp_path, capacity)
    for name in ("capacity.html", "capacity.md", "capacity.svg"):
        text = (tmp_path / name).read_text()
        assert "<script>" not in text
        assert "<b>" not in text


def test_what_cannot_be_written_is_a_sentence(found, tmp_path):
    with pytest.raises(RunDirectoryUnusableError, match="the runs are kept"):
        write_capacity(tmp_path / "missing", found(*EDGE))


def test_how_often_loads_were_tried_is_told_as_it_was():
    """Not "each load was tried once" below "300 students were tried 3 times"."""

    def told(*outcomes, repeats):
        tries = [one(300, outcome, number) for number, outcome in enumerate(outcomes)]
        own = sought(own=300, repeats=repeats)
        return capacity_markdown(capacity_of(own, tries, step=PURCHASE, ended="time", took_s=1.0))

    once = "Each load was tried once."
    again = "A load was tried again only where a run of it decided nothing."
    assert once in told("pass", repeats=1)
    undecided = told("undecided", "undecided", "undecided", repeats=1)
    assert (once in undecided, again in undecided) == (False, True)
    assert "were tried 3 times and stay undecided" in undecided
    assert "What breaks first is not known." in undecided
    assert "up to 3 times, and passes where most of its runs do and none went" in told(
        "pass", repeats=3
    )


@pytest.mark.slow
def test_a_command_in_the_answer_is_shown_as_one_and_the_figure_says_the_finding_alone(tmp_path):
    tries = [one(300, "undecided", number, doubts=("foreign_cpu",)) for number in range(3)]
    capacity = capacity_of(sought(own=300), tries, step=PURCHASE, ended="time", took_s=1.0)
    write_capacity(tmp_path, capacity)
    page = (tmp_path / "capacity.html").read_text()
    assert "<code>rehearse doctor</code> names them), and search again." in page
    assert "`" not in page.partition("</title>")[0]
    assert draw_capacity(capacity).title == (
        "Nothing is decided: other programs took the CPU in all 3 runs"
    )


@pytest.mark.slow
def test_a_p99_that_is_a_lower_bound_says_so_in_table_and_figure(found):
    tries = [one(4_000, "pass"), one(9_000, "fail", p99_low=None, p99_high=None)]
    bound = [tries[0], tries[1].model_copy(update={"p99_at_least": True})]
    for each, said in ((tries, False), (bound, True)):
        capacity = capacity_of(sought(), each, step=PURCHASE, ended="found", took_s=9.0)
        assert ("| at least 900 ms |" in capacity_markdown(capacity)) == said
    assert draw_capacity(capacity) != draw_capacity(
        capacity_of(sought(), tries, step=PURCHASE, ended="found", took_s=9.0)
    )


@pytest.mark.slow
def test_an_interval_without_an_end_does_not_end_at_its_mark_in_the_figure():
    """Requests were given up that took no longer than its upper end."""
    figures = []
    for high in (None, 900.0):
        tries = [one(4_000, "pass"), one(9_000, "fail", p99_low=800.0, p99_high=high)]
        capacity = capacity_of(sought(), tries, step=PURCHASE, ended="found", took_s=9.0)
        figures.append(draw_capacity(capacity))
    without, ended = figures
    assert without.wide != ended.wide


def test_no_two_signs_of_the_figure_are_called_alike():
    words = [_SHAPES[marker] for marker, *_ in _MARKS.values()]
    assert len({*words, "triangle:"}) == len(words) + 1, "a triangle stands above a lower bound"
