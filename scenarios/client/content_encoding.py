"""Compressed bodies (gzip, deflate, br): unpacked as they arrive, a piece at a time."""

import zlib
from collections.abc import Iterator
from typing import Any, Final, Protocol

import brotli

from dress_rehearsal.scenarios.errors import NotUnderstoodError

ACCEPTED: Final = "gzip, deflate, br"
"""What a request says it takes."""
_PIECE: Final = 65_536
"""Bytes that come out at once, so that whoever counts them can stop a bomb."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB_HEADER_BYTES: Final = 2


class Decoder(Protocol):
    """Unpacks one body."""

    @property
    def cut_short(self) -> bool:
        """Whether something came, and its end did not."""

    def parts(self, data: bytes) -> Iterator[bytes]:
        """Take in bytes and give what they unpack to, in pieces of a bounded size.

        Raises:
            NotUnderstoodError: they are not packed like that.
        """


def decoder_of(encoding: bytes) -> Decoder | None:
    """Return what unpacks a body with such a `Content-Encoding`; None: it is taken as it comes."""
    match encoding.strip().lower():
        case b"gzip" | b"x-gzip":
            return _Gzip()
        case b"deflate":
            return _Deflate()
        case b"br":
            return _Brotli()
    return None


class _Gzip:
    """Members of gzip (RFC 1952), one after the other; nothing but members."""

    def __init__(self) -> None:
        self._member: Any = zlib.decompressobj(_GZIP)
        self._begun = False

    @property
    def cut_short(self) -> bool:
        return self._begun and not self._member.eof

    def parts(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
            self._begun = True
            yield from _inflated(self._member, data)
            data = self._member.unused_data


class _Deflate:
    """What servers call deflate: zlib (RFC 1950) as they should, or bare deflate (RFC 1951)."""

    def __init__(self) -> None:
        self._packed: Any = None
        self._first = b""

    @property
    def cut_short(self) -> bool:
        return bool(self._first) and (self._packed is None or not self._packed.eof)

    def parts(self, data: bytes) -> Iterator[bytes]:
        if self._packed is None:
            self._first += data
            if len(self._first) < _ZLIB_HEADER_BYTES:
                return
            data = self._first
            zlibs = data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._packed = zlib.decompressobj(zlib.MAX_WBITS if zlibs else -zlib.MAX_WBITS)
            self._first = data[:1]
        yield from _inflated(self._packed, data)


def _inflated(packed: Any, data: bytes) -> Iterator[bytes]:
    try:
        while data and not packed.eof:
            yield packed.decompress(data, _PIECE)
            data = packed.unconsumed_tail
    except zlib.error as error:
        raise NotUnderstoodError("encoding_error") from error


class _Brotli:
    """Brotli (RFC 7932)."""

    def __init__(self) -> None:
        self._packed = brotli.Decompressor()
        self._begun = False

    @property
    def cut_short(self) -> bool:
        return self._begun and not self._packed.is_finished()

    def parts(self, data: bytes) -> Iterator[bytes]:
        self._begun = True
        try:
            yield self._packed.process(data, output_buffer_limit=_PIECE)
            while not self._packed.can_accept_more_data():
                yield self._packed.process(b"", output_buffer_limit=_PIECE)
        except brotli.error as error:
            raise NotUnderstoodError("encoding_error") from error
