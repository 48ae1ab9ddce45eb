"""What the service keeps in Redis: under which names, and how who holds which ticket is written."""

from collections.abc import Mapping
from typing import Self

import msgspec

from dress_rehearsal.target_app.request_context import NS

ROSTER_PINS = "roster:pins"  # hash: student -> keyed hash of the PIN, hex
WRITEBACK_GROUP = "writeback"  # consumer group on the grants stream


class EventKeys:
    """The keys of one event."""

    def __init__(self, event: str) -> None:
        base = f"event:{event}"
        self.details = base  # hash: title, tickets, opens_at_ns, granted, epoch
        self.views = f"{base}:views"  # string: how often the page was asked for
        self.enrolled = f"{base}:enrolled"  # set: students who may buy
        self.holders = f"{base}:holders"  # hash: student -> JSON of the ticket granted (`Holder`)
        self.grants = f"{base}:grants"  # stream: one entry a grant, to be written to PostgreSQL
        self.issued = f"{base}:issued"  # set: tickets whose row is committed
        self.lock = f"{base}:lock"  # string: token of the one sale under way, while its lease lasts
        self.fence = f"{base}:fence"  # string: the highest token given out
        self.restoring = f"{base}:restoring"  # string: held by whoever puts back what Redis lost
        self.sweeping = f"{base}:sweeping"  # string: held by who looks for grants without a row
        self.queue = f"{base}:queue"  # hash: student -> position in the waiting room
        # hash: epoch, joined, watermark, moved_us, tokens, paused, rate, cap
        self.admission = f"{base}:queue:admission"
        # sorted set: positions admitted and not yet answered, by when they expire (us)
        self.inside = f"{base}:queue:inside"
        self.channel = f"{base}:news"  # pub/sub channel: `sold_out`, `admitted <watermark>`


def session_key(session: str) -> str:
    """Return where a session is kept while it is not revoked: string, the student it belongs to."""
    return f"session:{session}"


def failed_logins_at(source: str, student: str) -> str:
    """Return where failed logins of a student from one source are counted: hash, expires by itself.

    Fields: failures, until_ms (Unix milliseconds; none is looked at before).
    """
    return f"login:failed:at:{source}:{student}"


def failed_logins_of(student: str) -> str:
    """Return where failed logins of a student are counted: string, expires by itself."""
    return f"login:failed:student:{student}"


def failed_logins_from(source: str) -> str:
    """Return where failed logins from a source are counted: string, expires by itself."""
    return f"login:failed:source:{source}"


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
