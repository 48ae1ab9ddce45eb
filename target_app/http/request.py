"""What a client sends, read so that nothing in it is the service's failure."""

import functools
import re
from typing import Any, Final

from litestar import Request
from litestar.exceptions import SerializationException
from litestar.types import Scope

from dress_rehearsal.target_app.request_context import NS

LONGEST_QUEUE_S: Final = 600
"""A request that says it began earlier says nothing that could be true of one still waited for."""
CLOCKS_APART_S: Final = 1
"""How far a proxy's clock may be ahead; what began later than that did not."""
_START: Final = re.compile(rb"(?:t=)?(\d{1,19})(?:\.(\d{1,9})\d*)?")
_UNITS_NS: Final = (1, 1_000, 1_000_000, NS)
_HOST: Final = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::(?P<port>[0-9]{0,5}))?"
)
_HIGHEST_PORT: Final = 65_535


class ClientRequest(Request[Any, Any, Any]):
    """A request whose body may hold anything.

    What msgspec says of JSON nested deeper than it can follow, or of text that is not UTF-8, is
    said in other words than of other bodies that cannot be read; here it is the same.
    """

    async def json(self) -> Any:
        """Return the body as JSON. Raises `SerializationException` where it is none."""
        try:
            return await super().json()
        except (RecursionError, UnicodeDecodeError) as error:
            raise SerializationException(str(error)) from error


@functools.lru_cache(maxsize=64)
def is_host(value: bytes) -> bool:
    """Whether it is a host, and a port if one is told, as RFC 9110 (7.2) has them in `Host`.

    Of another the framework can make no URL, and fails where it has to name one.
    """
    match = _HOST.fullmatch(value)
    return match is not None and int(match["port"] or 0) <= _HIGHEST_PORT


def client_address(scope: Scope, *, behind_proxy: bool) -> str:
    """Return where a request comes from; empty where nobody knows.

    Args:
        behind_proxy: nobody but a proxy reaches this process, and adds its client's address to
            `X-Forwarded-For`: so the last one there is true, whatever the client wrote before it.
    """
    forwarded: bytes | None = None
    if behind_proxy:
        forwarded = dict(scope["headers"]).get(b"x-forwarded-for")  # the last of several
    if forwarded is not None:
        return forwarded.decode("latin-1").rpartition(",")[2].strip()
    client = scope["client"]
    return client[0] if client else ""


def queued_ns(request_start: bytes, now_ns: int) -> int | None:
    """Return how long a request was on its way here, by its `X-Request-Start`.

    Proxies write the time as seconds (nginx, with a fraction), milliseconds, microseconds (Apache)
    or nanoseconds since 1970, with or without `t=`: the unit is the one that makes a recent time of
    it. None where none does, or where it is no time at all.

    Args:
        request_start: the header's value.
        now_ns: Unix time in nanoseconds.
    """
    match = _START.fullmatch(request_start.strip())
    if match is None:
        return None
    whole, fraction = int(match[1]), int((match[2] or b"0").ljust(9, b"0"))
    for unit_ns in _UNITS_NS:
        waited_ns = now_ns - whole * unit_ns - fraction * unit_ns // NS
        if -CLOCKS_APART_S * NS <= waited_ns <= LONGEST_QUEUE_S * NS:
            return max(0, waited_ns)
    return None
