"""Where load may go: this machine, or a host that the plan names twice."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

_USUAL_PORTS: Final = {
    "http": 80,
    "https": 443,
    "postgresql": 5432,
    "postgres": 5432,
    "redis": 6379,
}
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_PATH: Final = re.compile(r"(/[\w.~%-]*)*", re.ASCII)
_LONGEST_HOST: Final = 253
_LONGEST_SHOWN: Final = 24
"""Characters between two dots of a host that is shown, or two slashes of a path; a token has more.
"""
LONGEST_PART: Final = 40
"""Characters of a part of the path or the query of what is only read; a token has more."""
_MOST_PORTS: Final = 65_535
_EXAMPLE: Final = "such as http://127.0.0.1:8000"


def refusal(url: str, allow: Sequence[str]) -> str | None:
    """Return the sentence why no load may be sent to a URL, None when it may.

    The sentence shows nothing of the URL but its host, and that only where it looks like one.

    Args:
        allow: the plan's `target.allow`.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        return (
            "target.url holds spaces, control characters or letters beyond ASCII: write it "
            "without, and a host with such letters as it is in DNS (xn--…)."
        )
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"target.url is not a URL: write it as http://host:port, {_EXAMPLE}."
    if "@" in parts.netloc:
        return "target.url must not carry a user name or password: it is written to the run."
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return f"target.url must be http:// or https:// with a host, {_EXAMPLE}."
    problem = _path_problem(url, parts.path)
    if problem is not None:
        return problem
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        port = 0
    if port is not None and not 0 < port <= _MOST_PORTS:
        return f"target.url must have a port from 1 to {_MOST_PORTS:,}, {_EXAMPLE}."
    written = f"[{host}]" if ":" in host else host
    if not is_host(host) or parts.netloc.lower() not in (written, f"{written}:{port}"):
        return f"target.url does not name a host, {_EXAMPLE}."
    if not is_loopback(host) and host not in {name.lower() for name in allow}:
        return (
            f"No load is sent to {_shown(host)}: target.url is not on this machine and the plan's "
            f"target.allow does not name its host; add {_shown(host)} there if that system is "
            f"yours to rehearse on."
        )
    return None


def _path_problem(url: str, path: str) -> str | None:
    if set("?#") & set(url) or not _PATH.fullmatch(path):
        return f"target.url must end after host, port and path, without ? or #, {_EXAMPLE}."
    if any(len(part) > _LONGEST_SHOWN for part in path.split("/")):
        return (
            f"target.url has a part of more than {_LONGEST_SHOWN} characters in its path, which "
            f"may be a token, and it is written to the run: leave it out."
        )
    return None


def may_hold_a_token(url: str) -> bool:
    """Return whether a part of a URL's path or query is longer than words are."""
    _, _, behind = url.partition("://")
    _, _, way = behind.partition("/")
    return any(len(part) > LONGEST_PART for part in re.split("[/?&=;]", way))


def is_host(host: str) -> bool:
    """Return whether a text is a host, as a URL names it without brackets: a name or an address."""
    if ":" in host:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
    labels = host.lower().removesuffix(".").split(".")
    return len(host) <= _LONGEST_HOST and all(_LABEL.fullmatch(label) for label in labels)


def is_loopback(host: str) -> bool:
    """Return whether a host, as a URL names it without brackets, is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def loopback_ports(urls: Iterable[str | None]) -> frozenset[int]:
    """Return the ports of this machine that URLs name, the usual one where a URL names none."""
    return frozenset(port for url in urls if (port := _loopback_port(url or "")) is not None)


def _loopback_port(url: str) -> int | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or not is_loopback(host):
        return None
    return port or _USUAL_PORTS.get(parts.scheme)


def _shown(host: str) -> str:
    """Return a host as a sentence names it; where it looks like a token, only what it is."""
    labels = host.split(".")
    if ":" in host or (len(labels) < 9 and all(len(each) <= _LONGEST_SHOWN for each in labels)):
        return host
    return "its host"
