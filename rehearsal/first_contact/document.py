"""A document of somebody else's, in JSON or YAML: read as plain values, and bounded.

YAML can say little with few letters that takes much to be built: an alias of aliases, a mapping
merged into others, hundreds of brackets in each other. So it is counted first, aliases stand for
the one value that they name, and nothing is merged; a tag makes nothing but text and numbers.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from dress_rehearsal.records import http

_LIMIT_BYTES: Final = 2 * http.MIB
_MOST_EVENTS: Final = 300_000
_DEEPEST: Final = 60
_HEAD_BYTES: Final = 64 * http.KIB
_LOOKS_DESCRIBED: Final = re.compile(rb"^[\"']?(openapi|swagger)[\"']?[ \t]*:", re.MULTILINE)
"""Only what says so of itself near its beginning is read as YAML: a page of HTML is as well."""
_MERGE: Final = "tag:yaml.org,2002:merge"
_TIME: Final = "tag:yaml.org,2002:timestamp"
_Base: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """Builds texts, numbers, lists and objects, and nothing else; a date is a text."""

    yaml_implicit_resolvers: Final = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIME]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def flatten_mapping(self, node: Any) -> None:
        """Merge nothing: `<<` is a key like another."""


_Loader.add_constructor(_MERGE, yaml.SafeLoader.construct_yaml_str)


def document_of(body: bytes) -> Mapping[str, Any] | None:
    """Return the object that a body holds as JSON or, where it describes a service, as YAML.

    None where it holds none, or more than is read.
    """
    try:
        found = http.json_of(body)
    except ValueError:
        found = _yaml_of(body)
    return found if isinstance(found, dict) else None


def _yaml_of(body: bytes) -> Any:
    if len(body) > _LIMIT_BYTES or not _LOOKS_DESCRIBED.search(body[:_HEAD_BYTES]):
        return None
    try:
        if _is_too_much(body):
            return None
        return yaml.load(body, Loader=_Loader)  # noqa: S506 (made of the safe one)
    except (yaml.YAMLError, ValueError, TypeError, LookupError, RecursionError, OverflowError):
        return None


def _is_too_much(body: bytes) -> bool:
    """Return whether a text in YAML is deeper or longer than a description of a service is."""
    depth = 0
    for number, event in enumerate(yaml.parse(body, Loader=_Loader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST or number > _MOST_EVENTS:
            return True
    return False
