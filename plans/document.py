"""Documents: TOML from files and options, with an end to how long, deep and large it may be.

A parser that is given `[` two thousand times, a number of five thousand digits or a key of three
thousand parts breaks in ways of its own, or takes minutes. So what no plan needs is refused before
and after it.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dress_rehearsal.plans.errors import PlanError
from dress_rehearsal.plans.files import named, read_bytes
from dress_rehearsal.plans.shown import shown_key

_MOST_BYTES: Final = 256 * 1024
_MOST_DOTS: Final = 100
"""In one line: reading a dotted key takes the square of its parts."""
_DEEPEST: Final = 12
_MOST_BITS: Final = 63
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")

_PLACE: Final = re.compile(r"\(at (line \d+, column \d+|end of document)\)$")
_WORDS: Final = {
    "Cannot declare": "a table is declared twice",
    "Cannot mutate immutable namespace": "a table or list is given twice",
    "Cannot overwrite a value": "a key is given twice",
    "Cannot redefine namespace": "a table is declared twice",
    "Duplicate inline table key": "a key is given twice",
    "Illegal character": "a control character",
    "Found invalid character": "a control character",
    "Expected": "an unexpected character",
}
"""What the parser says, up to where it begins to quote, as we say it."""


class UnparsableError(ValueError):
    """A text is not TOML, or more of it than a plan can be; the message is a part of a sentence."""


class SyntaxUnknownError(UnparsableError):
    """A text is not TOML."""


def read_document(path: Path, what: str = "The plan") -> dict[str, Any]:
    """Return a TOML file's tables and values.

    Raises:
        PlanError: it cannot be read or is not TOML; nothing that it says is quoted.
    """
    content = read_bytes(path, what, _MOST_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        said = "UTF-16" if content.startswith(_UTF16) else f"no UTF-8 from byte {error.start} on"
        raise PlanError(
            f"{what} {named(path)} cannot be read: it is {said}; save it as UTF-8."
        ) from error
    try:
        return parse(text)
    except UnparsableError as error:
        if path.suffix == ".py":
            raise PlanError(
                f"{named(path)} is a Python file: give the plan, a TOML file that names it as "
                f"scenario.file. A plain Locust file is performed by `rehearse run` with --host."
            ) from error
        raise PlanError(f"{what} {named(path)} is not valid TOML: {error}.") from error


def parse(text: str) -> dict[str, Any]:
    """Return what a TOML text says.

    Raises:
        SyntaxUnknownError: it is not TOML.
        UnparsableError: it is, but too deep, or its numbers are too large.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if line.count(".") > _MOST_DOTS and not line.lstrip().startswith("#"):
            raise UnparsableError(f"line {number} has more than {_MOST_DOTS} dots")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SyntaxUnknownError(_syntax(str(error))) from None
    except RecursionError:
        raise UnparsableError("lists or tables stand too deep within each other") from None
    except (ValueError, OverflowError):  # more digits than Python makes a number of
        raise UnparsableError("a number has too many digits") from None
    for parts, value in _values(document):
        if len(parts) > _DEEPEST:
            raise UnparsableError(
                f"{shown_key(parts[:2])} goes deeper than {_DEEPEST} tables or lists"
            )
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise UnparsableError(f"{shown_key(parts)} is a number beyond 64 bits")
    return document


def _values(document: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Return every value with its key, tables and lists among them, down to the deepest allowed."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), document)]
    while waiting:
        parts, value = waiting.pop()
        yield parts, value
        if isinstance(value, dict):
            waiting += [((*parts, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*parts, place), inner) for place, inner in enumerate(value)]


def _syntax(message: str) -> str:
    """Return what the parser complains of and where, without what it quotes."""
    place = _PLACE.search(message)
    complaint = re.split(r"['\"(]", message)[0].strip()
    for beginning, words in _WORDS.items():
        if complaint.startswith(beginning):
            complaint = words
    complaint = complaint[:1].lower() + complaint[1:]
    return f"{complaint or 'it'} at {place[1]}" if place else complaint
