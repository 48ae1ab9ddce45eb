"""One call of a buyer's method: the requests that it sends, and what they came to.

What the method returns is about the last of them. So each waits to be recorded until the next one
begins or the method has ended.
"""

import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.scenarios.buyer import Admitted, Granted, Pending, Refused, Waiting
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.response import Headers
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.recorder import FAILED, OK, UNKNOWN

_LEAST_ERROR: Final = 400
_PROMPT_NS: Final = 1_000_000
"""What a scenario does in less is this machine's time, and none that a student takes."""
UNAUTHENTICATED: Final = "unauthenticated"
"""The word of a target that knows no session of this token (any more)."""

Told = Granted | Pending | Refused | Admitted | Waiting


@dataclass(slots=True)
class Reply:
    """What came of one call, as the student sees it."""

    outcome: int
    code: str | None
    at_ns: int
    """When the answer had arrived, or when the attempt was given up."""
    claim: Told | None = None
    """What the student was told, if anything."""
    stream: EventStream | None = None
    """The stream of events that was held, if one was."""


_LONGEST_KIND: Final = 30
_REDIRECTS: Final = range(300, 400)


class Sent(Exchange):
    """A call's request: what it went through, and what it came to; `error` is why it is not ok."""

    name: str = ""
    """Of its step."""
    seq: int = 0
    connection: int = 0
    stream: EventStream | None = None
    outcome: int = UNKNOWN

    @property
    def status(self) -> int:
        """Of its answer; 0: none came."""
        return 0 if self.answer is None else self.answer.status

    @property
    def answered(self) -> str:
        """What came as an answer, in words: its status, of what kind or to where."""
        headers = Headers([] if self.answer is None else self.answer.headers)
        if self.status in _REDIRECTS:
            return f"{self.status} to {_led_to(headers.get('location', ''))}"
        kind = visible_line(headers.get("content-type", "").partition(";")[0].strip())
        kind = kind[:_LONGEST_KIND]
        return f"{self.status} ({kind})" if kind else str(self.status)


def _led_to(location: str) -> str:
    """Return where a redirect leads, by the first part of its path: the rest may be a ticket's."""
    try:
        first, _, rest = urlsplit(location).path.lstrip("/").partition("/")
    except ValueError:
        return "nowhere"
    return f"/{visible_line(first)[:_LONGEST_KIND]}{'/…' if rest else ''}"


class Call:
    """A method under way.

    Args:
        role: what its requests are for.
        intended_ns: when the student meant to begin.
        called_ns: when it is called.
        copy: which copy of a click it is, and the first connection that its requests may go over.
        wish: which wish to buy it stands for, of those of the device.
        leave_ns: when the student stops listening to a stream of events; None: never.
    """

    __slots__ = (
        "_at_ns",
        "_called_ns",
        "_intended_ns",
        "_since_ns",
        "begins_ns",
        "copy",
        "last",
        "leave_ns",
        "role",
        "stream",
        "wish",
    )

    def __init__(
        self,
        role: str,
        intended_ns: int,
        called_ns: int,
        copy: int = 0,
        wish: int = 0,
        leave_ns: int | None = None,
    ) -> None:
        self.role = role
        self.copy, self.wish = copy, wish
        self.leave_ns = leave_ns
        self.last: Sent | None = None
        """The request that ended last, as long as it is not recorded."""
        self.stream: EventStream | None = None
        """Of the request that ended last, where it was one."""
        self.begins_ns = intended_ns
        """When the student meant to begin."""
        self._intended_ns: int | None = intended_ns
        self._called_ns = called_ns
        self._at_ns = intended_ns
        """When the last answer came; before that when the student meant to begin."""
        self._since_ns = called_ns
        """When the scenario was given that answer, or was called."""

    def due_ns(self, now_ns: int) -> int:
        """Return when a request was meant to be sent that is about to be.

        The first was meant when the student meant to act, and the others as soon as they are sent.
        What the scenario does before a request, sleeping too, is no lateness of anybody's.
        """
        if self._intended_ns is None:
            return now_ns
        took_ns = now_ns - self._called_ns
        due_ns = self._intended_ns + (took_ns if took_ns > _PROMPT_NS else 0)
        self._intended_ns = None
        return due_ns

    def beside_ns(self, now_ns: int) -> int:
        """Return when a request may be sent beside: called ahead, the call waits with it."""
        if now_ns < self.begins_ns:
            self._called_ns = self.begins_ns
        return max(now_ns, self.begins_ns)

    def ended(self, sent: Sent) -> None:
        """Take in a request that has ended."""
        self.last, self.stream = sent, sent.stream
        # Whoever asked goes on as soon as the answer is read whole.
        self._since_ns = (sent.answer and sent.read_ns) or time.time_ns()
        self._at_ns = sent.done_ns or self._since_ns

    def over_ns(self) -> int:
        """Return when the student has got so far, now that the method is over.

        An answer that lay about here until the loop read it costs the student no time; what the
        scenario did after it does. Called ahead, it is not over before it was to begin.
        """
        took_ns = time.time_ns() - self._since_ns
        over_ns = self._at_ns + (took_ns if took_ns > _PROMPT_NS else 0)
        return max(over_ns, self.begins_ns)


def outcome_of(status: int, stream: EventStream | None = None) -> tuple[int, str | None]:
    """Return what a status says of an answer: its outcome, and why it is not ok.

    Args:
        stream: what took it in, if it was to be one of events: without the one that is waited for
            it is open what comes next.
    """
    if stream is not None and stream.decision is None:
        if stream.is_stream:
            return UNKNOWN, "stream_ended"
        if status < _LEAST_ERROR:
            return FAILED, "not_a_stream"
    return (OK, None) if status < _LEAST_ERROR else (FAILED, f"http_{status}")
