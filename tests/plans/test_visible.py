"""What comes from outside is shown, never obeyed."""

import pytest

from dress_rehearsal.plans.visible import visible, visible_line, visible_values


@pytest.mark.parametrize(
    ("acting", "shown"),
    [
        pytest.param("\x1b]0;owned\x07", r"\x1b]0;owned\x07", id="a terminal's title"),
        pytest.param("\x9b31m", r"\x9b31m", id="a colour, by one character"),
        pytest.param("100 %\rPASS", r"100 %\rPASS", id="a line written over"),
        pytest.param("rm\x08\x08ok\x7f", r"rm\x08\x08ok\x7f", id="letters taken back"),
        pytest.param("a\tb\x00", r"a\tb\x00", id="a tab and a null"),
        pytest.param("\u202egnp.exe", r"\u202egnp.exe", id="a direction overridden"),
        pytest.param("\u2066a\u2069\u200f", r"\u2066a\u2069\u200f", id="a direction isolated"),
        pytest.param("a\u2028b\u2029", r"a\u2028b\u2029", id="a line's end that is none"),
        pytest.param("\ud83d!", r"\ud83d!", id="half a character"),
        pytest.param("in\u200bvisible\ufeff", r"in\u200bvisible\ufeff", id="what nobody sees"),
        pytest.param("\U000e0041", r"\U000e0041", id="a tag"),
        pytest.param("\uffff", r"\uffff", id="no character"),
    ],
)
def test_what_acts_is_made_visible(acting, shown):
    assert visible(acting) == shown


@pytest.mark.parametrize("text", ["", "µs → “fine” … 抽選 عربى", "👩\u200d🎓", r"C:\x1b", "a\nb"])
def test_what_only_shows_stays_as_it_is(text):
    assert visible(text) == text


def test_a_line_from_outside_forges_no_second_one():
    assert visible_line("sold_out\nPASS") == r"sold_out\nPASS"


def test_every_text_of_a_document_is_shown_and_its_numbers_stay():
    document = {"a\x1b": ["\x07", 1, None, ("b\n", {"c": True})]}
    assert visible_values(document) == {r"a\x1b": [r"\x07", 1, None, (r"b\n", {"c": True})]}
