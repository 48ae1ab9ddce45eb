"""What a sentence may show of something that is wrong: nothing that could be a secret.

A password, a token or a webhook may stand anywhere in a plan that is wrong: under a misspelt key,
in place of a number, as a key. Sentences end up in logs of CI, so they name the key and what is
expected there, and show a value only where it is a number, `true` or an amount such as `"20s"`.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

from dress_rehearsal.plans.errors import PlanError
from dress_rehearsal.plans.secrets import names_a_secret, variable_of

HIDDEN: Final = "…"
"""What stands in place of a value that is not shown."""

_AMOUNT: Final = re.compile(r"(<=|<|>=|>|==|T[+-])? ?-?\d{1,5}(\.\d{1,5})? ?([A-Za-zµμ]{1,8}|%)")
_LARGEST: Final = 10**9
_WORD: Final = re.compile(r"[a-z]{1,20}([_-][a-z]{1,20}){0,3}")
_SECRET: Final = re.compile(
    r"://[^/\s@]{0,300}@"  # a URL with a login
    r"|hooks\.slack\.com/|\bxox[a-z]-|\bgh[a-z]_\w{16}|\bglsa_|\beyJ[\w-]{16}|\bAKIA[0-9A-Z]{12}"
    r"|-----BEGIN|\bbearer\s+[\w.-]{16}"
    r"|(password|passwd|token|secret|api[_-]?key)(=\S|\s{0,9}:\s{0,9}(?=\S{0,99}\d)\S{6})",
    re.IGNORECASE,
)
DOCUMENTS: Final = ("target.opening.json", "target.reset.json")
"""Keys of a plan whose value is a document of the user's own; not even its keys are shown."""
_FREE: Final = re.compile(
    r"(target|ledgers|metrics|notify)(\.|$)"
    r"|(description|event\.roster|scenario\.file|load\.tags|load\.exclude_tags)$"
)
"""Keys of a plan below which a text of any kind may stand."""
_PLAIN: Final = re.compile(
    r"target\.(stage|ready_within|opening\.(at|already)|reset\.within)"
    r"|(ledgers|metrics)\.\d+\.(name|timeout|interval|dsn_env|bearer_env)"
)
"""Those of them that hold a word, an amount, or the name of a variable."""
_ADDRESS: Final = re.compile(r"https?://[\w.:\[\]-]{1,255}(/[\w.~-]{0,24}){0,20}", re.ASCII)
"""A URL without a login and a query, and no part of its path long enough for a token."""


def shown(value: Any) -> str:
    """Return a value as a sentence shows it; `HIDDEN` where it could be a secret."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)) and not abs(value) >= _LARGEST:
        return str(value)
    if isinstance(value, str) and (not value or _AMOUNT.fullmatch(value)):
        return f'"{value}"'
    return HIDDEN


def shown_setting(key: str, text: str) -> str:
    """Return a value of a plan that is in order, as a report shows it; `HIDDEN` where it could be a
    secret.

    What is sent to the target or given to its app, where something is read and what people wrote
    may hold one: of these only the name of a variable, an address and amounts are shown, and that
    one is empty.

    Args:
        key: dotted, such as `target.environment.DEBUG`.
        text: as it stands in the plan; lists and tables as JSON.
    """
    if not text or _is_variable(text):
        return text
    if names_a_secret(key.rpartition(".")[2]) or looks_secret(text):
        return HIDDEN
    if not _FREE.match(key) or _PLAIN.fullmatch(key):
        return text
    is_address = key.endswith(".url") and _ADDRESS.fullmatch(text)
    return text if is_address else HIDDEN


def shown_override(text: str) -> str:
    """Return what was set otherwise than in a plan's file, `section.key=value`, as a report shows
    it."""
    key, equals, value = text.partition("=")
    whole = next((each for each in DOCUMENTS if key.startswith(f"{each}.")), key)
    return f"{whole}{equals}{shown_setting(whole, value)}"


def _is_variable(text: str) -> bool:
    try:
        return variable_of(text) is not None
    except PlanError:
        return False


def shown_key(parts: Sequence[str | int], known: Collection[str] = ()) -> str:
    """Return a key as a sentence shows it: words and positions; what else it holds is hidden.

    Args:
        known: names that are in order, whatever they look like.
    """
    return ".".join(
        str(part)
        if isinstance(part, int) or part in known or _WORD.fullmatch(part) is not None
        else HIDDEN
        for part in parts
    )


def looks_secret(text: str) -> bool:
    """Return whether a text seems to hold a password, a token or a webhook."""
    return _SECRET.search(text) is not None
