"""Sessions: a student number and a PIN against a signed token whose session lives in Redis."""

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict
from typing import NamedTuple

import jwt

from dress_rehearsal.target_app.stores.redis import RedisStore, Script
from dress_rehearsal.target_app.stores.redis_keys import (
    ROSTER_PINS,
    EventKeys,
    failed_logins_at,
    failed_logins_from,
    failed_logins_of,
    session_key,
)
from dress_rehearsal.target_app.telemetry.boundaries import measured

TOKEN_LIFETIME_S = 2 * 3600
FREE_FAILURES = 5
"""Wrong PINs for a student from a source that cost no time; each further one doubles the wait."""
FREE_FAILURES_PRESSED = 1
"""The same while a student, or a source, has more failures than any mistake explains."""
# A PIN of five digits takes 17 days to guess from one source at this pace, on average.
LONGEST_WAIT_S = 30
REMEMBERED_S = 300
"""How long failures count: a source's for a student since the last one, others since the first."""
FAILURES_OF_STUDENT = 50
# A whole campus may stand behind one address; this is only what no campus does by mistake.
FAILURES_FROM_SOURCE = 5000
_ALGORITHM = "HS256"
_REMEMBERED_TOKENS = 32_768
_LOGIN = Script("login.lua")


class Throttled(NamedTuple):
    """Logins of this student failed from there too often; none is looked at for so long."""

    retry_after_s: int


class Bearer(NamedTuple):
    """Whoever shows a token with a valid signature; the session may still be revoked."""

    student: str
    session: str


def hash_pin(key: bytes, student: str, pin: str) -> str:
    """Return the keyed hash kept instead of a PIN, hex.

    It is cheap on purpose: PINs stand in for a campus SSO.
    """
    return hmac.digest(key, f"{student}\0{pin}".encode(), hashlib.sha256).hex()


def hash_student(key: bytes, student: str) -> str:
    """Return a student number as logs may show it: the same student, the same hash, no way back."""
    return hashlib.blake2b(student.encode(), key=key, digest_size=6).hexdigest()


def source_of(address: str) -> str:
    """Return whom failures from an address are counted for.

    An IPv6 address stands for its /64, of which one customer has all; what is no IP address at all
    (a Unix socket's peer) for itself.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 6 and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, 64), strict=False).network_address)
    return str(ip if ip.version == 4 else ip.ipv4_mapped)


class Sessions:
    """Opens, reads and revokes sessions."""

    def __init__(self, redis_store: RedisStore, event: str, jwt_key: bytes, pin_key: bytes) -> None:
        self._redis_store = redis_store
        self._keys = EventKeys(event)
        self._jwt_key = jwt_key
        self._pin_key = pin_key
        self._remembered: OrderedDict[bytes, tuple[Bearer, int]] = OrderedDict()

    @measured("redis", "login")
    async def open(self, student: str, pin: str, address: str) -> str | Throttled | None:
        """Return a new token, or None where student and PIN do not belong together.

        Who fails again and again waits longer and longer, at that source and for that student: the
        right PIN from any other source is looked at, whatever was guessed elsewhere.

        `address` is where the login comes from.
        """
        session = secrets.token_hex(16)
        source = source_of(address)
        opened = await self._redis_store.script(
            _LOGIN,
            (
                ROSTER_PINS,
                session_key(session),
                failed_logins_at(source, student),
                failed_logins_of(student),
                failed_logins_from(source),
            ),
            (
                student,
                hash_pin(self._pin_key, student, pin),
                TOKEN_LIFETIME_S,
                FREE_FAILURES,
                FREE_FAILURES_PRESSED,
                FAILURES_OF_STUDENT,
                FAILURES_FROM_SOURCE,
                REMEMBERED_S,
                LONGEST_WAIT_S,
            ),
        )
        if opened < 0:
            return Throttled(-opened)
        if not opened:
            return None
        expires_s = int(time.time()) + TOKEN_LIFETIME_S
        token = jwt.encode(
            {"sub": student, "jti": session, "exp": expires_s}, self._jwt_key, _ALGORITHM
        )
        # The student's connection stays with this worker: do not check at T-0 what was signed here.
        self._remember(token.encode(), Bearer(student, session), expires_s)
        return token

    def read(self, authorization: bytes | None) -> Bearer | None:
        """Return who shows this `Authorization` header; None where signature or date are not good.

        A signature found good is remembered; the date is looked at every time, and whether the
        session is revoked is for the caller to ask (`is_live`, `admit`, or within its own call).
        """
        if authorization is None or authorization[:7].lower() != b"bearer ":
            return None
        token = authorization[7:].strip()
        known = self._remembered.get(token)
        if known is not None:
            return known[0] if known[1] > time.time() else None
        try:
            claims = jwt.decode(
                token,
                self._jwt_key,
                algorithms=[_ALGORITHM],
                options={"require": ["exp", "sub", "jti"]},
            )
        except jwt.InvalidTokenError:
            return None
        bearer = Bearer(claims["sub"], str(claims["jti"]))
        self._remember(token, bearer, int(claims["exp"]))
        return bearer

    def _remember(self, token: bytes, bearer: Bearer, expires_s: int) -> None:
        if len(self._remembered) >= _REMEMBERED_TOKENS:
            self._remembered.popitem(last=False)
        self._remembered[token] = (bearer, expires_s)

    @measured("redis", "session")
    async def is_live(self, bearer: Bearer) -> bool:
        """Return whether the session is open, that is: not revoked."""
        (student,) = await self._redis_store.run(("GET", session_key(bearer.session)))
        return bool(student == bearer.student.encode())

    @measured("redis", "admit")
    async def admit(self, bearer: Bearer) -> str | None:
        """Return the problem code that keeps this student from buying, or None."""
        student, enrolled = await self._redis_store.run(
            ("GET", session_key(bearer.session)),
            ("SISMEMBER", self._keys.enrolled, bearer.student),
        )
        if student != bearer.student.encode():
            return "unauthenticated"
        return None if enrolled else "not_enrolled"

    @measured("redis", "logout")
    async def revoke(self, bearer: Bearer) -> bool:
        """End the session; return False where it had ended before."""
        (removed,) = await self._redis_store.run(("DEL", session_key(bearer.session)))
        return bool(removed)
