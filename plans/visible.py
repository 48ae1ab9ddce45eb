"""Makes visible what a text could do to whoever reads it: what comes from outside is shown, never
obeyed.

A target's answer, a log, a path or a plan may hold an escape sequence that renames a terminal, a
sign that turns a line's direction round, or a line break that forges a sentence. Each such
character becomes the escape it has in Python's source, such as `\\x1b` or `\\u202e`: plain ASCII.
"""

import re
from typing import Any, Final

_ACTING: Final = re.compile(
    "["
    "\x00-\x09\x0b-\x1f\x7f-\x9f"  # C0 but the line feed, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # directions of writing
    "\u2028\u2029"  # ends of lines and paragraphs
    "\u00ad\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"  # seen by nobody
    "\U000e0000-\U000e007f"  # tags, which nobody sees either
    "\ud800-\udfff"  # half a character: no encoding holds it
    "\ufffe\uffff"  # no characters, and XML 1.0 refuses them
    "]"
)


def visible(text: str) -> str:
    """Return text whose line breaks are ours, with every other character that acts made visible."""
    return _ACTING.sub(_escape, text)


def visible_line(text: str) -> str:
    """Return text that has to stay on its line, with line breaks made visible as well."""
    return visible(text).replace("\n", "\\n")


def visible_values(document: Any) -> Any:
    """Return a document of dicts, lists, tuples and values with every text in it, keys included,
    made visible as one line; whatever else is in it stays as it is."""
    if isinstance(document, str):
        return visible_line(document)
    if isinstance(document, dict):
        return {visible_values(key): visible_values(value) for key, value in document.items()}
    if isinstance(document, list):
        return [visible_values(value) for value in document]
    if type(document) is tuple:
        return tuple(visible_values(value) for value in document)
    return document


def _escape(found: "re.Match[str]") -> str:
    return found[0].encode("unicode_escape").decode("ascii")
