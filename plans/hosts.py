"""Where load may go: this machine, or a host that the plan names twice."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

_USUAL_PORTS: Final = {"http": 80, "postgresql": 5432, "postgres": 5432, "redis": 6379}


def refusal(url: str, allow: Sequence[str]) -> str | None:
    """Return the sentence why no load may be sent to a URL, None when it may.

    Args:
        allow: the plan's `target.allow`.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"target.url = {url!r} is not a URL: {error}."
    if parts.username is not None or parts.password is not None:
        return "target.url must not carry a user name or password: it is written to the run."
    if parts.scheme != "http" or not host:
        return (
            f"target.url = {url!r} must be http:// with a host, such as http://127.0.0.1:8000; "
            f"the generator does not speak TLS, so rehearse behind its end."
        )
    if not is_loopback(host) and host not in {name.lower() for name in allow}:
        return (
            f"No load is sent to {host}: target.url = {url!r} is not on this machine and the "
            f"plan's target.allow = {list(allow)} does not name it; add {host!r} there if that "
            f"system is yours to rehearse on."
        )
    return None


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
