"""The names under which the service keeps things in Redis, in one place."""

from dataclasses import dataclass

ROSTER_PINS = "roster:pins"  # hash: student -> keyed hash of the PIN, hex
WRITEBACK_GROUP = "writeback"  # consumer group on the grants stream


@dataclass(frozen=True, slots=True)
class EventKeys:
    """The keys of one event."""

    details: str  # hash: title, tickets, opens_at_ns, granted, epoch
    views: str  # string: how often the page was asked for
    enrolled: str  # set: students who may buy
    holders: str  # hash: student -> JSON of the ticket granted
    grants: str  # stream: one entry a grant, to be written to PostgreSQL
    issued: str  # set: tickets whose row is committed
    lock: str  # string: token of the one sale under way, while its lease lasts
    fence: str  # string: the highest token given out
    restoring: str  # string: held by whoever puts back what Redis lost
    sweeping: str  # string: held by the worker that looks for grants without a row
    queue: str  # hash: student -> position in the waiting room
    admission: str  # hash: epoch, joined, watermark, moved_us, tokens, paused, rate, cap
    inside: str  # sorted set: positions admitted and not yet answered, by when they expire (us)
    news: str  # pub/sub channel: `sold_out`, `admitted <watermark>`

    @classmethod
    def of(cls, event: str) -> "EventKeys":
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
            news=f"{base}:news",
        )


def session_key(session: str) -> str:
    """Where a session is kept while it is not revoked: string, the student it belongs to."""
    return f"session:{session}"


def failed_logins_of(student: str) -> str:
    """How many logins of a student have failed of late: string, expires by itself."""
    return f"login:failed:student:{student}"


def failed_logins_from(address: str) -> str:
    """How many logins from an address have failed of late: string, expires by itself."""
    return f"login:failed:address:{address}"
