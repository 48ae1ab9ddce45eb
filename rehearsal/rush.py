"""The rush: one performance on one stage, from the students taking their places to the ledger."""

import os
import time
from typing import Final
from urllib.parse import urlsplit

from dress_rehearsal.compose import Stage
from dress_rehearsal.compose.external.opening import t0_from
from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.collectors.collector import Collector, Sources
from dress_rehearsal.records.collectors.own_processes import Household
from dress_rehearsal.records.settle import Settling
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.records.timeline import ABORTED
from dress_rehearsal.rehearsal.connections_in_use import ConnectionsInUse
from dress_rehearsal.rehearsal.fault_schedule import FaultSchedule
from dress_rehearsal.rehearsal.generator_process import (
    GeneratorProcess,
    failure_of,
    last_words_s,
    status_samples,
)
from dress_rehearsal.rehearsal.generators import Generators, Line
from dress_rehearsal.rehearsal.harm import Harm
from dress_rehearsal.rehearsal.incidents import Incidents, stamp_interruption
from dress_rehearsal.rehearsal.monitoring import Monitoring
from dress_rehearsal.rehearsal.served_ports import served_ports
from dress_rehearsal.rehearsal.signals import noticed, uninterruptible
from dress_rehearsal.rehearsal.sold_tickets import SoldTickets
from dress_rehearsal.rehearsal.terminal.screen import Screen

_BREATH_S: Final = 1.0
_LONG_BREATH_S: Final = 5.0
"""Longer than an opening request may take."""
_BUSY: Final = 4.0
"""The breath is at least so many times what fixing T-0 takes."""
_GO_S: Final = 0.1
"""What the generator may take to hear of T-0."""
_GRACE_S: Final = 2.0
"""How long after the drain it is left to end by itself."""
_SILENT_S: Final = 30.0
"""After so long without a word from the generator, four times a second when it is well, nobody
waits for it any more."""
_SILENT_A_STUDENT_S: Final = 1.5e-3
"""… and more for each student: 150 s for 100,000, who may all be cut in a request."""
_UNDER_WAY_S: Final = 1.0
"""What the target may take to finish requests that the generator cut short."""


