"""Markdown: text that is shown as it is, and tables."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

from dress_rehearsal.plans.visible import visible
from dress_rehearsal.reports.schema import Number
from dress_rehearsal.reports.words import cell

_SPECIAL: Final = re.compile(
    r"([\\`*|~$]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # amid a word it emphasizes nothing
    r"|^\[|\[(?=[\[^])|\](?=[(\[:]))"  # links, notes, definitions, boxes to tick
)
"""What may mean something in Markdown: names of metrics have none of it, and stay readable."""


def escaped(text: str) -> str:
    """Return text that Markdown and HTML show as it is, on one line."""
    # "@" as an entity, so that GitHub calls nobody.
    line = " ".join(visible(text).split())
    shown = html.escape(_SPECIAL.sub(r"\\\1", line), quote=False)
    return shown.replace("@", "&#64;")


def markdown_table(
    head: Sequence[str], rows: Iterable[Sequence[str | Number | None]], texts: Iterable[int] = (0,)
) -> str:
    """Return a table in Markdown, its last line without an end.

    Args:
        texts: which columns stand to the left; those of numbers stand to the right.
    """
    left = set(texts)
    sides = ("---" if position in left else "---:" for position in range(len(head)))
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(sides)}|"]
    for row in rows:
        cells = (escaped(each if isinstance(each, str) else cell(each)) for each in row)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
