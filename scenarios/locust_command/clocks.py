"""How far the clocks of Locust's workers are from the master's: students click by the former."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import gevent
from gevent.event import Event

from dress_rehearsal.records.tables import NS_PER_MS
from dress_rehearsal.scenarios.locust_command.share import CLOCK, Message

_TIMES: Final = 8
_ANSWER_S: Final = 0.25
_PAUSE_S: Final = 0.01


class ClockApart(NamedTuple):
    """How far a clock is ahead of the master's (negative: behind), in ms, and how exact that is."""

    offset_ms: float
    within_ms: float
    """The true value is at most so far from it: half of what asking and answering took."""


class Clocks:
    """Asks workers what time it is, and how long the answer took tells how exact it can be.

    Of several answers the quickest counts.

    Args:
        send: sends a message, by its type, to a worker.
    """

    def __init__(self, send: Callable[[str, dict[str, Any], str], None]) -> None:
        self._send = send
        self._found: dict[str, ClockApart] = {}
        self._answered: set[str] = set()
        self._all_answered = Event()
        self._asked: frozenset[str] = frozenset()

    def compare(self, workers: Iterable[str]) -> dict[str, ClockApart]:
        """Return what each worker's clock came to; one that does not answer is left out.

        Takes some tenths of a second, and 2 s where somebody does not answer.
        """
        self._asked = frozenset(workers)
        self._found = {}
        for _ in range(_TIMES):
            self._answered.clear()
            self._all_answered.clear()
            for worker in self._asked:
                self._send(CLOCK, {"asked_ns": time.time_ns()}, worker)
            self._all_answered.wait(_ANSWER_S)
            gevent.sleep(_PAUSE_S)
        self._asked = frozenset()
        return self._found

    def take(self, message: Message) -> None:
        """Take in a worker's answer."""
        now_ns = time.time_ns()
        worker, asked_ns = message.node_id, int(message.data["asked_ns"])
        if worker not in self._asked or now_ns < asked_ns:
            return
        offset_ns = int(message.data["now_ns"]) - (asked_ns + now_ns) / 2
        apart = ClockApart(offset_ns / NS_PER_MS, (now_ns - asked_ns) / 2 / NS_PER_MS)
        best = self._found.get(worker, apart)
        self._found[worker] = min(best, apart, key=lambda each: each.within_ms)
        self._answered.add(worker)
        if self._answered >= self._asked:
            self._all_answered.set()


def now(question: Message) -> dict[str, Any]:
    """Return a worker's answer to the master's question."""
    return {**question.data, "now_ns": time.time_ns()}
