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
    "mysql": 3306,
    "mariadb": 3306,
    "mssql": 1433,
    "oracle": 1521,
    "redis": 6379,
    "rediss": 6379,
}
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_PATH: Final = re.compile(r"(/[\w.~%-]*)*", re.ASCII)
_LONGEST_HOST: Final = 253
_LONGEST_SHOWN: Final = 24
"""Characters between two dots of a host that is shown, or two slashes of a path; a token has more.
"""
_LONGEST_PART: Final = 40
"""Characters of a part of the path or the query of what is only read; a token has more."""
_MOST_PORTS: Final = 65_535
_EXAMPLE: Final = "such as http://127.0.0.1:8000"


def refusal(url: str, allow: Sequence[str]) -> str | None:
    """Return the sentence why no load may be sent to a URL, None when it may.

    The sentence shows nothing of the URL but its host, and that only where it looks like one.

    Args:
        allow: the plan's `target.allow`.
    """
    wrong = url_problem("target.url", url) or _path_problem(url)
    if wrong is not None:
        return wrong
    return _host_refusal("target.url", url, allow, "No load is sent to")


def reading_refusal(key: str, url: str, allow: Sequence[str]) -> str | None:
    """Return the sentence why nothing may be read from a URL, None when it may.

    Args:
        key: the key of the plan that holds it.
        allow: the plan's `target.allow`.
    """
    wrong = url_problem(key, url)
    if wrong is None and "#" in url:
        wrong = f"{key} must end before a #, which no server is ever sent."
    if wrong is None and _may_hold_a_token(url):
        wrong = (
            f"{key} has a part of more than {_LONGEST_PART} characters, which may be a token, and "
            f"it is written to the run: name it as env:NAME or in bearer_env, where that belongs."
        )
    return wrong or _host_refusal(key, url, allow, "Nobody asks")


def url_problem(
    key: str, url: str, schemes: Sequence[str] = ("http", "https"), login: str = ""
) -> str | None:
    """Return the sentence why a text is no URL of a host, with a port or the usual one.

    Args:
        key: what the sentence calls it.
        login: where a user name and a password belong instead.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        return (
            f"{key} holds spaces, control characters or letters beyond ASCII: write it "
            f"without, and a host with such letters as it is in DNS (xn--…)."
        )
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{key} is not a URL: write it as http://host:port, {_EXAMPLE}."
    if "@" in parts.netloc:
        return (
            f"{key} must not carry a user name or password: it is written to the run"
            f"{login and f'; {login}'}."
        )
    if parts.scheme not in schemes or not parts.netloc:
        known = " or ".join(f"{scheme}://" for scheme in schemes)
        return f"{key} must be {known} with a host, {_EXAMPLE}."
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        port = 0
    if port is not None and not 0 < port <= _MOST_PORTS:
        return f"{key} must have a port from 1 to {_MOST_PORTS:,}, {_EXAMPLE}."
    written = f"[{host}]" if ":" in host else host
    if not is_host(host) or parts.netloc.lower() not in (written, f"{written}:{port}"):
        return f"{key} does not name a host, {_EXAMPLE}."
    return None


def _path_problem(url: str) -> str | None:
    path = urlsplit(url).path
    if set("?#") & set(url) or not _PATH.fullmatch(path):
        return f"target.url must end after host, port and path, without ? or #, {_EXAMPLE}."
    if any(len(part) > _LONGEST_SHOWN for part in path.split("/")):
        return (
            f"target.url has a part of more than {_LONGEST_SHOWN} characters in its path, which "
            f"may be a token, and it is written to the run: leave it out."
        )
    return None


def _host_refusal(key: str, url: str, allow: Sequence[str], words: str) -> str | None:
    host = urlsplit(url).hostname or ""
    if is_allowed(host, allow):
        return None
    return (
        f"{words} {_shown(host)}: {key} is not on this machine and the plan's target.allow does "
        f"not name it; add {_shown(host)} there if that system is yours to rehearse on."
    )


def is_allowed(host: str, allow: Sequence[str]) -> bool:
    """Return whether a host is this machine, or one that the plan's `target.allow` names."""
    return is_loopback(host) or host.lower() in {name.lower() for name in allow}


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


def _may_hold_a_token(url: str) -> bool:
    """Return whether a part of a URL's path or query is longer than words are."""
    _, _, behind = url.partition("://")
    _, _, way = behind.partition("/")
    return any(len(part) > _LONGEST_PART for part in re.split("[/?&=;]", way))


def _loopback_port(url: str) -> int | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or not is_loopback(host):
        return None
    return port or _USUAL_PORTS.get(parts.scheme.partition("+")[0])


def _shown(host: str) -> str:
    """Return a host as a sentence names it; where it looks like a token, only what it is."""
    labels = host.split(".")
    if ":" in host or (len(labels) < 9 and all(len(each) <= _LONGEST_SHOWN for each in labels)):
        return host
    return "its host"
