"""What was sold: the stores of our own, or the ledgers of somebody else's, read for one rush."""

import time
from collections.abc import Callable
from typing import Final

from dress_rehearsal.compose import Stage
from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.ledger import read_ledger
from dress_rehearsal.records.ledgers import Ledgers, LedgersUnreadableError, promised_tickets
from dress_rehearsal.records.settle import Settling, await_settled
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.rehearsal.errors import LedgerRefusedError

_SETTLE_TIMES: Final = 6
"""How many times `schedule.settle` the stores are waited for while rows are being written."""
_ASIDE_S: Final = 0.5
"""By so much the last look before the first arrival has to be over."""
_LEAST_S: Final = 0.1


class SoldTickets:
    """The stores that say who got a ticket: looked at before the first arrival, and at the end.

    Args:
        people: the roster.
    """

    def __init__(self, plan: Plan, run: RunDirectory, stage: Stage, people: list[Person]) -> None:
        self._plan, self._run, self._stage = plan, run, stage
        self._students = [person.student for person in people]
        self._ledgers = Ledgers(plan, self._students) if plan.ledgers else None
        self._took_s = 0.0

    @property
    def breath_s(self) -> float:
        """How long a second look takes, once the sale is set to open."""
        return 0.0 if self._ledgers is None else 2 * self._took_s + 2 * _ASIDE_S

    def look_before(self) -> None:
        """Keep what was sold before this rush.

        Raises:
            LedgerRefusedError: a ledger cannot be read, so nobody could say what came of the rush.
        """
        if self._ledgers is None:
            return
        begun_s = time.monotonic()
        try:
            self._ledgers.read_before()
        except LedgersUnreadableError as error:
            raise LedgerRefusedError(str(error)) from error
        self._took_s = time.monotonic() - begun_s

    def look_again(self, arrivals_ns: int) -> None:
        """Look once more: setting the sale to open may have cleared what was sold before.

        Args:
            arrivals_ns: when the first student arrives (Unix ns); it is over by then.
        """
        left_s = (arrivals_ns - time.time_ns()) / NS_PER_S - _ASIDE_S
        if self._ledgers is not None and left_s > max(_LEAST_S, self._took_s):
            self._ledgers.read_again_before(time.monotonic() + left_s)

    def settle(self, *, at_once: bool, enough: Callable[[], bool]) -> Settling:
        """Wait until the stores agree, or stand still; return how the wait ended.

        Args:
            at_once: it is not waited for longer than `schedule.settle`.
            enough: asked all the time; once it says so it is not either.
        """
        still_s = self._plan.schedule.settle
        longest_s = still_s * (1 if at_once else _SETTLE_TIMES)
        if self._ledgers is not None:
            promised = promised_tickets(self._run)
            return self._ledgers.settle(promised, still_s, longest_s, enough)
        return await_settled(
            self._stage.redis_url,
            self._plan.event.id,
            still_s,
            dsn=self._stage.dsn,
            longest_s=longest_s,
            enough=enough,
        )

    def keep(self, settle_ms: float | None) -> None:
        """Write every store's tickets to the run.

        Raises:
            RunDirectoryUnusableError: the run directory cannot be written.
        """
        if self._ledgers is not None:
            self._ledgers.keep(self._run, settle_ms)
            return
        read_ledger(
            self._run,
            self._stage.dsn,
            self._stage.redis_url,
            self._plan.event.id,
            self._students,
            settle_ms=settle_ms,
        )
