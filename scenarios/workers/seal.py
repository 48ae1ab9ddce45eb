"""The seal on every message between master and workers: an HMAC of the secret that they share.

Locust's own connection trusts whoever reaches it. A seal proves that a message comes from somebody
who knows the secret, that it was meant for this worker in this session, that nothing in it was
changed, and that it was not sent before: it covers a number that only grows. What is said can still
be read on the way; nothing here is encrypted.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import msgspec

MASTER: Final = "master"
WORKER: Final = "worker"
NONCE_BYTES: Final = 16
_PROTOCOL: Final = "dress-rehearsal workers 1"


class BrokenSealError(Exception):
    """A message is not what it seems; the message says in which way, as the end of a sentence."""


def proof(secret: bytes, role: str, *said: bytes | str) -> bytes:
    """Return what proves that the one in a role knows the secret, and stands by what was said."""
    return hmac.digest(secret, msgspec.msgpack.encode([_PROTOCOL, role, *said]), hashlib.sha256)


def is_proven(given: object, secret: bytes, role: str, *said: bytes | str) -> bool:
    """Return whether somebody proved it."""
    expected = proof(secret, role, *said)
    return isinstance(given, bytes) and hmac.compare_digest(given, expected)


class Seal:
    """Seals what one side of a session says, and opens what the other side sealed.

    Args:
        secret: what both share.
        role: whose side this is, `MASTER` or `WORKER`.
        session: what sets this session apart from all others: the worker's id, and a nonce of
            either side.
    """

    def __init__(self, secret: bytes, role: str, session: tuple[bytes | str, ...]) -> None:
        self._key = proof(secret, "session", *session)
        self._role, self._other = role, WORKER if role == MASTER else MASTER
        self._sealed = self._opened = 0

    def sealed(self, run: str, kind: str, content: Any) -> dict[str, Any]:
        """Return a message as it is sent.

        Args:
            run: the id of the run that it is about; empty where it is about none.
        """
        self._sealed += 1
        body = msgspec.msgpack.encode([run, kind, content])
        mac = self._mac(self._role, self._sealed, body)
        return {"number": self._sealed, "body": body, "mac": mac}

    def opened(self, message: object) -> tuple[str, str, Any]:
        """Return what a message says: run, kind and content.

        Raises:
            BrokenSealError: it is not the other side's, was changed, or came before.
        """
        if not isinstance(message, Mapping):
            raise BrokenSealError("it has no seal")
        number, body, mac = (message.get(key) for key in ("number", "body", "mac"))
        if not (isinstance(number, int) and isinstance(body, bytes) and isinstance(mac, bytes)):
            raise BrokenSealError("it has no seal")
        if not 0 < number < 2**63 or not hmac.compare_digest(
            mac, self._mac(self._other, number, body)
        ):
            raise BrokenSealError("its seal is wrong")
        if number <= self._opened:
            raise BrokenSealError("it came before")
        self._opened = number
        run, kind, content = msgspec.msgpack.decode(body)
        return run, kind, content

    def _mac(self, role: str, number: int, body: bytes) -> bytes:
        mac = hmac.new(self._key, digestmod=hashlib.sha256)
        mac.update(msgspec.msgpack.encode([role, number, len(body)]))
        mac.update(body)
        return mac.digest()


def opened(seal: Seal | None, message: object) -> tuple[str, str, Any]:
    """Return what a message says: run, kind and content.

    Args:
        seal: None where the two do not know each other.

    Raises:
        BrokenSealError: it is not the other side's, was changed, or came before.
    """
    if seal is None:
        raise BrokenSealError("its sender has not proved that it knows the secret")
    return seal.opened(message)
