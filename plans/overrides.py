"""Overrides: `section.key=value` texts, as `--set` takes them, put into a plan's document."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from dress_rehearsal.plans.document import SyntaxUnknownError, UnparsableError, parse
from dress_rehearsal.plans.errors import PlanError
from dress_rehearsal.plans.plan import Plan
from dress_rehearsal.plans.shown import shown_key

_MOST_PARTS: Final = 8
_HOW: Final = "write it as section.key=value, such as app.workers=4."


def override(document: dict[str, Any], text: str) -> str:
    """Put one value into a document, over what is there; return its dotted key.

    Raises:
        PlanError: it is not written like that, or its key is within a value; nothing is quoted
            that could be a secret.
    """
    parts, value = _taken_apart(text)
    table = document
    for place, part in enumerate(parts[:-1], start=1):
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise PlanError(
                f"--set {shown_key(parts)}: {shown_key(parts[:place])} is a value, not a section "
                f"of the plan."
            )
    table[parts[-1]] = value
    return ".".join(parts)


def in_effect(overrides: Iterable[str], plan: Plan) -> list[str]:
    """Return what overrides came to, as `section.key=value` with the plan's own values.

    A value that another override replaced is gone: it may have been a slip that holds a secret.
    """
    keys: dict[tuple[str, ...], None] = {}
    for text in overrides:
        parts, value = _taken_apart(text)
        keys |= dict.fromkeys(_leaves(parts, value))
    document = plan.model_dump(mode="json", exclude_none=True)
    found = ((parts, _value_at(document, parts)) for parts in keys)
    return [f"{'.'.join(parts)}={_written(value)}" for parts, value in found if value is not None]


def _taken_apart(text: str) -> tuple[tuple[str, ...], Any]:
    """Return the parts of an override's key, and its value."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # bytes of a command line that are no UTF-8
            raise PlanError(f"--set …: what is given is no UTF-8; {_HOW}") from None
    key, equals, written = text.partition("=")
    parts = tuple(part.strip() for part in key.split("."))
    if not equals or not all(parts):
        raise PlanError(f"--set {shown_key(parts) if equals else '…'}: {_HOW}")
    if len(parts) > _MOST_PARTS:
        raise PlanError(f"--set: a key has at most {_MOST_PARTS} parts; {_HOW}")
    return parts, _value(parts, written.strip())


def _value(parts: tuple[str, ...], written: str) -> Any:
    """Return the value as TOML has it; what is not TOML is a string without its quotes."""
    try:
        document = parse(f"value = {written}")
    except SyntaxUnknownError:
        return written
    except UnparsableError as error:
        raise PlanError(f"--set {shown_key(parts)}: {error}.") from error
    return document["value"] if document.keys() == {"value"} else written


def _leaves(parts: tuple[str, ...], value: Any) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves((*parts, key), inner)
    else:
        yield parts


def _value_at(document: Mapping[str, Any], parts: tuple[str, ...]) -> Any:
    value: Any = document
    for part in parts:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
