"""Whole answers: those that come in one piece and say plainly how long they are.

Nearly all answers are like that. One look at the head is enough for them, where the parser calls
back for each header; whatever is not plain is left to the parser. A head that came before, with as
much behind it, is not even looked at again: many answers of a second differ in nothing.
"""

import re
from typing import Final

_HEAD: Final = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9]) [\t -~\x80-\xff]*+\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t -~\x80-\xff]*+(?<![\t ])\r\n)*+)\r\n"
)
"""As strict as RFC 9112 is: status, and the headers in a block, none with blanks at its end."""
_LOOKED_AT: Final = re.compile(
    rb"\n(?=[cpstu])(content-length|server-timing|set-cookie|connection|transfer-encoding"
    rb"|content-encoding|upgrade|proxy-connection):[ \t]*+([^\r]*)",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(rb"([^:\r\n]+):[ \t]*+([^\r]*)\r\n")
_LENGTH, _TIMING, _COOKIE, _CONNECTION = range(4)
_KINDS: Final = {
    name: kind
    for kind, names in enumerate(
        (
            (b"Content-Length", b"content-length"),
            (b"Server-Timing", b"server-timing"),
            (b"Set-Cookie", b"set-cookie"),
            (b"Connection", b"connection"),
        )
    )
    for name in names
}
"""As they are written nearly everywhere."""
_PLAIN: Final = (b"close", b"keep-alive")
"""What a `Connection` says plainly; of several the one that closes counts."""
_BODILESS: Final = (b"204", b"304")
_DIGITS: Final = re.compile(rb"[0-9]{1,5}")
"""A length: what is read at once is no longer."""

_MOST_KNOWN: Final = 256
_known: Final[dict[int, tuple[bytes, int, bytes, bytes, bool, bool]]] = {}
"""Of each size of an answer the head that came last, and what it said (as a `WholeAnswer`, without
the body)."""

WholeAnswer = tuple[int, bytes, bytes, bytes, bool, bool]
"""Status, the headers' lines, the body, `Server-Timing`, and whether it sets cookies and the
connection goes on."""


def whole_answer(data: bytes) -> WholeAnswer | None:
    """Return the answer that some bytes are, no more and no less; None: ask the parser."""
    size = len(data)
    known = _known.get(size)
    if known is not None and data.startswith(known[0]):
        begun, status, head, timing, cookies, keep_alive = known
        return status, head, data[len(begun) :], timing, cookies, keep_alive
    found = _read(data)
    if found is not None:
        status, head, body, timing, cookies, keep_alive = found
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[size] = data[: size - len(body)], status, head, timing, cookies, keep_alive
    return found


def _read(data: bytes) -> WholeAnswer | None:
    found = _HEAD.match(data)
    if found is None:
        return None
    status, head = found.groups()
    begin, length, timing, cookies, keep_alive = found.end(), -1, b"", False, True
    for name, value in _LOOKED_AT.findall(data, found.start(2) - 1, begin):
        kind = _KINDS.get(name)
        if kind is _LENGTH:
            if length >= 0 or not _DIGITS.fullmatch(value):
                return None
            length = int(value)
        elif kind is _TIMING:
            timing = value
        elif kind is _CONNECTION:
            if value not in _PLAIN:
                return None
            keep_alive = keep_alive and value != b"close"
        elif kind is _COOKIE:
            cookies = True
        else:
            return None
    if length < 0 or begin + length != len(data) or status in _BODILESS:
        return None
    return int(status), head, data[begin:], timing, cookies, keep_alive


def headers_of(head: bytes) -> list[tuple[bytes, bytes]]:
    """Return names and values of a head's headers, as they came, in their order."""
    return _HEADER.findall(head)
