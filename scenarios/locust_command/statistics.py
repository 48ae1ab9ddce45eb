"""Locust's own statistics, told of what is recorded: its tables and page show it then."""

from collections.abc import Iterator
from typing import Any, Final

import gevent
from locust.env import Environment

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.tables import ABANDONED
from dress_rehearsal.scenarios.performance import Performance
from dress_rehearsal.scenarios.recorder import FAILED, UNKNOWN, Recorder

_ROWS_AT_ONCE: Final = 200
_FEED_INTERVAL_S: Final = 0.5


def feed(environment: Environment, performance: Performance) -> None:
    """Have Locust told of all that a performance records."""
    recorder = performance.recorder
    recorder.unfed = []

    def rest() -> None:
        for _ in feed_once(environment, recorder):
            pass

    performance.meanwhile(lambda: feed_statistics(environment, recorder))
    performance.at_last(rest)


def feed_statistics(environment: Environment, recorder: Recorder) -> None:
    """Tell Locust of every recorded request, once each, while the loop has nothing better to do.

    Locust's response time is the felt latency in ms; expected refusals are successes, as in the
    record. Runs as a greenlet until killed.
    """
    while True:
        gevent.sleep(_FEED_INTERVAL_S)
        for _ in feed_once(environment, recorder):
            gevent.idle()


def feed_once(environment: Environment, recorder: Recorder) -> Iterator[None]:
    """Tell Locust of what is recorded by now, pausing between slices of 200 requests."""
    rows, recorder.unfed = recorder.unfed or [], []
    names = recorder.steps.names
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        for step, felt_ms, size, outcome, error in rows[start : start + _ROWS_AT_ONCE]:
            method, _, name = names[step].partition(" ")
            exception: Any = None
            if outcome in (FAILED, UNKNOWN) and error != ABANDONED:  # whose answer nobody missed
                exception = visible_line(error or "failed")
            environment.events.request.fire(  # type: ignore[no-untyped-call]
                request_type=method,
                name=name,
                response_time=felt_ms,
                response_length=size,
                exception=exception,
                context={},
            )
        yield
