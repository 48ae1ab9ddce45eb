"""A request that a plan has sent to the target at setup: to open the sale, or to reset the app."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field

from dress_rehearsal.plans.errors import PlanError
from dress_rehearsal.plans.secrets import holds_a_secret, names_a_secret, variable_of
from dress_rehearsal.plans.shown import HIDDEN
from dress_rehearsal.plans.types import Section

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_WRITTEN: Final = re.compile(rf"({'|'.join(METHODS)}) (/[!-~]{{0,2000}})")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_SENT_BY_US: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_PLACEHOLDER: Final = re.compile(r"\{(\w*)\}")
_DEEPEST: Final = 8
_LONGEST_PART: Final = 24


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name):
            raise ValueError("a header's name has letters, digits and hyphens only")
        if name.lower() in _SENT_BY_US:
            raise ValueError("Host, Content-Length, Transfer-Encoding and Connection are our own")
        if not (value.isascii() and value.isprintable()):
            raise ValueError("a header's value is one line of ASCII")
        if _variable(value) is None and names_a_secret(name):
            raise ValueError(
                "a header whose name says that it holds a secret (authorization, cookie, key, "
                'token …) is given as "env:NAME", the variable that holds it'
            )
    return headers


Headers = Annotated[dict[str, str], Field(max_length=50), AfterValidator(_headers)]
"""Headers by their names; a value may be `env:NAME`, and one that is a secret must be."""


def _variable(text: str) -> str | None:
    try:
        return variable_of(text)
    except PlanError as error:
        raise ValueError(str(error).rstrip(".")) from error


def _written(text: str) -> str:
    if not _WRITTEN.fullmatch(text) or text.partition(" ")[2].startswith("//") or "#" in text:
        raise ValueError(
            f"expected a method ({', '.join(METHODS)}), one space and a path of the target itself, "
            f"such as POST /-/on-sale; another host cannot be named"
        )
    return text


def _document(document: Any) -> Any:
    for text in texts_of(document):
        _variable(text)
    if holds_a_secret(document):
        raise ValueError(
            "a text whose name says that it is a secret (password, token, adminKey …) is given as "
            '"env:NAME", the variable that holds it'
        )
    return document


class PlannedRequest(Section):
    """One request; its path is that of the target's own URL with this one behind it."""

    model_config = ConfigDict(serialize_by_alias=True)

    request: Annotated[str, AfterValidator(_written)] | None = None
    """Method and path, such as `POST /-/on-sale`; the answer must be a success (2xx)."""
    headers: Headers = Field(default_factory=dict)
    """Sent with it; a value may be `env:NAME`, the variable that holds it."""
    # `json` would hide a method of pydantic's.
    document: Annotated[
        dict[str, Any] | list[Any] | None, Field(alias="json"), AfterValidator(_document)
    ] = None
    """Its body, as JSON; a text may be `env:NAME`."""

    def unused_keys(self) -> list[str]:
        """Return which keys have no effect because there is no request."""
        if self.request is not None:
            return []
        given = (("headers", bool(self.headers)), ("json", self.document is not None))
        return [name for name, is_given in given if is_given]

    def placeholders(self) -> set[str]:
        """Return the words in braces in its path, its headers and the texts of its body."""
        texts = [self.request or "", *self.headers.values(), *texts_of(self.document)]
        return {word for text in texts for word in _PLACEHOLDER.findall(text)}


def filled(document: Any, values: Mapping[str, int | str]) -> Any:
    """Return a document with the placeholders in its texts replaced.

    A text that is one placeholder and nothing else becomes the value itself: a number stays one.
    """
    if isinstance(document, str):
        whole = _PLACEHOLDER.fullmatch(document)
        if whole is not None:
            return values[whole[1]]
        return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), document)
    if isinstance(document, dict):
        return {key: filled(value, values) for key, value in document.items()}
    if isinstance(document, list):
        return [filled(value, values) for value in document]
    return document


def texts_of(document: Any, depth: int = 0) -> Iterator[str]:
    """Return the texts of a document of JSON, without its keys.

    Raises:
        ValueError: tables and lists stand in each other too deep, or something is no JSON.
    """
    if depth > _DEEPEST:
        raise ValueError(f"at most {_DEEPEST} tables or lists within each other")
    if isinstance(document, str):
        yield document
    elif isinstance(document, (dict, list)):
        for value in document.values() if isinstance(document, dict) else document:
            yield from texts_of(value, depth + 1)
    elif document is not None and not isinstance(document, (bool, int, float)):
        raise ValueError("a body of JSON has texts, numbers, true, false, lists and tables only")


def shown_request(text: str) -> str:
    """Return a request's method and path as people read it; what may be a secret in it is hidden.

    A part of the path that is longer than words are, and what stands behind a `?`, may be one.
    """
    method, _, path = text.partition(" ")
    way, query, _ = path.partition("?")
    parts = (HIDDEN if len(part) > _LONGEST_PART else part for part in way.split("/"))
    return f"{method} {'/'.join(parts)}{query and f'?{HIDDEN}'}"
