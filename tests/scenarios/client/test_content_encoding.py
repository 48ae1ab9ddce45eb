"""Packed bodies: unpacked however they are cut up, and never more at once than a piece."""

import gzip
import zlib

import brotli
import pytest

from dress_rehearsal.scenarios.client.content_encoding import decoder_of
from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.client.limits import KEPT_BODY, LARGEST_BODY
from dress_rehearsal.scenarios.errors import NotUnderstoodError

TEXT = b"What the sun shines on. " * 4000
BARE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
PACKED = {
    "gzip": (b"gzip", gzip.compress(TEXT)),
    "x-gzip": (b" X-GZIP ", gzip.compress(TEXT)),
    "two members": (b"gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
    "zlib": (b"deflate", zlib.compress(TEXT)),
    "bare deflate": (b"deflate", BARE.compress(TEXT) + BARE.flush()),
    "br": (b"br", brotli.compress(TEXT)),
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("step", [1, 7, 1_000_000])
def test_what_was_packed_comes_out(name, step):
    encoding, packed = PACKED[name]
    decoder = decoder_of(encoding)
    out = [
        part
        for start in range(0, len(packed), step)
        for part in decoder.parts(packed[start : start + step])
    ]
    assert b"".join(out) == TEXT
    assert not decoder.cut_short


@pytest.mark.parametrize("name", PACKED)
def test_what_is_cut_is_noticed(name):
    encoding, packed = PACKED[name]
    decoder = decoder_of(encoding)
    list(decoder.parts(packed[:-1]))
    assert decoder.cut_short


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br"])
def test_what_is_not_packed_is_not_understood(encoding):
    with pytest.raises(NotUnderstoodError, match="encoding_error"):
        list(decoder_of(encoding).parts(b'{"ticket": "no, this is plain"}'))


@pytest.mark.parametrize("encoding", [b"identity", b"zstd", b"", b"gzip, br"])
def test_what_nobody_knows_is_taken_as_it_comes(encoding):
    assert decoder_of(encoding) is None


BOMBS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=1),
}


@pytest.mark.parametrize("encoding", BOMBS)
def test_a_bomb_ends_at_the_largest_body(encoding):
    bomb = BOMBS[encoding](bytes(50_000_000))
    answer = Answer()
    head = f"HTTP/1.1 200 x\r\nContent-Length: {len(bomb)}\r\nContent-Encoding: {encoding}\r\n\r\n"
    with pytest.raises(NotUnderstoodError, match="body_too_large"):
        answer.feed(head.encode() + bomb)
    assert LARGEST_BODY < answer.body_bytes < LARGEST_BODY + 2**20
    assert len(answer.body) + sum(map(len, answer._parts)) <= KEPT_BODY
