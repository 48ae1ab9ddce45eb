"""Discretion: what of an exchange is shown, and what of it is nobody's business.

PINs, tokens, cookies and keys are hidden wherever they turn up again: in a path, a form, in JSON.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

from dress_rehearsal.plans.shown import HIDDEN
from dress_rehearsal.plans.visible import visible_line

_PRIVATE: Final = (
    r"[\w-]{0,30}(?:token|secret|passw|passcode|pin\b|session|csrf|xsrf|cookie|auth|jwt|api[_-]?key|"
    r"sid\b)[\w-]{0,30}"
)
_JSON_VALUE: Final = re.compile(
    rf"""("{_PRIVATE}"\s*:\s*)("(?:[^"\\]|\\.)*"?|[\d.]+)""", re.IGNORECASE
)
_FORM_VALUE: Final = re.compile(rf"(?<![\w-])({_PRIVATE}=)[^&\s;\"'<]*", re.IGNORECASE)
_INPUT_VALUE: Final = re.compile(
    rf"""(<(?:input|meta)[^>]*name=["']?{_PRIVATE}["']?[^>]*(?:value|content)=)"""
    r"""(["'][^"']*["']?|[^\s>]*)""",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE)
_LOOKS_SECRET: Final = re.compile(
    r"eyJ[\w-]{8,}[\w.-]*"  # a JSON web token
    r"|(?<![\w-])(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+/=-]{32,}"
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LOOKED_AT: Final = 4_000
"""Characters of a text that are looked at."""
_SHORT: Final = 4
"""A secret of fewer characters is only hidden where it stands alone: it may be a number."""
_COOKIE: Final = re.compile(r"\s*[^=;,\s]+=\"?([^;,\"]*)")


class Discretion:
    """Knows what must not be shown, and learns more of it as it goes."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        for secret in secrets:
            self.hide(secret)

    def hide(self, secret: str) -> None:
        """Show a text no more, nor what becomes of it in a URL."""
        if secret.strip():
            self._secrets |= {secret, quote(secret, safe=""), quote_plus(secret)}

    def hide_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        """Show the values of headers no more that may be secrets.

        Args:
            headers: names and values, of a request or of an answer.
        """
        for name, value in headers:
            match name.lower():
                case "set-cookie":
                    if found := _COOKIE.match(value):
                        self.hide(found[1])
                case "cookie":
                    for part in value.split(";"):
                        self.hide(part.partition("=")[2].strip().strip('"'))
                case "authorization" | "proxy-authorization":
                    self.hide(value.partition(" ")[2] or value)
                case lower if lower.startswith("x-") or re.fullmatch(_PRIVATE, lower):
                    self.hide(value)

    def shown(self, text: str, most: int) -> str:
        """Return the beginning of a text as one line that a terminal may be given.

        Args:
            most: how many characters at most.
        """
        if len(text) > _LOOKED_AT:  # and nothing of what the cut may have gone through
            text = re.sub(r"\S{0,4000}$", "", text[:_LOOKED_AT])
        text = _JSON_VALUE.sub(rf'\1"{HIDDEN}"', text)
        text = _INPUT_VALUE.sub(rf'\1"{HIDDEN}"', text)
        text = _FORM_VALUE.sub(rf"\1{HIDDEN}", text)
        text = _BEARER.sub(rf"\1 {HIDDEN}", text)
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) >= _SHORT:
                text = text.replace(secret, HIDDEN)
            else:
                text = re.sub(rf"(?<![\w.]){re.escape(secret)}(?![\w.])", HIDDEN, text)
        text = _LOOKS_SECRET.sub(lambda found: _unless_uuid(found[0]), text)
        line = " ".join(visible_line(text.strip().replace("\r\n", " ").replace("\n", " ")).split())
        return line if len(line) <= most else f"{line[: most - 1]}…"


def _unless_uuid(text: str) -> str:
    return text if _UUID.fullmatch(text) else HIDDEN
