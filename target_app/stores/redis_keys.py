"""What the service keeps in Redis: under which names, and how who holds which ticket is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import msgspec

from dress_rehearsal.target_app.request_context import NS

ROSTER_PINS = "roster:pins"  # hash: student -> keyed hash of the PIN, hex
WRITEBACK_GROUP = "writeback"  # consumer group on the grants stream


@dataclass(frozen=True, slots=True)
class EventKeys:
    """The keys of one event."""

    details: str  # hash: title, tickets, opens_at_ns, granted, epoch
    views: str  # string: how often the page was asked for
    enrolled: str  # set: students who may buy
    holders: str  # hash: student -> JSON of the ticket granted (`Holder`)
    grants: str  # stream: one entry a grant, to be written to PostgreSQL
    issued: str  # set: tickets whose row is committed
    lock: str  # string: token of the one sale under way, while its lease lasts
    fence: str  # string: the highest token given out
    restoring: str  # string: held by whoever puts back what Redis lost
    sweeping: str  # string: held by the worker that looks for grants without a row
    queue: str  # hash: student -> position in the waiting room
    admission: str  # hash: epoch, joined, watermark, moved_us, tokens, paused, rate, cap
    inside: str  # sorted set: positions admitted and not yet answered, by when they expire (us)
    channel: str  # pub/sub channel: `sold_out`, `admitted <watermark>`

    @classmethod
    def of(cls, event: str) -> "EventKeys":
        """Return the keys of this event."""
        base = f"event:{event}"
        return cls(
            details=base,
            views=f"{base}:views",
            enrolled=f"{base}:enrolled",
            holders=f"{base}:holders",
            grants=f"{base}:grants",
            issued=f"{base}:issued",
            lock=f"{base}:lock",
            fence=f"{base}:fence",
            restoring=f"{base}:restoring",
            sweeping=f"{base}:sweeping",
            queue=f"{base}:queue",
            admission=f"{base}:queue:admission",
            inside=f"{base}:queue:inside",
            channel=f"{base}:news",
        )


def session_key(session: str) -> str:
    """Return where a session is kept while it is not revoked: string, the student it belongs to."""
    return f"session:{session}"


def failed_logins_of(student: str) -> str:
    """Return where failed logins of a student are counted: string, expires by itself."""
    return f"login:failed:student:{student}"


def failed_logins_from(address: str) -> str:
    """Return where failed logins from an address are counted: string, expires by itself."""
    return f"login:failed:address:{address}"


class Holder(msgspec.Struct, frozen=True):
    """The ticket that a student holds, as the hash `holders` has it.

    `grant.lua` writes the same JSON, and reads `granted_ns` out of it as text.
    """

    ticket: str
    number: int
    granted_ns: int
    idempotency: str  # keyed hash of the Idempotency-Key, hex

    @staticmethod
    def read(text: bytes) -> "Holder":
        """Return the holder written in `text`. Raises `msgspec.DecodeError` where it is none."""
        return _DECODER.decode(text)

    @classmethod
    def of_entry(cls, fields: Mapping[bytes, bytes]) -> tuple[str, Self]:
        """Return the student and the ticket that an entry of the stream `grants` tells of.

        Raises `KeyError` or `ValueError` where it tells of none.
        """
        holder = cls(
            ticket=fields[b"ticket"].decode(),
            number=int(fields[b"number"]),
            granted_ns=int(fields[b"granted_ns"]),
            idempotency=fields[b"idempotency"].decode(),
        )
        return fields[b"student"].decode(), holder

    def written(self) -> bytes:
        """Return the JSON that `read` understands."""
        return msgspec.json.encode(self)

    def age_s(self, now_ns: int) -> float:
        """Return how many seconds before `now_ns` (Unix) the ticket was granted."""
        return (now_ns - self.granted_ns) / NS


_DECODER = msgspec.json.Decoder(Holder)
