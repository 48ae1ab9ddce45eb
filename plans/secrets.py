"""Secrets: a plan names the environment variable that holds one, as `env:NAME`; it never holds it.

`X-Key = "env:SHOP_KEY"` is that variable's value, and `Authorization = "Bearer env:SHOP_TOKEN"` the
same with the scheme before it. The value is looked up when it is used: what is written to a run and
shown to people is the name.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from dress_rehearsal.plans.errors import PlanError

_NAMED: Final = re.compile(r"([A-Za-z]{1,20} )?env:([A-Z_][A-Z0-9_]{0,63})")
"""In capitals, as variables are named: a token, put there by mistake, is rarely."""
_MEANT: Final = re.compile(r"([A-Za-z]{1,20}\s+)?env:", re.IGNORECASE)

_SECRET_NAME: Final = re.compile(
    r"authorization|cookie|token|secret|passw|passphrase|credential|apikey|signature"
    r"|(?<!idempotency-)(?<![a-z])key$|(?<![a-z])(pass|pwd|auth|session|session-?id)$"
    r"|(?-i:[a-z](Key|Pass|Pwd|Auth)$)",  # as JSON writes names
    re.IGNORECASE,
)
"""Of a header, an option or a variable: its value is nobody's business."""

_also: Final[list[Mapping[str, str]]] = []


def look_also_in(variables: Mapping[str, str]) -> None:
    """Look variables up there too: what the `rehearse` command left outside of its environment."""
    _also.append(variables)


def resolved(text: str) -> str:
    """Return a plan's text as it is used: the variable's value where it says `env:NAME`.

    Raises:
        PlanError: the variable is not set, or what follows `env:` is no name; nothing is quoted
            but the name.
    """
    name = variable_of(text)
    if name is None:
        return text
    found = [os.environ.get(name), *(variables.get(name) for variables in _also)]
    value = next((each for each in found if each is not None), "").strip()
    if not value:
        raise PlanError(
            f"The environment variable {name}, which the plan names, is not set or is empty: set "
            f"it, for the plan itself never holds its value."
        )
    return text.removesuffix(f"env:{name}") + value


def variable_of(text: str) -> str | None:
    """Return the name of the variable that a text stands for; None where it is a plain text.

    Raises:
        PlanError: it says `env:`, but not as `env:NAME`.
    """
    if (found := _NAMED.fullmatch(text)) is not None:
        return found[2]
    if _MEANT.match(text) is not None:
        raise PlanError(
            'A value that begins with "env:" must be "env:NAME", NAME being an environment '
            "variable in capitals, such as env:SHOP_ADMIN_KEY; the value itself does not belong "
            "in a plan."
        )
    return None


def variables_in(document: Any) -> frozenset[str]:
    """Return the names of the variables that the texts of a document stand for, however deep.

    Raises:
        PlanError: a text says `env:`, but not as `env:NAME`.
    """
    return frozenset(name for text in _texts(document) if (name := variable_of(text)) is not None)


def names_a_secret(name: str) -> bool:
    """Return whether a name, of a header or a variable, says that its value is a secret."""
    return _SECRET_NAME.search(name) is not None


def holds_a_secret(document: Any) -> bool:
    """Return whether a document of JSON has a text by a name that says that it is a secret.

    A text that stands for a variable, or in which something is put in later, holds none. `key`
    alone is the name of much else.
    """
    if isinstance(document, Mapping):
        return any(
            _is_written_out(value)
            if isinstance(value, str) and name.lower() != "key" and names_a_secret(name)
            else holds_a_secret(value)
            for name, value in document.items()
        )
    return isinstance(document, (list, tuple)) and any(map(holds_a_secret, document))


def _is_written_out(text: str) -> bool:
    return bool(text) and "{" not in text and variable_of(text) is None


def resolved_within(document: Any) -> Any:
    """Return a document of JSON with every text of it resolved; keys stay as they are.

    Raises:
        PlanError: as `resolved`.
    """
    if isinstance(document, str):
        return resolved(document)
    if isinstance(document, Mapping):
        return {key: resolved_within(value) for key, value in document.items()}
    if isinstance(document, (list, tuple)):
        return [resolved_within(value) for value in document]
    return document


def _texts(document: Any) -> Iterator[str]:
    inner: Iterable[Any] = ()
    if isinstance(document, str):
        yield document
    elif isinstance(document, Mapping):
        inner = document.values()
    elif isinstance(document, (list, tuple)):
        inner = document
    for value in inner:
        yield from _texts(value)
