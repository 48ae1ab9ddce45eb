"""The names under which the service keeps things in Redis, in one place."""

from dataclasses import dataclass

ROSTER_PINS = "roster:pins"  # hash: student -> keyed hash of the PIN, hex
WRITEBACK_GROUP = "writeback"  # consumer group on the grants stream


@dataclass(frozen=True, slots=True)
class EventKeys:
    """The keys of one event."""

    details: str  # hash: title, tickets, opens_at_ns, granted
    views: str  # string: how often the page was asked for
    enrolled: str  # set: students who may buy
    holders: str  # hash: student -> JSON of the ticket granted
    grants: str  # stream: one entry a grant, to be written to PostgreSQL
    issued: str  # set: tickets whose row is committed

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
        )


def session_key(session: str) -> str:
    """Where a session is kept while it is not revoked: string, the student it belongs to."""
    return f"session:{session}"
