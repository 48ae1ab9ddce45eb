"""Markdown: text that is shown as it is, and tables."""

import html
import re
from collections.abc import Iterable, Sequence
from itertools import cycle
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
_BOUND: Final = re.compile(r"&lt;(?=[= ]|$)|(?<= )&gt;(?=[= ])")
"""Signs of a limit, which text shows best as they are: no tag begins so, and none ends so without
a beginning. At the start of a line `>` would begin a quotation."""
_ESCAPE: Final = re.compile(r"\\([\\`*_\[\]|~$])")
_CODE: Final = re.compile(r"(?<!`)(`(?! )[^`|\\<&]+(?<! )`)(?!`)")


def escaped(text: str) -> str:
    """Return text that Markdown and HTML show as it is, on one line; what stands in backticks is
    code there too."""
    line = " ".join(visible(text).split())
    parts = _CODE.split(line)
    return "".join(
        part if code else _shown(part) for part, code in zip(parts, cycle((False, True)))
    )


def _shown(text: str) -> str:
    # "@" as an entity, so that GitHub calls nobody.
    shown = html.escape(_SPECIAL.sub(r"\\\1", text), quote=False)
    return _BOUND.sub(_sign, shown).replace("@", "&#64;")


def _sign(bound: re.Match[str]) -> str:
    return html.unescape(bound[0])


def plain(markdown: str) -> str:
    """Return Markdown that `escaped` made as a terminal shows it: without the escapes."""
    return html.unescape(_ESCAPE.sub(r"\1", markdown))


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
        cells = (_cell(each if isinstance(each, str) else cell(each)) for each in row)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Return text as a cell shows it, which begins no line."""
    shown = escaped(text)
    return shown.replace("&gt;", ">", 1) if shown.startswith(("&gt;=", "&gt; ")) else shown
