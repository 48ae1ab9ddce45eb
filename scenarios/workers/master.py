"""The master of a rush: it gives each worker its share, and has the run directory."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import gevent
from gevent.event import Event
from locust.runners import MasterRunner

from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.timeline import WORKER, WORKER_CLOCK, WORKER_LATE
from dress_rehearsal.scenarios.errors import ScenarioError
from dress_rehearsal.scenarios.last_words import LAST_S, awaited_until, last_for_students_s
from dress_rehearsal.scenarios.loading import load_buyer
from dress_rehearsal.scenarios.performance import steps_of_buyer
from dress_rehearsal.scenarios.recorder import Writer
from dress_rehearsal.scenarios.timetable import draw_timetable
from dress_rehearsal.scenarios.workers.channel import MasterChannel
from dress_rehearsal.scenarios.workers.clocks import ClockApart, Clocks, skew_of
from dress_rehearsal.scenarios.workers.dealing import Dealing
from dress_rehearsal.scenarios.workers.gathering import Gathering
from dress_rehearsal.scenarios.workers.share import (
    CLOCK,
    ENDED,
    OPEN,
    PIECE,
    READY,
    SHARE,
    STATUS,
    STOP,
    digest_of,
    shares,
)

LIVENESS: Final = 20
"""After so many seconds without a heartbeat a worker counts as lost; Locust's own three are fewer
than a loop may be busy for at T-0."""
_LOOK_S: Final = 0.05
_CENSUS_INTERVAL_S: Final = 2.0
_LOG: Final = logging.getLogger(__name__)


class Master:
    """Leads the workers that are there when a rush begins, from their shares to their last word.

    Args:
        channel: what they say comes by it, to `take`.
        dealing: deals to nobody else from now on.
        workers: their ids, in the order of their shares.
        tell: is told, in a sentence, what the user should know.

    Raises:
        PlanError, RecordError, ScenarioError: they cannot play it.
    """

    def __init__(
        self,
        run: RunDirectory,
        plan: Plan,
        people: Sequence[Person],
        url: str,
        runner: MasterRunner,
        channel: MasterChannel,
        dealing: Dealing,
        workers: Sequence[str],
        tell: Callable[[str], None],
    ) -> None:
        if not workers:
            raise ScenarioError(
                "No worker that knows the master's secret is there, so nobody could play."
            )
        self.run, self._runner, self._channel, self._dealing = run, runner, channel, dealing
        self._workers, self._tell = list(workers), tell
        self._students = plan.event.students
        self.status: Callable[[dict[str, Any]], None] = lambda _: None
        """Gets each status of a worker's."""
        self.all_ready = Event()
        """Set once all workers' students stand ready, or are known never to."""
        self.failure: str | None = None
        """What the first worker that was lost, or could not play, said of it."""
        self._ready: set[str] = set()
        self._before: dict[str, ClockApart] = {}
        self._heard_s: dict[str, float] = {}
        """When each worker said something last."""
        timetable = draw_timetable(plan, people)
        self._digest = digest_of(timetable)
        steps = steps_of_buyer(load_buyer(plan))
        self._gathering = Gathering(run, timetable, workers, steps)
        self._census_writer = Writer()
        self._clocks = Clocks(lambda worker, asked: self._send(worker, CLOCK, asked))
        text = (run.path / "plan.toml").read_text(encoding="utf-8")
        self._shares = shares(run.id, plan, text, url, people, timetable, len(workers))
        dealing.begin(workers, self._say_late)

    def deal(self) -> None:
        """Compare the clocks, and give each worker its share; what they say has to be heard by now.

        Raises:
            PlanError: a file that the plan names cannot be read.
        """
        for number, worker in enumerate(self._workers):
            about = self._channel.admitted[worker]
            self.run.stamp(
                "phase",
                WORKER,
                worker=number,
                what=about.words,
                host=about.host,
                timetable=self._digest,
            )
        self._before = self._compare()
        for worker, share in zip(self._workers, self._shares, strict=True):
            self._send(worker, SHARE, share.content())
        self._shares = iter(())  # their people and draws are needed no more

    @property
    def is_over(self) -> bool:
        """Whether nobody is awaited any more, or nothing can be written down."""
        return not self._awaited() or self._gathering.error is not None

    def open_at(self, t0_ns: int) -> None:
        """Tell the workers when T-0 is."""
        self._gathering.opened(t0_ns)
        for worker in self._workers:
            self._send(worker, OPEN, t0_ns)

    def stop(self) -> None:
        """Have the workers stop, and send the rest."""
        for worker in self._awaited():
            self._send(worker, STOP, None)

    def lost(self, worker: str, why: str) -> None:
        """Take in that a worker's process has ended before it said its last."""
        if worker in self._gathering.awaited:
            self._gathering.lost(worker, why)
            self._say_failed(f"{self._name(worker)} is lost: {why}.")
            self._all_ready_or_lost()

    def take(self, worker: str, run: str, kind: str, content: Any) -> None:
        """Take in what a worker says; what is about another run is none of this one's."""
        if run != self.run.id or worker not in self._workers:
            return
        self._heard_s[worker] = time.monotonic()
        if kind == CLOCK:
            self._clocks.take(worker, content)
        elif kind == STATUS:
            self.status(content)
        elif kind == READY:
            self._ready.add(worker)
            self._all_ready_or_lost()
        elif kind == PIECE:
            try:
                self._gathering.piece(worker, content)
            except ValueError as error:
                _LOG.warning("A piece of a worker's is left out: %s.", error)
            self._send(worker, PIECE, None)
        elif kind == ENDED:
            self._gathering.ended(worker, content)
            if content["error"] is not None:
                self._say_failed(f"{self._name(worker)} could not play: {content['error']}")
            self._all_ready_or_lost()

    def keep_census(self) -> None:
        """Write the census every two seconds until killed; runs as a greenlet."""
        while self._gathering.error is None:
            gevent.sleep(_CENSUS_INTERVAL_S)
            error = self._census_writer.do(self._gathering.write_census)
            self._gathering.error = self._gathering.error or error

    def end(self, patience_s: float = LAST_S) -> None:
        """Have the workers stop, wait for the last they have to say, and write it down.

        Args:
            patience_s: how long that may take where the students are few, and longer for a worker
                that still says something: one that is kept from running is slow, and not lost.

        Raises:
            RecordError: it cannot be written.
        """
        self._dealing.end()
        self.stop()
        patience_s += last_for_students_s(self._students, len(self._workers))
        begun_s = time.monotonic()
        while not self.is_over:
            heard_s = [self._heard_s.get(worker, begun_s) for worker in self._awaited()]
            if time.monotonic() >= awaited_until(begun_s, heard_s, patience_s):
                break
            gevent.sleep(_LOOK_S)
        self._compare_again()
        self._census_writer.wait()
        self._gathering.write()

    def _say_failed(self, sentence: str) -> None:
        self.failure = self.failure or sentence
        self._tell(sentence)

    def _all_ready_or_lost(self) -> None:
        if self._ready >= self._gathering.awaited:
            self.all_ready.set()

    def _compare(self) -> dict[str, ClockApart]:
        """Note how far each worker's clock is from this machine's."""
        found = self._clocks.compare(self._workers)
        for worker in self._workers:
            apart = found.get(worker)
            if apart is None:
                self._stamp_clock(worker, error="it did not answer")
            else:
                self._stamp_clock(worker, **_rounded(apart))
        return found

    def _compare_again(self) -> None:
        """Note it once more at the end, with how far they ran apart meanwhile."""
        present = self._present()  # of one that is lost enough is said
        there = [w for w in self._workers if w in present and self._gathering.has_told(w)]
        found = self._clocks.compare(there)
        for worker in there:
            before, apart = self._before.get(worker), found.get(worker)
            if apart is None:
                self._stamp_clock(worker, error="it did not answer at the end")
            elif before is not None:
                skew = skew_of(before, apart)
                ppm, within = round(skew.ppm, 3), round(skew.within_ppm, 3)
                self._stamp_clock(worker, **_rounded(apart), skew_ppm=ppm, skew_within_ppm=within)

    def _stamp_clock(self, worker: str, **detail: Any) -> None:
        number = self._workers.index(worker)
        self.run.stamp("phase", WORKER_CLOCK, worker=number, **detail)
        if "error" in detail:
            _LOG.warning("The clock of worker %d is not known: %s.", number, detail["error"])
            return
        ran = "" if "skew_ppm" not in detail else f", and ran {detail['skew_ppm']:+.1f} ppm apart"
        _LOG.info(
            "The clock of worker %d is %+.3f ms from the master's, give or take %.3f ms%s.",
            *(number, detail["offset_ms"], detail["within_ms"], ran),
        )

    def _say_late(self, worker: str) -> None:
        """Say that a worker joined when all students had been dealt out."""
        self.run.stamp("phase", WORKER_LATE, what=worker)
        self._tell(
            f"Worker {worker} joined when the rush had begun; it plays nobody. Start workers "
            f"before it."
        )

    def _name(self, worker: str) -> str:
        return f"Worker {self._workers.index(worker)} ({self._channel.admitted[worker].words})"

    def _send(self, worker: str, kind: str, content: Any) -> None:
        self._channel.send(worker, self.run.id, kind, content)

    def _awaited(self) -> set[str]:
        """Return the workers that are there and have not ended."""
        return self._present() & self._gathering.awaited

    def _present(self) -> set[str]:
        clients = self._runner.clients
        return {client.id for client in clients.all} - {client.id for client in clients.missing}


def _rounded(apart: ClockApart) -> dict[str, float]:
    return {"offset_ms": round(apart.offset_ms, 3), "within_ms": round(apart.within_ms, 3)}
