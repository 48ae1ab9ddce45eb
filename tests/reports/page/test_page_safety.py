"""The page asks nobody else for anything, and text from outside stays text."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from dress_rehearsal.reports.page import write_page
from dress_rehearsal.reports.page.templates import sentence
from tests.reports.page.parsed_page import (
    HOSTILE,
)

pytestmark = pytest.mark.slow

TEMPLATES = Path(write_page.__code__.co_filename).parent


def test_the_page_asks_nobody_else_for_anything(healthy_page: Any) -> None:
    page, _, _ = healthy_page
    links = {
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("href", "src", "srcset", "action", "data", "xlink:href", "poster")
    }
    assert links
    assert not [link for link in links if re.match(r"\w+:|//|/", link)]
    assert not {"link", "iframe", "object", "embed", "img", "base"} & {tag for tag, _ in page.tags}
    assert "@import" not in page.source
    assert set(re.findall(r"url\((.)", page.source)) <= {"#"}


def test_a_content_security_policy_forbids_what_the_page_does_not_do(healthy_page: Any) -> None:
    page, _, _ = healthy_page
    policies = [
        attributes["content"]
        for tag, attributes in page.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    (script,) = re.findall(r"<script>(.*?)</script>", page.source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{digest}'"
    ], "no other script than the page's own may run"
    assert not re.search("fetch|XMLHttp|import|innerHTML|eval|Function|cookie|storage", script)
    handlers = [name for _, attributes in page.tags for name in attributes if name[:2] == "on"]
    assert not handlers


def test_links_to_the_run_are_relative_and_lead_to_files(hostile_page: Any) -> None:
    page, run, _ = hostile_page
    targets = [
        str(attributes["href"])
        for tag, attributes in page.tags
        if tag == "a"
        and attributes["href"] not in ("verdict.json", "summary.md", "junit.xml")
        and not str(attributes["href"]).startswith("#")
    ]
    assert "logs/app%20%231.jsonl" in targets
    for target in targets:
        assert (run.path / unquote(target)).exists(), target


def test_text_from_outside_cannot_become_markup(hostile_page: Any) -> None:
    page, _, verdict = hostile_page
    assert any(HOSTILE in reason for reason in verdict.reasons)
    assert page.words.count("<script>alert(1)</script>") >= 5
    assert not {"img", "b"} & {tag for tag, _ in page.tags}
    assert [tag for tag, _ in page.tags].count("script") == 1


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*.j2")), ids=lambda path: path.name)
def test_a_template_trusts_only_the_style_and_the_figures(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    trusted = re.findall(r"\{\{([^}]*(?:\|\s*safe|svg\()[^}]*)\}\}", text)
    assert all("figure." in part or part.strip().startswith("' ") for part in trusted)


def test_a_command_in_a_sentence_is_shown_as_code_and_nothing_in_it_is_obeyed() -> None:
    shown = sentence("stop it (`rehearse doctor` names <b> it), `<i>`, and `")
    assert shown == (
        "stop it (<code>rehearse doctor</code> names &lt;b&gt; it), <code>&lt;i&gt;</code>, and `"
    )
