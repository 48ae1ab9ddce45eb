"""The strategies: the reference app's ways to hand out tickets, and what is to be known of each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to hand out tickets.

    Attributes:
        name: as `app.allocation` has it.
        sound: sells no ticket twice; `naive` alone, which counts the tickets instead of keeping a
            stock, does.
        holders_in_redis: Redis decides and keeps who holds a ticket, beside PostgreSQL's rows; the
            others' truth is in PostgreSQL alone.
        writes_back: answers before the row is written, which a process of its own does later.
        queue: the service whose queue what is to be written goes through, which several write-back
            workers may read; the others have none.
        rests_on_unique: leaves it to the table's unique constraint to refuse a second ticket; the
            others look whether the student holds one.
    """

    name: str
    sound: bool = True
    holders_in_redis: bool = False
    writes_back: bool = False
    queue: Literal["sqs", "kafka"] | None = None
    rests_on_unique: bool = False


STRATEGIES: Final[dict[str, Strategy]] = {
    strategy.name: strategy
    for strategy in (
        Strategy("naive", sound=False),
        Strategy("row_lock"),
        Strategy("optimistic"),
        Strategy("atomic_update", rests_on_unique=True),
        Strategy("skip_locked", rests_on_unique=True),
        Strategy("redis_lock"),
        Strategy("redis_script", holders_in_redis=True),
        Strategy("redis_writeback", holders_in_redis=True, writes_back=True),
        Strategy("sqs_writeback", holders_in_redis=True, writes_back=True, queue="sqs"),
        Strategy("kafka_writeback", holders_in_redis=True, writes_back=True, queue="kafka"),
    )
}
"""Every strategy by name."""

if TYPE_CHECKING:
    Allocation = str  # type checkers cannot read a Literal off a table
else:
    Allocation = Literal[tuple(STRATEGIES)]
