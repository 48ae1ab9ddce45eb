"""An exchange: what one request went through, and how its answer is read with the times it came."""

import ssl
import time
from typing import Any

from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.client.tls import TlsSession
from dress_rehearsal.scenarios.client.wire import (
    ANCILLARY_BYTES,
    READ_BYTES,
    arrival_ns,
    word_of,
)
from dress_rehearsal.scenarios.errors import NotAnsweredError


class Exchange:
    """What one request went through; times in ns since the epoch, None where not reached.

    One is made for every request: what is not reached costs nothing.
    """

    intended_ns: int = 0
    """When it was meant to be sent; 0: nobody knows."""
    sent_ns: int | None = None
    """First packet: the request's on an open connection, else the connection's own (SYN)."""
    first_byte_ns: int | None = None
    done_ns: int | None = None
    read_ns: int | None = None
    connect_us: int | None = None
    new_connection: bool = False
    bytes_read: int = 0
    """Of the answer, head and body, as far as it came."""
    answer: Answer | None = None
    error: str | None = None
    is_counted: bool = False
    """Whether the recorder has counted it as sent."""


def take_in(plain: Any, answer: Answer, into: Exchange) -> int:
    """Read what is there on a socket; return when it arrived (Unix ns), 0 where there is nothing.

    Raises:
        NotAnsweredError: the connection is broken.
        NotUnderstoodError: what came is not HTTP/1.1, or more than anybody takes in.
    """
    try:
        data, ancillary, _, _ = plain.recvmsg(READ_BYTES, ANCILLARY_BYTES)
    except BlockingIOError:
        return 0
    except OSError as error:
        raise NotAnsweredError(word_of(error, "connection_lost")) from error
    into.read_ns = at_ns = time.time_ns()
    if not data:
        _end(answer, into)
        return at_ns
    if ancillary:
        at_ns = arrival_ns(ancillary, at_ns)
    into.bytes_read += len(data)  # as `_feed` does, a call less
    into.done_ns = at_ns
    if into.first_byte_ns is None:
        into.first_byte_ns = at_ns
    answer.feed(data)
    return at_ns


def take_in_records(plain: Any, tls: TlsSession, answer: Answer, into: Exchange) -> int:
    """Read what is there through TLS; returns and raises what `take_in` does.

    What a read brought counts with the time that it arrived at, if it completed a record: of
    a record whose end has not come nothing can be known.
    """
    try:
        data, ancillary, _, _ = plain.recvmsg(READ_BYTES, ANCILLARY_BYTES)
        into.read_ns = time.time_ns()
        at_ns = arrival_ns(ancillary, into.read_ns)
        tls.take_in(data)
        for part in tls.plain():
            if answer.complete:  # bytes that nobody asked for
                answer.keep_alive = False
                break
            if not part:
                _end(answer, into)
                break
            _feed(part, at_ns, answer, into)
        reply = tls.outgoing()
        if reply and plain.send(reply) != len(reply):  # of TLS itself: it takes new keys
            raise NotAnsweredError("tls_broken")
    except BlockingIOError:
        return 0
    except ssl.SSLEOFError as error:
        raise NotAnsweredError("connection_lost") from error
    except ssl.SSLError as error:
        raise NotAnsweredError("tls_broken") from error
    except OSError as error:
        raise NotAnsweredError(word_of(error, "connection_lost")) from error
    return at_ns


def _feed(data: bytes, at_ns: int, answer: Answer, into: Exchange) -> None:
    into.bytes_read += len(data)
    into.done_ns = at_ns
    if into.first_byte_ns is None:
        into.first_byte_ns = at_ns
    answer.feed(data)


def _end(answer: Answer, into: Exchange) -> None:
    """Take in that the far end sends nothing more: only now is such an answer known to be whole."""
    if not answer.end():
        raise NotAnsweredError("connection_lost")
    into.done_ns = into.read_ns
