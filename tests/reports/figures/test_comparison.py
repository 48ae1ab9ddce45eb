"""The comparison's figure: sides beside each other from zero, and how far they spread."""

import re
from xml.etree import ElementTree as ET

import pytest

from dress_rehearsal.reports.figures.comparison import Bars, Spread, draw_comparison
from dress_rehearsal.reports.figures.palette import FORMS, NARROW
from dress_rehearsal.reports.words import milliseconds, written

BAR = re.compile(r'd="M ([\d.]+) [\d.]+L ([\d.]+) [^"]*" style="fill: #0072b2')
P99 = Bars("Buying, p99", [70.0, 180.0], milliseconds, [Spread(60.0, 80.0), None])


def title_of(svg):
    return ET.fromstring(svg.file).find("{http://www.w3.org/2000/svg}title").text


def test_the_title_names_least_and_most_and_is_the_same_every_time():
    drawn = draw_comparison(["off", "poll"], [P99])
    assert title_of(drawn) == "Buying, off: 70 ms against poll: 180 ms"
    assert drawn == draw_comparison(["off", "poll"], [P99])


def test_sides_that_hardly_differ_are_said_not_to():
    drawn = draw_comparison(["a", "b"], [Bars("Tickets a second", [100.0, 105.0], written)])
    assert "do not differ by a tenth" in title_of(drawn)


@pytest.mark.parametrize(
    ("values", "bounds", "said"),
    [
        ([100, 150, 200], "B", "Buying, A: 100 ms is least, and who has most is not known"),
        ([100, 150, 200], "BC", "Buying, A: 100 ms is least, and who has most is not known"),
        ([100, 150, 200], "C", "Buying, A: 100 ms against C: at least 200 ms"),
        ([100, 102, 103], "C", "Buying, A: 100 ms against C: at least 103 ms"),
        ([100, 150, 200], "A", "Of Buying only lower bounds are known, so not who has least"),
        ([100, 150, 200], "", "Buying, A: 100 ms against C: 200 ms"),
    ],
)
def test_who_has_least_or_most_is_told_only_where_no_lower_bound_leaves_it_open(
    values, bounds, said
):
    at_least = [name in bounds for name in "ABC"]
    bars = Bars("Buying, p99", values, milliseconds, at_least=at_least)
    assert title_of(draw_comparison(list("ABC"), [bars])).lower() == said.lower()


@pytest.mark.slow
def test_a_long_name_takes_no_room_from_the_bars():
    name = "gates=" + "latency_ms " * 20
    svg = draw_comparison(["a", name], [P99]).file
    widths = [float(right) - float(left) for left, right in BAR.findall(svg)]
    assert max(widths) > 250
    assert name not in svg


def test_what_nobody_measured_has_no_bar_and_what_came_of_each_has_a_line():
    bars = Bars("Sold out after", [None, 4.0], written)
    plain = draw_comparison(["a", "b"], [bars]).file
    told = draw_comparison(["a", "b"], [bars], ["pass; cause: the CPU", "fail; oversold 3"]).file
    assert len(BAR.findall(plain)) == 1
    high = re.compile(r'height="([\d.]+)pt"')
    assert float(high.search(told)[1]) > float(high.search(plain)[1])


def test_for_telephones_its_panels_stand_below_each_other_and_letters_keep_their_size():
    wide, narrow = (draw_comparison(["a", "b"], [P99, P99], form=form).file for form in FORMS)

    def lefts(svg):
        return {left for left, _ in BAR.findall(svg)}

    assert (len(lefts(wide)), len(lefts(narrow))) == (2, 1)
    assert float(re.search(r'width="([\d.]+)pt"', narrow)[1]) == NARROW.width_pt


def test_a_side_without_a_verdict_has_its_place_a_mark_and_the_word():
    known = Bars("Buying, p99", [70.0, None, 180.0], milliseconds)
    missing = Bars("Buying, p99", [70.0, None, 180.0], milliseconds, unjudged={1})
    plain, told = (draw_comparison(["a", "b", "c"], [each]).file for each in (known, missing))
    assert [known.said(1), missing.said(1)] == ["not measured", "no verdict"]
    crosses = [svg.count("fill: #d55e00") for svg in (plain, told)]
    assert crosses == [0, 1]
    assert len(BAR.findall(told)) == 2
