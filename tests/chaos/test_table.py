"""The table that is put into the page."""

from pathlib import Path

import pytest

from tests.chaos.perform import Result
from tests.chaos.right import Wrong
from tests.chaos.table import BEGIN, END, insert, markdown

RESULTS = [
    Result("redis, kill -9, T-1 s", word="fail", after_s=12.3),
    Result("redis, kill -9, T+0.5 s", [Wrong("pass instead of fail")], word="pass", after_s=9.0),
    Result("guardian, SIGTERM, settling", word="pass", after_s=7.0, tries=2),
    Result("disk full, T+0.5 s", word="exit 1", said="a | b", after_s=4.0),
]


def test_every_result_has_its_place() -> None:
    lines = markdown(RESULTS, "2026-11-28").splitlines()
    assert lines[0] == "2026-11-28: 3 of 4 right."
    assert "| redis | kill -9 | fail, 12 s | **WRONG** (pass), 9 s | – | gone by then |" in lines
    assert any("pass (at try 2), 7 s" in line for line in lines)
    assert "| disk full, T+0.5 s | exit 1 | 4 s | a \\| b |" in lines


def test_it_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold \\1\n{END}\nafter\n")
    insert(page, "new \\1\n")
    assert page.read_text() == f"before\n{BEGIN}\nnew \\1\n{END}\nafter\n"


def test_a_page_without_a_place_for_it_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="no place"):
        insert(page, "new\n")
