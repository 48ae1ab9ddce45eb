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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    assert missing(page) == []


def test_a_file_that_is_gone_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("See `plans/plan.py`, `plans/reading.py` and [how](nowhere.md#top).")
    assert missing(page) == ["plans/reading.py", "nowhere.md"]
