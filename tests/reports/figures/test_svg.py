"""Text is measured and broken in the font that it is drawn in."""

from dress_rehearsal.reports.figures.svg import text_width_pt, wrapped


def test_titles_wrap_between_words_within_the_sheet() -> None:
    text = "5,000 tickets went in 3.2 s; answers lagged clicks by up to 1.1 s; 12 got no answer"
    lines = wrapped(text, 300, 13, bold=True)
    assert len(lines) > 1
    assert " ".join(lines) == text
    assert all(text_width_pt(line, 13, bold=True) <= 300 for line in lines)
