"""The reference app's switches: how it hands out tickets, and how much of everything it has."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from dress_rehearsal.plans.strategies import STRATEGIES, Allocation, Strategy
from dress_rehearsal.plans.types import Duration, PositiveDuration, Section, Share, Whole

LETTING_IN: Final = ("waiting_room", "admission_rate", "admission_cap")
"""Keys that say of any target how its students are let in."""


class App(Section):
    """The reference app's own switches."""

    workers: Annotated[Whole, Field(ge=1, le=64)] = 2
    allocation: Allocation = "redis_writeback"
    """How tickets are handed out; all ways but `naive` are sound."""
    writeback_workers: Annotated[Whole, Field(ge=1, le=4)] = 1
    """Processes that write the rows of what was granted, where the strategy writes back through a
    queue; they share it."""
    waiting_room: Literal["off", "poll", "sse"] = "off"
    """Whether students queue before they may buy, and how they learn that it is their turn."""
    admission_rate: Annotated[Whole, Field(ge=1, le=1_000_000)] = 1_000
    """How many students a second the waiting room lets in, from T-0 on."""
    admission_cap: Annotated[Whole, Field(ge=1, le=1_000_000)] = 2_000
    """How many may be inside, admitted and not yet answered, at once."""
    enrolment: Literal["roster", "external"] = "roster"
    """Whether the university's enrolment API is asked too, or only the festival's own roster."""
    enrolment_limit: Annotated[Whole, Field(ge=1, le=10_000)] = 50
    """Calls of one worker to the enrolment API at once."""
    enrolment_timeout: PositiveDuration = 1.0
    enrolment_latency: Duration = 0.01
    """How long the stage's enrolment API takes to answer."""
    enrolment_failures: Share = 0.0
    """How many of its answers are errors."""
    backlog: Annotated[Whole, Field(ge=128, le=65535)] = 4096
    """The listening socket's accept queue; the kernel caps it at `somaxconn`."""
    postgres_pool: Annotated[Whole, Field(ge=1, le=1000)] = 10
    """PostgreSQL connections of one worker."""
    postgres_pool_timeout: Duration = 8.0
    redis_pool: Annotated[Whole, Field(ge=1, le=10_000)] = 64
    """Redis connections of one worker."""
    redis_pool_timeout: Duration = 8.0
    """Just under the students' own time-out: turning a click away only brings it back."""

    @property
    def strategy(self) -> Strategy:
        """What is to be known of the way tickets are handed out."""
        return STRATEGIES[self.allocation]

    @model_validator(mode="after")
    def _who_shares_a_queue_has_one(self) -> Self:
        if self.writeback_workers > 1 and self.strategy.queue is None:
            queued = " or ".join(one.name for one in STRATEGIES.values() if one.queue)
            raise ValueError(
                f"writeback_workers = {self.writeback_workers} share a queue, and "
                f'allocation = "{self.allocation}" has none: choose {queued}, or leave it at 1'
            )
        return self

    @property
    def holders_in_redis(self) -> bool:
        """Whether Redis, beside PostgreSQL, keeps who holds a ticket."""
        return self.strategy.holders_in_redis
