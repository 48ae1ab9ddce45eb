"""The event's status: what every page shows of it, kept in the worker and renewed by itself."""

import logging
import time
from typing import Literal

from dress_rehearsal.target_app.allocators.base import Allocator, Standing
from dress_rehearsal.target_app.errors import DependencyDownError, UnavailableError
from dress_rehearsal.target_app.periodic import Periodic
from dress_rehearsal.target_app.stores.restore import Restorer

REFRESH_S = 0.25
EventState = Literal["waiting", "open", "sold_out"]
"""What an event is said to be."""
_LOG = logging.getLogger(__name__)


class EventStatus:
    """A copy of the standing, at most `REFRESH_S` old while the store answers.

    While at it, it looks whether Redis still has the event, and has `restorer` put it back if not.
    """

    def __init__(self, allocator: Allocator, restorer: Restorer | None = None) -> None:
        self._allocator = allocator
        self._restorer = restorer
        self._standing: Standing | None = None
        self._stale = False
        self._periodic = Periodic("event-status", REFRESH_S, self.refresh)

    @property
    def standing(self) -> Standing:
        """The last standing seen. Raises `DependencyDownError` when none was seen yet."""
        if self._standing is None:
            raise DependencyDownError("The event", "it has not been read from its store yet")
        return self._standing

    @property
    def has_tickets(self) -> bool:
        """Whether tickets were left when the standing was last seen, if it ever was."""
        return self._standing is not None and self._standing.remaining > 0

    def is_last(self, number: int) -> bool:
        """Return whether a ticket of this number is the last one, as far as this worker knows."""
        return self._standing is not None and number >= self._standing.tickets

    async def open(self) -> None:
        """Read the standing once and start renewing it."""
        await self.refresh()
        self._periodic.start()

    async def close(self) -> None:
        """Stop renewing."""
        await self._periodic.stop()

    async def refresh(self) -> None:
        """Read the standing now; where the store does not answer, keep the last one and say so."""
        try:
            if self._restorer is not None:
                await self._restorer.if_missing()
            standing = await self._allocator.standing()
            trouble = (
                "the event is not prepared; run `python -m dress_rehearsal.target_app.prepare`"
            )
        except UnavailableError as error:
            standing, trouble = None, f"the event's standing is stale: {error}"
        if standing is None:
            if not self._stale:
                _LOG.warning(trouble)
            self._stale = True
            return
        if self._stale:
            _LOG.warning("the event's standing is fresh again")
        self._stale = False
        self._standing = standing


def state_of(standing: Standing, now_ns: int | None = None) -> EventState:
    """Return `waiting` before T-0, then `open`, then `sold_out`."""
    if (time.time_ns() if now_ns is None else now_ns) < standing.opens_at_ns:
        return "waiting"
    return "open" if standing.remaining > 0 else "sold_out"
