"""What every allocator does: grant a ticket or say why not, find one again, say how sales stand."""

from typing import ClassVar, NamedTuple, Protocol

from dress_rehearsal.target_app.queues.outbox import Outbox
from dress_rehearsal.target_app.sessions import Bearer, Sessions
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.stores.redis import RedisStore


class Claim(NamedTuple):
    """A student asking for a ticket."""

    bearer: Bearer
    idempotency: str  # keyed hash of the Idempotency-Key, hex
    ticket: str  # the id to use if a ticket is granted


class Grant(NamedTuple):
    """A ticket granted, now or (`replay`) by the same request before."""

    ticket: str
    number: int
    issued: bool  # whether its row is committed
    replay: bool


class Refusal(NamedTuple):
    """No ticket, or none to be seen; `code` is a problem code (see `problems.py`)."""

    code: str


class Ticket(NamedTuple):
    """A ticket as its holder sees it."""

    ticket: str
    number: int
    issued: bool


class Standing(NamedTuple):
    """How sales stand, by the store that decides."""

    title: str
    tickets: int
    remaining: int
    opens_at_ns: int


class Stores(NamedTuple):
    """What an allocator may work with."""

    database: Database
    redis_store: RedisStore
    sessions: Sessions
    outbox: Outbox | None = None
    """Where grants leave for the queue; only where the allocation has one."""


class Allocator(Protocol):
    """One way to hand out tickets, first come first served.

    All methods raise `OverloadedError` or `DependencyDownError` when they cannot answer.
    """

    name: ClassVar[str]
    constrained: ClassVar[bool]
    """Whether PostgreSQL's constraints guard the tickets table."""
    in_redis: ClassVar[bool]
    """Whether Redis decides and keeps the holders, and so has to be restored when it loses them."""
    streams: ClassVar[bool]
    """Whether grants wait in a Redis stream for the write-back worker."""

    def __init__(self, event: str, stores: Stores) -> None: ...

    async def grant(self, claim: Claim) -> Grant | Refusal:
        """Grant a ticket, repeat an earlier grant of the same request, or refuse."""

    async def find(self, ticket: str, bearer: Bearer) -> Ticket | Refusal:
        """Return the bearer's ticket of that id; somebody else's is as unknown as none."""

    async def standing(self) -> Standing | None:
        """Return how sales stand now; None before the event was prepared."""
