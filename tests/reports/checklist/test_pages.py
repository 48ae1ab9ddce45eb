"""The checklist as people read, print and sign it: both sides, everything open, room for names."""

import re
import shutil
import subprocess

import pytest

from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.reports.checklist.checklist import checklist_of
from dress_rehearsal.reports.checklist.pages import (
    ROLES,
    checklist_markdown,
    checklist_page,
    write_checklist,
)
from dress_rehearsal.reports.checklist.recovery import SwitchTried
from tests.reports.capacity.test_result import EDGE
from tests.reports.checklist.conftest import NOW, rehearsed

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
SWITCH = SwitchTried("run", "pause (Redis)", "yes", "at once: of 90 requests at most 1% failed")


def checked(*runs):
    return checklist_of(runs, [], NOW)


@pytest.fixture
def many(found):
    """A checklist of as much as there could be: forty runs, each with something open."""
    runs = [
        rehearsed(
            number,
            ("pass", "fail", "inconclusive")[number % 3],
            said={"unchecked": {"reserved": 3}, "reasons": ["A long reason. " * 20]},
            switches=(SWITCH,),
        )
        for number in range(40)
    ]
    return checklist_of(runs, [found(*EDGE)], NOW)


def test_the_page_shows_both_sides_and_leaves_the_decision_to_people():
    checklist = checked(rehearsed())
    page = checklist_page(checklist)
    assert "Go or no-go? small" in page
    assert "This page decides nothing" in page
    for line in (*checklist.speaks_for, *checklist.speaks_against):
        assert line[:150].replace("'", "&#39;") in page
    for role in ROLES:
        assert f'<th scope="row">{role}</th>' in page
    assert f'<a href="{rehearsed().href}">' in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_the_markdown_has_all_of_it(many):
    text = checklist_markdown(many)
    for number in range(40):
        assert rehearsed(number).run in text
    assert text.count("| unchecked |") == 40
    assert "19,000 students pass" in text
    for role in ROLES:
        assert f"| {role} |" in text


def test_the_page_says_how_much_it_leaves_out(many):
    page = checklist_page(many)
    assert "all are in checklist.md" in page
    assert page.count("<tr") < 60


def test_without_anything_that_speaks_for_it_that_is_said():
    text = checklist_markdown(checked(rehearsed(0, "fail")))
    assert "## What speaks for it\n\n- Nothing that was rehearsed." in text
    assert "None was flipped." in text


def test_no_text_of_a_target_breaks_out(tmp_path):
    odd = rehearsed(0, "fail", said={"reasons": ["<script>|`x`</script>"]})
    write_checklist(tmp_path, checked(odd))
    for name in ("checklist.html", "checklist.md"):
        assert "<script>" not in (tmp_path / name).read_text()


def test_what_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryUnusableError, match="choose another"):
        write_checklist(tmp_path / "file", checked(rehearsed()))


@pytest.mark.servers
@pytest.mark.skipif(BROWSER is None, reason="no Chromium to print with")
def test_it_prints_on_two_sheets_of_a4_however_much_there_is(many, tmp_path):
    write_checklist(tmp_path, many)
    printed = tmp_path / "checklist.pdf"
    assert BROWSER is not None
    subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
        + [f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={printed}"]
        + [(tmp_path / "checklist.html").as_uri()],
        timeout=90,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pages = re.findall(rb"/Count (\d+)", printed.read_bytes())
    assert [int(count) for count in pages] == [2]
