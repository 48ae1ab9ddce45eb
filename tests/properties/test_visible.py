"""Any words at all in a verdict: no control character of theirs reaches whoever reads it."""

import html
import io
import json
import sys
import unicodedata
from pathlib import Path
from xml.etree import ElementTree as ET

import hypothesis
import pytest
from hypothesis import strategies

from dress_rehearsal.plans import read_plan
from dress_rehearsal.plans.visible import visible
from dress_rehearsal.rehearsal.slack import slack_text
from dress_rehearsal.rehearsal.terminal.console import make_console
from dress_rehearsal.rehearsal.terminal.screen import print_verdict
from dress_rehearsal.rehearsal.terminal.streams import Outlet
from dress_rehearsal.reports.junit import write_junit
from dress_rehearsal.reports.markdown import markdown_table
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.several.repeats import repeats_of
from tests.properties.budget import try_out

ACTING = {"Cc", "Cs", "Zl", "Zp"}
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
PARTS = (
    "\x1b]0;owned\x07",
    "\x9b2J",
    "\u202e",
    "\r\n",
    "[bold]",
    "[/]",
    "\\",
    "|",
    "`",
    "<b>",
    "]]>",
)
WORDS = strategies.lists(
    strategies.sampled_from(PARTS) | strategies.text(strategies.characters(exclude_categories=())),
    max_size=6,
).map("".join)


def acting(text):
    """What a terminal, a browser or an editor would obey; a line feed is ours."""
    found = {one for one in text if one != "\n" and unicodedata.category(one) in ACTING}
    return found | (BIDI & set(text))


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """The document of a verdict that failed."""
    from dress_rehearsal.reports.evidence import read_evidence
    from dress_rehearsal.reports.verdict import judge
    from tests.reports.synthetic_run import build_run

    run = build_run(tmp_path_factory.mktemp("run"), students=40, tickets=10, oversell=1)
    return judge(read_evidence(run)).document()


def with_words(document, text):
    """The verdict as it is when every free text of it comes from outside."""
    return Verdict.model_validate(
        {
            **document,
            "run": text,
            "plan": text,
            "reasons": [text, f"Lost: {text}"],
            "cause": text,
            "ran": text,
            "notes": [text],
            "unchecked": {text: 1},
        }
    )


@pytest.mark.slow
def test_whatever_a_verdict_quotes_is_shown_and_not_obeyed(document):
    plan = read_plan(Path("festival"))

    @hypothesis.given(WORDS)
    def prop(text):
        verdict = with_words(document, text)
        junit = write_junit(verdict)
        repeats = repeats_of([(1, verdict)], 1)
        read = {
            "verdict.json": verdict.text(),
            "junit.xml": junit,
            "summary.md": markdown_table(("a",), [(text,)]),
            "repeats.html": repeats.page(),
            "repeats.md": repeats.markdown(),
            "Slack": slack_text(plan, verdict),
        }
        assert {name: acting(words) for name, words in read.items() if acting(words)} == {}
        assert all(
            not acting(said) and "\n" not in said
            for said in json.loads(read["verdict.json"])["reasons"]
        )
        assert ET.fromstring(junit).find(".//failure") is not None
        assert read["summary.md"].count("\n") == 2, "a cell stays one"
        assert "<b>" not in read["repeats.html"].replace(html.escape("<b>"), "")

    try_out(prop)


@pytest.mark.slow
def test_whatever_is_printed_changes_nothing_but_its_own_line(document, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    encodings = strategies.sampled_from(["utf-8", "latin-1", "ascii", "cp932", "utf-16"])

    @hypothesis.given(WORDS, encodings)
    def prop(text, encoding):
        written = io.BytesIO()
        stream = io.TextIOWrapper(written, encoding=encoding, newline="")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            console = make_console()
            print_verdict(console, with_words(document, text), Path("runs/one"))
            console.print(text, markup=False)
        assert isinstance(console.file, Outlet)
        assert console.file.failure is None
        stream.flush()
        printed = written.getvalue().decode(encoding)
        assert acting(printed) == set()
        assert "FAIL" in printed

    try_out(prop)


def test_what_is_visible_stays_visible():
    @hypothesis.given(WORDS)
    def prop(text):
        once = visible(text)
        assert visible(once) == once
        assert acting(once) == set()
        once.encode("utf-8")

    try_out(prop)
