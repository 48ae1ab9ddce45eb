"""What Locust's users did, taken from its events and handed to the recorder."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.scenarios.busy import is_users_own
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.locustfiles.requests import EventReader
from dress_rehearsal.scenarios.locustfiles.runner import NoticingRunner
from dress_rehearsal.scenarios.recorder import FAILED, OK, Recorder
from dress_rehearsal.scenarios.tallies.histograms import Histograms, edges_of

NOBODY: Final = -1
"""In place of a student and of a journey: null in the table."""
_MOST_EXCEPTIONS: Final = 20


@dataclass(slots=True)
class Users:
    """Locust's users, as the status knows students: none is one of ours, so no story is told."""

    began_ns: list[int] = field(default_factory=list)
    counts: tuple[int, ...] = ()


class LoadRecording:
    """Every request of Locust's as a row; what a `scenarios.status.Observer` watches.

    Args:
        runner: whose requests they are; listens from now on.
        folder: where the user's own code is.
    """

    def __init__(self, run: RunDirectory, plan: Plan, runner: NoticingRunner, folder: Path) -> None:
        self._folder = str(folder)
        self.reader = EventReader()
        self._steps = Steps()
        run.write_steps(self._steps)  # none yet; a run without them is taken for an early one
        histograms = Histograms(self._steps, edges_of(plan))
        self.recorder = Recorder(run, "generator", histograms, self._steps)
        self.recorder.knows_lateness = False
        self.census = Users(runner.begun_ns)
        self.in_flight: int | None = None
        self.connections: int | None = None
        self.exceptions: Counter[str] = Counter()
        """What users' tasks raised, by its words."""
        self._runner = runner
        self._seq = 0
        events: Any = runner.environment.events
        events.request.add_listener(self._ended)
        events.user_error.add_listener(self._raised)

    def _ended(self, **event: Any) -> None:
        told = self.reader.read(event)
        self._runner.heard()
        exchange = Exchange()
        exchange.sent_ns, exchange.done_ns = told.began_ns, told.done_ns
        exchange.bytes_read, exchange.error = told.bytes, told.error
        exchange.answer = Answer(status=told.status)
        self.recorder.record(
            intended_ns=told.began_ns,
            exchange=exchange,
            student=NOBODY,
            seq=self._seq,
            device=0,
            journey=NOBODY,
            step=self._steps.code(told.step),
            outcome=OK if told.error is None else FAILED,
        )
        self._seq += 1

    def _raised(self, exception: Any = None, tb: Any = None, **_: Any) -> None:
        where, frame = "", tb
        while frame is not None:
            if is_users_own(frame.tb_frame.f_code.co_filename, self._folder):
                where = f" (line {frame.tb_lineno} of {_file(frame)})"
            frame = frame.tb_next
        word = f"{type(exception).__name__}{where}"
        if word in self.exceptions or len(self.exceptions) < _MOST_EXCEPTIONS:
            self.exceptions[word] += 1
        else:
            self.exceptions["others"] += 1


def _file(traceback: Any) -> str:
    name: str = traceback.tb_frame.f_code.co_filename
    return name.rpartition("/")[2]
