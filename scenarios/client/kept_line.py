"""A kept line: opened when it is first needed, and looked at before it is used again."""

import time
from typing import Final

from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.line import Line
from dress_rehearsal.scenarios.client.local_address import LocalAddresses
from dress_rehearsal.scenarios.client.scheduler import Scheduler
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.client.tls import Secure
from dress_rehearsal.scenarios.client.waiter import Waiter

FRESH_NS: Final = 5_000_000
"""So soon after an answer nobody looks whether the far end has hung up but for what the loop knows:
it would have said so in the answer."""
LOOK_NS: Final = 500_000
"""So soon after a look at all lines at once nobody looks at one alone: in a burst one look does for
all that are sent within it."""


class KeptLine(Waiter):
    """The line of a connection, and what is known of it between two exchanges.

    Args:
        address: host and port of the target.
        local: says where the line is to come from; None: whichever address the kernel takes.
        secure: what stands between it and an https origin; None: it carries plain HTTP.
    """

    __slots__ = (
        "_address",
        "_ending",
        "_line",
        "_local",
        "_read_ns",
        "_scheduler",
        "_secure",
        "is_open",
        "stirred",
    )

    def __init__(
        self,
        address: tuple[str, int],
        local: LocalAddresses | None,
        secure: Secure | None,
        scheduler: Scheduler,
    ) -> None:
        super().__init__()
        self._address, self._local, self._secure = address, local, secure
        self._scheduler = scheduler
        self._line: Line | None = None
        self.is_open = False
        """Whether there is a line (the far end may have hung up meanwhile)."""
        self.stirred = 0
        """Whether something may have come that was not read (see `readiness.Watched`)."""
        self._read_ns = 0
        """When the last answer was read (Unix)."""
        self._ending: EventStream | None = None
        """A stream that has decided, and whose end has not been read yet."""

    def close(self) -> None:
        """Hang up, if there is a line."""
        line, self._line, self.is_open = self._line, None, False
        if line is not None:
            line.close()
        if self._ending is not None:
            self._ending.drop()
            self._ending = None

    def read(self) -> None:
        """Read what is there, in its turn; only the loop itself may call this."""
        raise NotImplementedError

    def _ready(self, into: Exchange) -> Line:
        """Return an open line: a closed one is noticed before, not by, sending on it.

        So is one on which something came unasked: it would be taken for the answer.
        """
        if self._line is not None and not self._carries_more(self._line):
            self.close()
        if self._line is None:
            into.new_connection = True
            into.sent_ns = time.time_ns()
            self._line = Line.opened(self._address, self._local, self._scheduler, self)
            self.is_open = True
            if self._secure is not None:
                self._line.secure(self._secure, self._await_turn)
            into.connect_us = (time.time_ns() - into.sent_ns) // 1000
        self._is_read()
        return self._line

    def _is_read(self) -> None:
        """Know that all is read that had come, out of turn."""
        if self.stirred:
            self.stirred = 0
            self._scheduler.look_again()

    def _something_came(self, line: Line, now_ns: int) -> bool:
        """Look at all lines; return whether something has come by now on this one."""
        self._scheduler.look()
        if self._scheduler.looked_ns >= now_ns:
            return bool(self.stirred)
        return line.has_something()  # one look was not enough to know all

    def _carries_more(self, line: Line) -> bool:
        if self._ending is not None:
            if not line.read_end(self._ending):
                return False
            self._ending = None
        return not line.has_something() or line.carries_more()

    def _await_turn(self) -> None:
        """Wait until there is something to read that is no answer yet."""
        if self._line is not None and self._line.has_something():
            self._scheduler.wait_for_turn()
        else:
            self._is_read()
            self._wait()