class Rush:
    """One performance on one stage, from the students taking their places to the ledger.

    Args:
        people: the roster.
        breath_s: from fixing T-0 to the first arrival, on a machine that is not busy otherwise.
        monitoring: where it is shown to Prometheus, if it is.
        leader: pid of the process that leads this one and others like it, if one does.
    """

    def __init__(
        self,
        plan: Plan,
        run: RunDirectory,
        people: list[Person],
        stage: Stage,
        screen: Screen,
        *,
        breath_s: float = _BREATH_S,
        monitoring: Monitoring | None = None,
        leader: int | None = None,
    ) -> None:
        self.interrupted = False
        """Whether the user cut it short."""
        self._plan, self._run, self._people = plan, run, people
        self._stage, self._screen = stage, screen
        self._sold = SoldTickets(plan, run, stage, people)
        self._breath_s = breath_s
        self._monitoring = monitoring
        self._leader = leader
        self._harm = Harm(plan.abort)
        self._harm_done: str | None = None
        """Why the plan has the rush stopped."""
        self._closed = False
        self._last_words_s = last_words_s(plan, stage.url)
        self._silent_s = _SILENT_S + _SILENT_A_STUDENT_S * plan.event.students
        self._generators = Generators()
        self._connections = ConnectionsInUse(plan)
        self._incidents = Incidents(run, stage, screen, monitoring)

    def perform(self, generator: GeneratorProcess) -> None:
        """Have the generator's students rush the stage, and leave a run directory to be judged.

        Raises:
            RehearsalError, StageError, RecordError: it broke off; the message says why.
        """
        monitoring = self._monitoring

        def components() -> list[tuple[str, int]]:
            return [
                *self._stage.components(),
                *([] if monitoring is None else monitoring.components()),
                ("generator", generator.pid),
                ("conductor", os.getpid()),
            ]

        sources = Sources(
            targets_dir=self._stage.targets_dir,
            dsn=self._stage.dsn,
            redis_url=self._stage.redis_url,
            event=self._plan.event.id,
            listen_ports=_ports(self._stage.url),
            components=components,
            containers=self._stage.containers,
            household=Household(
                roots=lambda: [*(pid for _, pid in components()), self._leader or os.getpid()],
                marker=self._stage.marker,
                # What listens on a stage of our own is among the components.
                ports=served_ports(self._plan, self._stage.dsn, self._stage.redis_url),
            ),
            metrics=self._plan.metrics,
        )
        collector = Collector(
            self._run,
            sources,
            self._plan.collect.interval,
            None if monitoring is None else monitoring.targets_file.write,
        )
        if monitoring is not None:
            monitoring.exporter.follow(collector)
        try:
            t0_ns = self._take_places(generator)
        except KeyboardInterrupt:
            # Nobody has acted yet: there is nothing to collect, only the reason to keep.
            self._interrupt()
            return
        # The servers' counters are read for the first time here: after the preparations, which
        # are requests too, and before the first student acts.
        with collector:
            self._rush(generator, collector, t0_ns)
            with uninterruptible():  # bounded, and without it nothing can be audited
                self._run.stamp("phase", "performed")
                self._settle(collector)

    def _rush(self, generator: GeneratorProcess, collector: Collector, t0_ns: int) -> None:
        faults = FaultSchedule(self._plan, self._stage, self._run, self._screen.tell)
        try:
            # What a counter had counted before it was first read would be taken for the students'.
            arrivals_s = t0_ns / NS_PER_S - self._plan.schedule.lead
            collector.read_all(timeout_s=max(arrivals_s - time.time() - _GO_S, 0.0))
            generator.go(t0_ns)
            faults.begin(t0_ns)
            self._watch(generator, collector, t0_ns)
            self._connections.await_rest(collector)
        except KeyboardInterrupt:
            self._interrupt()
            with uninterruptible():
                self._cut(generator, collector)
        finally:
            with uninterruptible():  # whatever is down has to be up again to be read
                faults.end()

    def _interrupt(self) -> None:
        self.interrupted = True
        stamp_interruption(self._run, self._screen)

    def _take_places(self, generator: GeneratorProcess) -> int:
        """Have every student ready and the sale set to open; return T-0."""
        students = self._plan.load is None
        self._screen.phase("students take their places" if students else "loading the Locust file")
        number = generator.await_ready(self._screen.note, self._screen.tell)
        self._generators = Generators(number)
        self._run.stamp("phase", "generator_ready")
        self._sold.look_before()
        begun_s = time.monotonic()
        if self._plan.target.opening is None:
            t0_ns = self._open_after(max(self._breath_s, self._sold.breath_s))
            busy_s = _BUSY * (time.monotonic() - begun_s)
            if busy_s > self._breath_s:  # everything takes its time here: so will the first reading
                t0_ns = self._open_after(busy_s)
        else:  # a target of somebody else's is told once, so with a breath that is long enough
            t0_ns = self._open_after(_LONG_BREATH_S)
        lead_ns = round(self._plan.schedule.lead * NS_PER_S)
        self._sold.look_again(t0_ns - lead_ns)
        self._run.stamp("phase", "arrivals", t_ns=t0_ns - lead_ns)
        self._run.stamp("t0", "open", t_ns=t0_ns)
        self._screen.t0(t0_ns)
        return t0_ns

    def _open_after(self, breath_s: float) -> int:
        """Have the sale open as long after the first arrival as the plan says; return T-0."""
        earliest_ns = time.time_ns() + round((breath_s + self._plan.schedule.lead) * NS_PER_S)
        t0_ns = t0_from(self._plan, earliest_ns)
        self._stage.open_at(t0_ns)
        return t0_ns

    def _watch(self, generator: GeneratorProcess, collector: Collector, t0_ns: int) -> None:
        """Follow the performance to its end, noting what is lost on the way."""
        schedule = self._plan.schedule
        closed_ns = t0_ns + round(schedule.sale * NS_PER_S)
        # By a clock that nobody sets: put back by an hour, the other would make the rush last one.
        heard_s = time.monotonic()
        closed_s = heard_s + (closed_ns - time.time_ns()) / NS_PER_S
        drained_s = closed_s + schedule.drain
        ended_s = drained_s + self._last_words_s
        while (now_s := time.monotonic()) < min(ended_s, heard_s + self._silent_s):
            if now_s > drained_s + _GRACE_S:
                generator.stop()  # it goes by the other clock
            over = generator.exit_code is not None
            line = generator.next_line(0.5)
            while line is not None:  # several, where the rest of a round took its time
                heard_s = time.monotonic()
                if line["kind"] == "done":
                    return
                self._take(line, collector)
                line = generator.next_line(0)
            if self._harm_done is not None:
                self._run.stamp("abort", ABORTED, reason=self._harm_done)
                self._screen.note(f"Stopped: {self._harm_done}")
                self._cut(generator, collector)
                return
            self._incidents.note(collector)
            self._connections.note(collector)
            if now_s >= closed_s and not self._closed:
                self._closed = True
                self._run.stamp("phase", "closed", t_ns=closed_ns)
            if collector.error is not None:
                raise collector.error
            if over:
                break
        self._incidents.note_generator_lost(generator)

    def _take(self, line: Line, collector: Collector) -> None:
        if line["kind"] == "error":
            raise failure_of(line)
        if line["kind"] == "note":
            self._screen.note(line["text"])
        if line["kind"] == "status":
            collector.add(status_samples(line))
            if self._monitoring is not None:
                self._monitoring.exporter.take(line)
            together = self._generators.together(line)
            if together is not None:
                self._screen.update(together, collector)
            self._harm_done = self._harm_done or self._harm.found(
                line["generator"], line["seconds"]
            )

    def _cut(self, generator: GeneratorProcess, collector: Collector) -> None:
        """Have the generator stop at once and write down what happened so far."""
        generator.stop()
        deadline = time.monotonic() + self._last_words_s
        while time.monotonic() < deadline:
            line = generator.next_line(0.5)
            if line is not None and line["kind"] == "done":
                return
            if line is not None:
                self._take(line, collector)
            elif generator.exit_code is not None:
                return

    def _settle(self, collector: Collector) -> None:
        """Wait until the stores agree, read every counter and every store a last time."""
        if self._plan.load is None:
            self._screen.phase("waiting until the stores agree")
        if (
            self._generators.on_the_way
        ):  # what was under way may still be sold: until then stores agree too
            time.sleep(_UNDER_WAY_S)
        begun = time.monotonic()
        with noticed() as asked_to_end:
            settling = self._sold.settle(at_once=self.interrupted, enough=asked_to_end)
        if self._plan.load is None:
            self._screen.phase("reading the stores")
        after_ms = round((time.monotonic() - begun) * 1e3, 3)
        settle_ms = after_ms if settling is Settling.AGREED else None
        if settling is Settling.AGREED:
            self._run.stamp("phase", "settled", after_ms=after_ms)
        elif settling is Settling.GROWING:
            self._run.stamp("phase", "unsettled", after_ms=after_ms)
        collector.read_all()
        self._incidents.note_last(collector)
        self._sold.keep(settle_ms)


def _ports(url: str) -> tuple[int, ...]:
    port = urlsplit(url).port
    return () if port is None else (port,)
