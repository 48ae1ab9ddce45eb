"""What is done on a new connection before a request: a proxy's tunnel, and TLS's handshake."""

import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from dress_rehearsal.scenarios.client.tls import Secure, TlsSession, failure_word
from dress_rehearsal.scenarios.client.wire import READ_BYTES, send
from dress_rehearsal.scenarios.errors import NotSentError

_LARGEST_HANDSHAKE: Final = 262_144
"""Bytes of a far end's handshake: a chain of certificates has some thousands."""
_LARGEST_REPLY: Final = 16_384
"""Bytes of a proxy's answer to CONNECT."""
_OPENED: Final = re.compile(rb"HTTP/1\.[01] 2[0-9][0-9]\b")


def open_tunnel(plain: Any, await_turn: Callable[[], None], request: bytes) -> None:
    """Have a proxy connect on.

    Args:
        await_turn: waits until there is something to read.

    Raises:
        NotSentError: it does not.
    """
    reply = b""
    try:
        send(plain, request)
        while b"\r\n\r\n" not in reply:
            await_turn()
            with suppress(BlockingIOError):
                data = plain.recv(READ_BYTES)
                reply += data
                if not data or len(reply) > _LARGEST_REPLY:
                    raise NotSentError("proxy_refused")
    except OSError as error:
        raise NotSentError("proxy_refused") from error
    if not _OPENED.match(reply) or not reply.endswith(b"\r\n\r\n"):
        raise NotSentError("proxy_refused")


def shake_hands(plain: Any, await_turn: Callable[[], None], secure: Secure) -> TlsSession:
    """Return the TLS session of a new connection.

    Args:
        await_turn: waits until there is something to read.

    Raises:
        NotSentError: there is none, or the far end is not who it should be.
    """
    tls = TlsSession(secure)
    taken = 0
    try:
        while not tls.shake_hands():
            send(plain, tls.outgoing())
            await_turn()
            with suppress(BlockingIOError):
                data = plain.recv(READ_BYTES)
                tls.take_in(data)
                taken += len(data)
                if taken > _LARGEST_HANDSHAKE:
                    raise NotSentError("tls_failed")
        send(plain, tls.outgoing())
    except ssl.SSLError as error:
        with suppress(OSError):
            plain.send(tls.outgoing())  # why, for the far end
        raise NotSentError(failure_word(error)) from error
    except OSError as error:
        raise NotSentError("tls_failed") from error
    return tls
