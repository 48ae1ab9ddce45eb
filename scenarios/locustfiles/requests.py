"""Locust's `request` events, as rows of the requests table.

An event comes when a request is over and says how long it took by its own client's clock; nothing
of the kernel's is known. A closed workload means nothing earlier than it sends, so what was meant
and what was sent are one.
"""

import math
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from dress_rehearsal.plans.shown import HIDDEN, looks_secret
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.tables import NS_PER_MS, NS_PER_S
from dress_rehearsal.scenarios.reach import REFUSED_HERE

MOST_NAMES: Final = 200
"""Different requests that are told apart; what comes beyond counts together."""
OTHER_NAMES: Final = "(other names)"

_MOST_ERRORS: Final = 200
_OTHER_ERROR: Final = "other"
_LONGEST_NAME: Final = 200
_LONGEST_ERROR: Final = 80
_AHEAD_NS: Final = NS_PER_S
_LONGEST_S: Final = 86_400.0
_KNOWN_ERRORS: Final = (
    (REFUSED_HERE, "host_refused"),  # by us, not by the target
    ("timeout", "timeout"),
    ("timed out", "timeout"),
    ("connectionrefused", "connect_refused"),
    ("connection refused", "connect_refused"),
    ("connectionreset", "connection_reset"),
    ("connection reset", "connection_reset"),
    ("remotedisconnected", "connection_lost"),
    ("connectionclosed", "connection_lost"),
)
"""What the names and texts of clients' exceptions hold, and our own word for it."""


class Told(NamedTuple):
    """What one event says; `error` is None where the request succeeded, `status` 0: none."""

    step: str
    began_ns: int
    done_ns: int
    status: int
    bytes: int
    error: str | None


class EventReader:
    """Reads events; names and errors come from outside, so there are at most so many of each.

    Args:
        now_ns: the clock.
    """

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.beyond = 0
        """Requests whose name was one too many."""
        self.unread = 0
        """Events that say what no request could."""
        self._since_ns = now_ns()
        self._now_ns = now_ns
        self._steps: dict[tuple[str, str], str] = {}
        self._errors: set[str] = set()

    def read(self, event: dict[str, Any]) -> Told:
        """Return what an event says; what makes no sense in it is taken for not said."""
        now_ns = self._now_ns()
        took_ns = self._duration_ns(event.get("response_time"))
        began_ns = self._began_ns(event.get("start_time"), now_ns)
        if began_ns is None:
            began_ns = now_ns - took_ns
        status = _status(event.get("response"))
        exception = event.get("exception")
        return Told(
            self._step(str(event.get("request_type", "")), str(event.get("name", ""))),
            began_ns,
            began_ns + took_ns,
            status,
            _whole(event.get("response_length")),
            None if not exception else self._error(exception, status),
        )

    def _duration_ns(self, milliseconds: Any) -> int:
        took = _number(milliseconds)
        if took is None or not 0 <= took <= _LONGEST_S * 1e3:
            self.unread += milliseconds is not None
            return 0
        return round(took * NS_PER_MS)

    def _began_ns(self, seconds: Any, now_ns: int) -> int | None:
        """Return when a request began; None where a client does not say, or counts otherwise."""
        began = _number(seconds)
        if began is None or not abs(began) < 1e12:
            return None
        began_ns = round(began * NS_PER_S)
        return began_ns if self._since_ns - _AHEAD_NS <= began_ns <= now_ns + _AHEAD_NS else None

    def _step(self, method: str, name: str) -> str:
        key = (method, name)
        step = self._steps.get(key)
        if step is None:
            if len(self._steps) >= MOST_NAMES:
                self.beyond += 1
                return f"{visible_line(method)[:20]} {OTHER_NAMES}".strip()
            if looks_secret(name):  # steps are written to every run, and shown
                name = f"{name.partition('?')[0]}?{HIDDEN}" if "?" in name else OTHER_NAMES
            step = _cut(f"{visible_line(method)} {visible_line(name)}".strip(), _LONGEST_NAME)
            self._steps[key] = step or OTHER_NAMES
        return step

    def _error(self, exception: Any, status: int) -> str:
        word = _error_word(exception, status)
        if word not in self._errors and len(self._errors) >= _MOST_ERRORS:
            return f"http_{status}" if status else _OTHER_ERROR
        self._errors.add(word)
        return word


def _error_word(exception: Any, status: int) -> str:
    kind, text = type(exception).__name__, str(exception)
    if kind not in ("CatchResponseError", "str"):  # those are what a locustfile itself says
        if status >= 400:
            return f"http_{status}"
        searched = f"{kind} {text}".lower()
        known = next((word for sign, word in _KNOWN_ERRORS if sign in searched), None)
        return known or kind
    if not text or looks_secret(text):
        return f"http_{status}" if status else kind
    return _cut(visible_line(text), _LONGEST_ERROR)


def _status(response: Any) -> int:
    """Return an answer's HTTP status, whatever client it is of; 0 where there is none."""
    code = getattr(response, "status_code", None)
    return code if isinstance(code, int) and 0 <= code <= 999 else 0


def _whole(length: Any) -> int:
    number = _number(length)
    return 0 if number is None or number < 0 else min(int(number), 2**31 - 1)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
