"""The conductor: sets the stage, has the students perform, clears up, and has it judged."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.parse import urlsplit

from compose import EmbeddedStage, ExternalStage, Stage, raise_file_limit
from plans import Person, Plan, read_roster, seeded_people
from records import RunDirectory
from records.collecting import Collecting, Sources
from records.ledger import await_settled, read_ledger
from records.machine import environment
from rehearsal.doctor import fits
from rehearsal.errors import DoesNotFit, GeneratorFailed, RehearsalError
from rehearsal.generator import GeneratorProcess, Line, status_samples
from rehearsal.screen import Screen
from reports.document import Verdict
from reports.report import write_report

_NS: Final = 1_000_000_000
_BREATH_S: Final = 1.0
"""Between fixing T-0 and the first arrival."""
_LAST_WORDS_S: Final = 15.0
"""What the generator may take, after the drain, to write down the rest."""
_SETTLE_S: Final = 10.0
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM)


def rehearse(plan: Plan, runs: Path, screen: Screen, roster: Path | None = None) -> Verdict:
    """Perform a plan and judge it.

    Args:
        runs: the folder that gets the run directory.
        roster: who acts, for a target that has its own people; drawn from the seed otherwise.

    Raises:
        RehearsalError, StageError, RecordError, PlanError: there is no verdict; the message is
            for the user. Nothing that was started is left.
    """
    raise_file_limit()
    reason = fits(plan, runs)
    if reason is not None:
        raise DoesNotFit(reason)
    people = _people(plan, roster)
    run = RunDirectory.create(runs, plan)
    screen.begin(plan, run)
    run.write_json("environment.json", environment())
    with screen:
        try:
            with _signals(_interrupt):
                _perform(plan, run, people, screen)
        except KeyboardInterrupt:
            # While the stage was being set or cleared: whatever there is, is judged.
            _stamp_interruption(run, screen)
        screen.phase("judging")
        with _signals(signal.SIG_IGN):  # seconds, and a report cut in two helps nobody
            return write_report(run)


def _people(plan: Plan, roster: Path | None) -> list[Person]:
    if roster is not None:
        return read_roster(roster)
    if plan.target.stage == "external":
        raise RehearsalError(
            "An external target has its own students: give their credentials with --roster FILE."
        )
    return seeded_people(plan)


def _perform(plan: Plan, run: RunDirectory, people: list[Person], screen: Screen) -> None:
    """Perform between setting and clearing the stage; leaves a run directory to be judged."""
    run.stamp("phase", "stage_starting")
    screen.phase("setting the stage")
    stage: Stage
    if plan.target.stage == "external":
        stage = ExternalStage(plan, run, people)
    else:
        stage = EmbeddedStage(plan, run, people)
    with stage:
        run.stamp("phase", "stage_ready")
        performance = _Performance(plan, run, people, stage, screen)
        performance.play()
        screen.phase("clearing the stage")
    for loss in stage.unclean_stops:
        screen.note(loss.what)
    run.stamp("phase", "torn_down", unclean=[loss.what for loss in stage.unclean_stops])


class _Performance:
    """One rush on one stage, from the students taking their places to the ledger."""

    def __init__(
        self, plan: Plan, run: RunDirectory, people: list[Person], stage: Stage, screen: Screen
    ) -> None:
        self.plan, self.run, self.people = plan, run, people
        self.stage, self.screen = stage, screen
        self.closed = False

    def play(self) -> None:
        stage = self.stage
        with GeneratorProcess(self.run, stage.roster_path, stage.url, stage.marker) as generator:
            self.stage.guardian.watch("generator", generator.pid)
            self._play(generator)
        self.stage.guardian.forget(generator.pid)

    def _play(self, generator: GeneratorProcess) -> None:
        sources = Sources(
            targets_dir=self.stage.targets_dir,
            dsn=self.stage.dsn,
            redis_url=self.stage.redis_url,
            event=self.plan.event.id,
            listen_ports=_ports(self.stage.url),
            components=lambda: [
                *self.stage.components(),
                ("generator", generator.pid),
                ("conductor", os.getpid()),
            ],
        )
        collecting = Collecting(self.run, sources, self.plan.collect.interval)
        try:
            t0_ns = self._take_places(generator)
        except KeyboardInterrupt:
            # Nobody has acted yet: there is nothing to collect, only the reason to keep.
            _stamp_interruption(self.run, self.screen)
            return
        # The servers' counters are read for the first time here: after the preparations, which
        # are requests too, and before the first student acts.
        with collecting:
            try:
                generator.go(t0_ns)
                self._watch(generator, collecting, t0_ns)
            except KeyboardInterrupt:
                _stamp_interruption(self.run, self.screen)
                with _signals(signal.SIG_IGN):
                    self._cut(generator, collecting)
            with _signals(signal.SIG_IGN):  # bounded, and without it nothing can be audited
                self.run.stamp("phase", "performed")
                self._settle(collecting)

    def _take_places(self, generator: GeneratorProcess) -> int:
        """Have every student ready and the sale set to open; gives T-0."""
        self.screen.phase("students take their places")
        generator.await_ready()
        self.run.stamp("phase", "generator_ready")
        lead_ns = round(self.plan.schedule.lead * _NS)
        t0_ns = time.time_ns() + round(_BREATH_S * _NS) + lead_ns
        self.stage.open_at(t0_ns)
        self.run.stamp("phase", "arrivals", t_ns=t0_ns - lead_ns)
        self.run.stamp("t0", "open", t_ns=t0_ns)
        self.screen.t0(t0_ns)
        return t0_ns

    def _watch(self, generator: GeneratorProcess, collecting: Collecting, t0_ns: int) -> None:
        """Follow the performance to its end, noting what is lost on the way."""
        schedule = self.plan.schedule
        closed_ns = t0_ns + round(schedule.sale * _NS)
        limit_ns = closed_ns + round((schedule.drain + _LAST_WORDS_S) * _NS)
        while time.time_ns() < limit_ns:
            line = generator.next_line(0.5)
            self._note_losses()
            if time.time_ns() >= closed_ns and not self.closed:
                self.closed = True
                self.run.stamp("phase", "closed", t_ns=closed_ns)
            if collecting.error is not None:
                raise collecting.error
            if line is None:
                if generator.exit_code is not None:
                    self._note_generator_lost(generator)
                    return
                continue
            if line["kind"] == "done":
                return
            self._take(line, collecting)
        self._note_generator_lost(generator)

    def _take(self, line: Line, collecting: Collecting) -> None:
        if line["kind"] == "error":
            raise GeneratorFailed(str(line["message"]))
        if line["kind"] == "status":
            collecting.add(status_samples(line))
            self.screen.update(line, collecting)

    def _cut(self, generator: GeneratorProcess, collecting: Collecting) -> None:
        """Have the generator stop at once and write down what happened so far."""
        generator.stop()
        deadline = time.monotonic() + _LAST_WORDS_S
        while time.monotonic() < deadline:
            line = generator.next_line(0.5)
            if line is not None and line["kind"] == "done":
                return
            if line is not None:
                self._take(line, collecting)
            elif generator.exit_code is not None:
                return

    def _note_losses(self) -> None:
        for loss in self.stage.lost():
            self.run.stamp("process", loss.name, pid=loss.pid, exit=loss.exit_code, what=loss.what)
            self.screen.note(loss.what)

    def _note_generator_lost(self, generator: GeneratorProcess) -> None:
        what = f"The generator ended before the rehearsal did; see {self.run.logs.name}/."
        self.run.stamp(
            "process", "generator", pid=generator.pid, exit=generator.exit_code, what=what
        )
        self.screen.note(what)

    def _settle(self, collecting: Collecting) -> None:
        """Wait for the write-back, read every counter and every store a last time."""
        self.screen.phase("reading the stores")
        begun = time.monotonic()
        settled = await_settled(self.stage.redis_url, self.plan.event.id, _SETTLE_S)
        settle_ms = round((time.monotonic() - begun) * 1e3, 3) if settled else None
        if settled:
            self.run.stamp("phase", "settled", after_ms=settle_ms)
        collecting.final_round()
        self._note_losses()
        students = [person.student for person in self.people]
        read_ledger(
            self.run,
            self.stage.dsn,
            self.stage.redis_url,
            self.plan.event.id,
            students,
            settle_ms=settle_ms,
        )


def _ports(url: str) -> tuple[int, ...]:
    port = urlsplit(url).port
    return () if port is None else (port,)


def _stamp_interruption(run: RunDirectory, screen: Screen) -> None:
    run.stamp("abort", "interrupted", reason="The rehearsal was interrupted before its end.")
    screen.phase("interrupted: keeping what happened so far")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    """Handle Ctrl-C, and SIGTERM as a CI runner sends it, alike, even where a shell has SIGINT
    ignored for what it runs in the background."""
    before = [(number, signal.signal(number, handler)) for number in _ENDINGS]
    try:
        yield
    finally:
        for number, previous in before:
            signal.signal(number, previous)
