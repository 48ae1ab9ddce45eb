"""Every file that the documentation names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = "plans|compose|scenarios|records|reports|dashboards|rehearsal|target_app|tests|docs"
NAMED = re.compile(rf"`((?:{ROOMS})/[\w./-]*)`|\]\(([\w./-]+)(?:#[\w-]*)?\)")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def missing(page: Path) -> list[str]:
    """Return what a page names and the checkout lacks: paths in backticks from the root, links."""
    text = page.read_text("utf-8")
    return [
        named or link
        for named, link in NAMED.findall(text)
        if not (ROOT / named if named else page.parent / link).exists()
    ]


def not_in_their_file(text: str) -> list[str]:
    """Return the names of code that a text says are in a file of the checkout and are not."""
    told = re.findall(r"`_?(\w+)[^`]*`(?: \(| in )`([\w]+/[\w/]+\.py)`", text)
    told += re.findall(r"`_?\w+` and `_?(\w+)`(?: \(| in )`([\w]+/[\w/]+\.py)`", text)
    return [
        f"{name} in {path}"
        for name, path in told
        if not re.search(rf"\b_?{name}\b", (ROOT / path).read_text("utf-8"))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    assert missing(page) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_says_is_in_a_file_is_in_it(page: Path) -> None:
    assert not_in_their_file(page.read_text("utf-8")) == []


def test_a_name_that_has_moved_is_found() -> None:
    text = "`_AUDIT_WORDS` in `reports/page/tables/outcome.py`, `WRONGS` (`plans/names.py`)"
    assert not_in_their_file(text) == ["AUDIT_WORDS in reports/page/tables/outcome.py"]


def test_a_file_that_is_gone_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("See `plans/plan.py`, `plans/reading.py` and [how](nowhere.md#top).")
    assert missing(page) == ["plans/reading.py", "nowhere.md"]
