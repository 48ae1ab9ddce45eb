"""The generator process: starts it, leads it, hears its status."""

import json
import queue
import signal
import time
from collections.abc import Callable
from typing import Final, Self

from dress_rehearsal.compose import Stage
from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.secrets import resolved, variables_in
from dress_rehearsal.plans.sections.generator import processes_of
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.environment_variables import child_environment, heeded, users_own
from dress_rehearsal.records.http.reach import PROXY_LOGIN
from dress_rehearsal.records.machine import usable_cores
from dress_rehearsal.records.samples import Sample, labels_json
from dress_rehearsal.rehearsal.errors import GeneratorFailedError, ScenarioRefusedError
from dress_rehearsal.rehearsal.generators import Line
from dress_rehearsal.rehearsal.led_process import LedProcess
from dress_rehearsal.scenarios.last_words import master_ends_within_s
from dress_rehearsal.scenarios.memory import FRUGAL
from dress_rehearsal.scenarios.workers.secret import FILE_VARIABLE, VARIABLE

_READY_S: Final = 30.0
_WORKERS_READY_S: Final = 60.0
"""What processes that it starts itself may take, to start and to get ready."""
_READY_A_STUDENT_S: Final = 3e-4
"""… and more for each student: 30 s for 100,000."""
_LAST_WORDS_S: Final = 15.0
"""What it may take, after the drain, to write down the rest where it plays all students itself."""
_LAST_A_STUDENT_S: Final = 1.5e-3
"""… and more for each student: 150 s for 100,000, who may all be cut in a request."""
ENTRY_VARIABLE: Final = "REHEARSE_GATE_TOKEN"
"""Has the token of the entrances."""


class GeneratorProcess:
    """One generator process; leave the context and it is gone.

    Args:
        run: the run directory it records into.
        stage: what its students rush; its guardian ends it should this process die.
    """

    def __init__(self, run: RunDirectory, stage: Stage) -> None:
        self._log = run.logs / "generator.log"
        self._guardian = stage.guardian
        self._lines: queue.Queue[Line | None] = queue.Queue()
        plan = run.plan()
        self._ready_within_s = ready_within_s(plan, stage.url)
        roster = str(stage.roster_path) if plan.load is None else ""
        self._process = LedProcess(
            "dress_rehearsal.scenarios",
            [str(run.path), roster, stage.url],
            child_environment(
                {
                    **of_the_scenario(plan),
                    **of_the_workers(plan),
                    **FRUGAL,
                    ENTRY_VARIABLE: stage.entry_token,
                    **stage.marker,
                }
            ),
            self._log,
            self._hear,
        )
        self._guardian.watch("generator", self._process.pid)
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.end()
        self._guardian.forget(self._process.pid)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.exit_code

    def await_ready(self, note: Callable[[str], None], tell: Callable[[str], None]) -> int:
        """Wait until every student stands ready; return how many processes play them.

        Args:
            note: is told what should not have happened meanwhile.
            tell: is told what should.

        Raises:
            GeneratorFailedError: it ended or took longer than `ready_within_s`.
        """
        deadline = time.monotonic() + self._ready_within_s
        while (line := self.next_line(deadline - time.monotonic())) is not None:
            if line["kind"] == "ready":
                return int(line.get("processes", 1))
            if line["kind"] == "error":
                raise failure_of(line)
            if line["kind"] in ("note", "tell"):
                (note if line["kind"] == "note" else tell)(line["text"])
        what = f"was not ready after {self._ready_within_s:.0f} s"
        if time.monotonic() < deadline:
            what = "ended before it was ready"
        raise GeneratorFailedError(
            f"The generator {what}; the end of {self._log} says why:\n{self.last_words()}"
        )

    def go(self, t0_ns: int) -> None:
        """Fix T-0; the students begin by their timetable."""
        self._tell({"t0_ns": t0_ns})

    def stop(self) -> None:
        """Cut the rush short; what happened so far is still recorded."""
        if not self._stopped:
            self._stopped = True
            self._tell({"stop": True})
            self._process.signal(signal.SIGCONT)  # as somebody may have stopped it

    def next_line(self, within_s: float) -> Line | None:
        """Return its next line; None when there is none within the time, or it has ended."""
        try:
            return self._lines.get(timeout=max(within_s, 0))
        except queue.Empty:
            return None

    def last_words(self) -> str:
        """Return the end of its log, for an error message."""
        return self._process.last_words() or "  (it is empty)"

    def _tell(self, order: Line) -> None:
        self._process.tell(json.dumps(order))

    def _hear(self, line: bytes | None) -> None:
        self._lines.put(None if line is None else json.loads(line))


def ready_within_s(plan: Plan, url: str) -> float:
    """Return how long a generator may take until every student stands ready.

    Args:
        url: where the target answers.
    """
    within_s = _READY_S + plan.generator.workers_within_s
    if _has_workers(plan, url):
        within_s += _WORKERS_READY_S + _READY_A_STUDENT_S * plan.event.students
    return within_s


def last_words_s(plan: Plan, url: str) -> float:
    """Return how long a generator may take, after the drain, to write down the rest.

    Args:
        url: where the target answers.
    """
    students = plan.event.students
    if _has_workers(plan, url):
        return master_ends_within_s(students)
    return _LAST_WORDS_S + _LAST_A_STUDENT_S * students


def _has_workers(plan: Plan, url: str) -> bool:
    return bool(plan.generator.workers) or processes_of(plan, url, usable_cores()) != 1


def of_the_scenario(plan: Plan) -> dict[str, str]:
    """Return the variables that a plan's scenario is given where it is performed."""
    # A plain Locust file is the user's own program: it finds what it finds in their shell.
    own = {} if plan.load is None else users_own()
    return {**own, **_reaching(plan.target)}


def of_the_workers(plan: Plan) -> dict[str, str]:
    """Return the variables by which a generator knows the workers that the plan waits for."""
    return heeded(VARIABLE, FILE_VARIABLE) if plan.generator.workers else {}


def _reaching(target: Target) -> dict[str, str]:
    """Return the variables that its requests need: of the plan's headers, and the proxy's login."""
    named = {name: resolved(f"env:{name}") for name in variables_in(target.headers)}
    return named if target.proxy is None else heeded(PROXY_LOGIN) | named


def failure_of(line: Line) -> GeneratorFailedError:
    """Return the error that an `error` line is about."""
    kind = ScenarioRefusedError if line.get("usage") else GeneratorFailedError
    return kind(str(line["message"]))


def status_samples(status: Line) -> list[Sample]:
    """Return a status line as rows of the metrics table, source `generator`."""
    t_ns = int(status["t_ns"])
    process = str(status["generator"])

    def sample(name: str, value: float, **labels: str) -> Sample:
        words = labels_json(generator=process, **labels)
        return Sample(t_ns, "generator", name, words, float(value))

    offset_s = status["clock_offset_s"]
    return [
        *([] if offset_s is None else [sample("generator_clock_offset_seconds", offset_s)]),
        sample("generator_loop_lag_seconds", status["loop_lag_s"]),
        sample("generator_late_start_seconds", status["late_p99_s"] or 0.0),
        sample("generator_requests_total", status["requests"]),
        *(
            sample(f"generator_{name}", status[name])
            for name in ("in_flight", "connections")
            if status[name] is not None
        ),
        sample("generator_unwritten_rows", status["unwritten_rows"]),
        *(
            sample("generator_students", count, state=state)
            for state, count in status["students"].items()
        ),
    ]
