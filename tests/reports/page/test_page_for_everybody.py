"""The page can be read by those who cannot see it, and by those who can in every light."""

import re
from typing import Any

import pytest

from tests.reports.page.parsed_page import (
    FIGURES,
)

pytestmark = pytest.mark.slow


def test_figures_and_tables_speak_to_those_who_cannot_see_them(healthy_page: Any) -> None:
    page, _, _ = healthy_page
    drawn = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert drawn.pop(0) == {"class": "glyphs", "aria-hidden": "true"}, "letters that all share"
    assert len(drawn) == 2 * len(FIGURES)
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in drawn)
    heads = [attributes for tag, attributes in page.tags if tag == "th"]
    assert all(head.get("scope") in ("row", "col") for head in heads)
    assert next(attributes for tag, attributes in page.tags if tag == "html") == {"lang": "en"}


def test_no_id_is_given_twice(healthy_page: Any) -> None:
    page, _, _ = healthy_page
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', page.source))
    assert used <= set(ids)


def test_every_pair_of_text_colours_can_be_read(healthy_page: Any) -> None:
    """WCAG 2 AA asks for a contrast of 4.5 between text and what is behind it."""
    page, _, _ = healthy_page
    blocks = re.findall(r":root \{(.*?)\}", page.source, re.DOTALL)
    assert len(blocks) == 3, "light, dark, print"
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[0]))
    for block in blocks:
        colours = light | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for text in ("ink", "muted", "link", "ok", "found", "open"):
            assert _contrast(colours[text], colours["card"]) >= 4.5, text
        for text in ("ink", "muted", "link"):
            assert _contrast(colours[text], colours["page"]) >= 4.5, text
        assert _contrast(colours["found"], colours["found-back"]) >= 4.5
        for banner in ("pass", "fail", "inconclusive"):
            assert _contrast("#ffffff", colours[banner]) >= 4.5, banner


def _contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
