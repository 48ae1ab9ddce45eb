"""The generator's own state, a few times a second: for the live screen and the metrics table."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Protocol

import gevent

from dress_rehearsal.records import tables
from dress_rehearsal.records.clock import ClockOffset
from dress_rehearsal.scenarios.client.scheduler import scheduler
from dress_rehearsal.scenarios.recorder import Recorder

_TICK_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Status:
    """One sample. Counters are since the start; `late_*` and `loop_lag_s` since the last sample."""

    generator: str
    """Which generator process says so."""
    t_ns: int
    students: dict[str, int]
    requests: int
    outcomes: dict[str, int]
    in_flight: int | None
    connections: int | None
    """Both None where nobody can count them."""
    unwritten_rows: int
    loop_lag_s: float
    late_p99_s: float | None
    """None: nothing was sent since the last sample."""
    felt_p99_ms: float | None
    """Of the requests that ended since the last sample, failed ones too; None: there was none."""
    good_p99_ms: float | None
    """… and of those among them that were answered well."""
    clock_offset_s: float | None
    """Wall clock less monotonic clock, since the start; None: it could not be read."""
    meter: dict[str, Any]
    """Histograms since the start; see `scenarios.tallies.histograms`."""
    seconds: list[dict[str, Any]]
    """Whole seconds that are new or have changed since the last sample.

    See `scenarios.tallies.seconds`.
    """

    def line(self) -> dict[str, Any]:
        """Return it as plain values for a line of JSON; nothing is copied."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Stories(Protocol):
    """Who acts: when each began, and how many are in each state of `STUDENT_OUTCOMES`."""

    @property
    def began_ns(self) -> Sequence[int]:
        """Unix ns."""

    @property
    def counts(self) -> Sequence[int]:
        """Empty where nobody's story is told."""


class Performance(Protocol):
    """What is watched: a rush of students, or the users of a plain Locust file."""

    recorder: Recorder

    @property
    def census(self) -> Stories:
        """Who acts."""

    @property
    def in_flight(self) -> int | None:
        """Requests under way; None: nobody counts them."""

    @property
    def connections(self) -> int | None:
        """Open ones; None: nobody counts them."""


class Observer:
    """Watches one performance, this process's loop and its clock."""

    def __init__(self, rush: Performance, clock: ClockOffset | None = None) -> None:
        self._rush = rush
        self._clock = clock or ClockOffset()
        self._lag_s = 0.0
        self._due_s = math.inf
        """When the measurement under way would end on an idle loop; inf: there is none."""
        self._arrived = 0

    def watch_loop(self) -> None:
        """Measure how late a 10 ms sleeper and then an answer would be; runs until killed."""
        try:
            while True:
                self._due_s = time.monotonic() + _TICK_S
                gevent.sleep(_TICK_S)
                scheduler().wait_for_turn()
                self._lag_s = max(self._lag_s, time.monotonic() - self._due_s)
        finally:
            self._due_s = math.inf

    def status(self) -> Status:
        """Take a sample."""
        rush, recorder = self._rush, self._rush.recorder
        now_ns = time.time_ns()
        recorder.count()
        in_flight = rush.in_flight
        if in_flight is not None:
            in_flight -= recorder.unsent
        recorder.seconds.arrived(rush.census.began_ns[self._arrived :])
        self._arrived = len(rush.census.began_ns)
        late_s, felt_s, good_s = recorder.recent.percentiles_s()
        # A turn that has not come yet is late already.
        lag_s, self._lag_s = max(self._lag_s, time.monotonic() - self._due_s), 0.0
        counts = rush.census.counts or [0] * len(tables.STUDENT_OUTCOMES)
        return Status(
            generator=recorder.name,
            t_ns=now_ns,
            students=dict(zip(tables.STUDENT_OUTCOMES, counts, strict=True)),
            requests=recorder.requests,
            outcomes=dict(recorder.ends),
            in_flight=in_flight,
            connections=rush.connections,
            unwritten_rows=recorder.unwritten,
            loop_lag_s=round(lag_s, 6),
            late_p99_s=None if late_s is None else round(late_s, 6),
            felt_p99_ms=_ms(felt_s),
            good_p99_ms=_ms(good_s),
            clock_offset_s=self._clock.seconds(),
            meter=recorder.histograms.document(),
            seconds=recorder.seconds.tell(now_ns),
        )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 3)
