"""TLS over a connection that is read and written elsewhere, so that its times stay the kernel's."""

import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

_PLAIN_BYTES: Final = 65_536
_CERTIFICATE_WORDS: Final = {
    10: "certificate_expired",
    62: "certificate_mismatch",  # X509_V_ERR_HOSTNAME_MISMATCH
    64: "certificate_mismatch",  # X509_V_ERR_IP_ADDRESS_MISMATCH
}
"""By OpenSSL's code of why a certificate is not taken; every other one is not trusted."""


@dataclass(frozen=True, slots=True)
class Secure:
    """What stands between a connection and an https origin."""

    context: ssl.SSLContext
    name: str
    """Of the host, as its certificate must have it; asked for by SNI unless it is an address."""
    tunnel: bytes = field(default=b"", repr=False)
    """The request that makes a proxy connect to it; empty: there is no proxy."""


class TlsSession:
    """One TLS session: takes the wire's bytes in, gives what is to be sent.

    Sessions are not taken up again: every connection pays for a whole handshake, as each student's
    first one does.
    """

    __slots__ = ("_incoming", "_outgoing", "_session")

    def __init__(self, secure: Secure) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = secure.context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=secure.name
        )

    def shake_hands(self) -> bool:
        """Go on with the handshake as far as what came allows; return whether it is done.

        Raises:
            ssl.SSLError: it has failed; `outgoing` may hold what the far end is to be told.
        """
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def take_in(self, data: bytes) -> None:
        """Take in bytes from the wire; empty: its end."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def plain(self) -> Iterator[bytes]:
        """Give what the bytes taken in so far say; b"" once the far end has said that it is done.

        Raises:
            ssl.SSLError: they say nothing, or end without a word.
        """
        with suppress(ssl.SSLWantReadError):
            while True:
                try:
                    data = self._session.read(_PLAIN_BYTES)
                except ssl.SSLZeroReturnError:
                    data = b""
                yield data
                if not data:
                    return

    @property
    def is_amid_a_record(self) -> bool:
        """Whether the end of a record has not come yet."""
        return self._incoming.pending > 0

    def write(self, data: bytes) -> None:
        """Have bytes sent: they are among those of `outgoing` then."""
        self._session.write(data)

    def outgoing(self) -> bytes:
        """Take out what is to be sent now."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def bid_farewell(self) -> bytes:
        """Return what tells the far end that nothing more will come."""
        with suppress(ssl.SSLError):
            self._session.unwrap()
        return self.outgoing()


def failure_word(error: ssl.SSLError) -> str:
    """Return the word in `error` for a handshake that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE_WORDS.get(error.verify_code, "certificate_untrusted")
    return "tls_failed"
