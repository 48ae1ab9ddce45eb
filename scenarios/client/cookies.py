"""Cookies of one origin (RFC 6265), as a browser keeps them: few, small, and for nobody else.

What a `Domain` would share with other hosts stays here all the same: a cookie is a secret of the
origin that set it.
"""

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import Final

_MOST: Final = 50
"""Cookies that are kept; the oldest goes first (RFC 6265, section 6.1)."""
_LARGEST: Final = 4096
"""Bytes of a cookie's name, value and attributes."""
_LONGEST_DATE: Final = 64
_UNSENDABLE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(slots=True)
class _Cookie:
    value: str
    secure: bool
    expires_s: float | None
    """Seconds since the epoch; None: with the session."""


class Cookies:
    """The cookies that a student's browser holds for one origin.

    Args:
        host: of the origin, without its port.
        secure: whether it is reached by https.
    """

    __slots__ = ("_host", "_secure", "kept")

    def __init__(self, host: str, secure: bool) -> None:
        self._host = host.lower()
        self._secure = secure
        self.kept: dict[tuple[str, str], _Cookie] = {}
        """By path and name, the oldest first."""

    def __getitem__(self, name: str) -> str:
        """Return the value of a cookie, whatever its path.

        Raises:
            KeyError: there is none, or no longer.
        """
        now_s = time.time()
        for (_, known), cookie in reversed(self.kept.items()):
            if known == name and not _is_over(cookie, now_s):
                return cookie.value
        raise KeyError(name)

    def get(self, name: str, otherwise: str | None = None) -> str | None:
        """Return the value of a cookie, or something else where there is none."""
        try:
            return self[name]
        except KeyError:
            return otherwise

    def header(self, path: str) -> str:
        """Return the value of `Cookie` for a request of a path; empty: there is none to send."""
        if not self.kept:
            return ""
        now_s = time.time()
        sent = []
        for (scope, name), cookie in list(self.kept.items()):
            if _is_over(cookie, now_s):
                del self.kept[scope, name]
            elif _covers(scope, path) and (self._secure or not cookie.secure):
                sent.append((scope, f"{name}={cookie.value}"))
        sent.sort(key=lambda each: -len(each[0]))  # the longest paths first
        return "; ".join(each for _, each in sent)

    def take_in(self, headers: Iterable[tuple[bytes, bytes]], path: str) -> None:
        """Keep the cookies that an answer sets, and drop those that it ends.

        Args:
            path: of the request that was answered.
        """
        for name, value in headers:
            if len(name) == 10 and name.lower() == b"set-cookie" and len(value) <= _LARGEST:
                self._set(value.decode("latin-1"), path)

    def _set(self, line: str, path: str) -> None:
        pair, *rest = line.split(";")
        name, equals, value = pair.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name or _UNSENDABLE.search(name + value):
            return
        attributes: dict[str, str] = {}
        for each in rest:
            key, _, said = each.partition("=")
            attributes[key.strip().lower()] = said.strip()
        if not self._is_ours(attributes.get("domain", "")):
            return
        secure = "secure" in attributes
        if secure and not self._secure:
            return
        scope = attributes.get("path", "")
        if not scope.startswith("/"):
            scope = path[: path.rfind("/")] or "/"
        now_s = time.time()
        cookie = _Cookie(value, secure, _expiry(attributes, now_s))
        if _is_over(cookie, now_s):
            self.kept.pop((scope, name), None)
            return
        self.kept[scope, name] = cookie  # one of that name keeps its age
        while len(self.kept) > _MOST:
            del self.kept[next(iter(self.kept))]

    def _is_ours(self, domain: str) -> bool:
        """Return whether this host may set a cookie for a domain."""
        domain = domain.lower().removeprefix(".")
        if not domain or domain == self._host:
            return True
        return "." in domain and self._host.endswith("." + domain) and not self._host[-1].isdigit()


def _expiry(attributes: dict[str, str], now_s: float) -> float | None:
    """Return when a cookie ends, in seconds since the epoch; `Max-Age` goes before `Expires`."""
    age = attributes.get("max-age", "")
    if re.fullmatch(r"-?[0-9]{1,18}", age):
        return now_s + int(age) if int(age) > 0 else 0.0
    date = attributes.get("expires", "")
    if 0 < len(date) <= _LONGEST_DATE:
        with suppress(ValueError, TypeError, IndexError, OverflowError):  # it is no date
            parsed = parsedate_tz(date)
            return None if parsed is None else float(mktime_tz(parsed))
    return None


def _is_over(cookie: _Cookie, now_s: float) -> bool:
    return cookie.expires_s is not None and cookie.expires_s <= now_s


def _covers(scope: str, path: str) -> bool:
    """Return whether a cookie's path covers a request's (RFC 6265, section 5.1.4)."""
    if not path.startswith(scope):
        return False
    return len(path) == len(scope) or scope.endswith("/") or path[len(scope)] == "/"
