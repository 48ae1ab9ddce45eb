"""What a sentence may show of something that is wrong: nothing that could be a secret.

A password, a token or a webhook may stand anywhere in a plan that is wrong: under a misspelt key,
in place of a number, as a key. Sentences end up in logs of CI, so they name the key and what is
expected there, and show a value only where it is a number, `true` or an amount such as `"20s"`.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

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


def shown(value: Any) -> str:
    """Return a value as a sentence shows it; `HIDDEN` where it could be a secret."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)) and not abs(value) >= _LARGEST:
        return str(value)
    if isinstance(value, str) and (not value or _AMOUNT.fullmatch(value)):
        return f'"{value}"'
    return HIDDEN


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
