"""The generator process: starts it, leads it, hears its status."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final, Self

from dress_rehearsal.compose import Stage
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.samples import Sample, labels_json
from dress_rehearsal.rehearsal.errors import GeneratorFailedError

_READY_S: Final = 30.0
_LAST_WORDS: Final = 15
_ENTRY_VARIABLE: Final = "REHEARSE_GATE_TOKEN"

Line = dict[str, Any]
"""One line of the generator: `kind` is ready, status, error or done (see scenarios.generator)."""


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
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "dress_rehearsal.scenarios",
                    str(run.path),
                    str(stage.roster_path),
                    stage.url,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, _ENTRY_VARIABLE: stage.entry_token, **stage.marker},
                start_new_session=True,  # Ctrl-C is for the conductor to handle
            )
        self._guardian.watch("generator", self._process.pid)
        self._reader = threading.Thread(target=self._read, name="generator", daemon=True)
        self._reader.start()
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        with suppress(BrokenPipeError):  # it had gone before reading all
            self._process.stdin.close()
        self._process.stdout.close()
        self._guardian.forget(self._process.pid)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def await_ready(self) -> None:
        """Wait until every student stands ready.

        Raises:
            GeneratorFailedError: it ended or took longer than 30 s.
        """
        deadline = time.monotonic() + _READY_S
        while (line := self.next_line(deadline - time.monotonic())) is not None:
            if line["kind"] == "ready":
                return
            if line["kind"] == "error":
                raise GeneratorFailedError(str(line["message"]))
        raise GeneratorFailedError(
            f"The generator was not ready after {_READY_S:.0f} s; the end of {self._log} says "
            f"why:\n{self.last_words()}"
        )

    def go(self, t0_ns: int) -> None:
        """Fix T-0; the students begin by their timetable."""
        self._tell({"t0_ns": t0_ns})

    def stop(self) -> None:
        """Cut the rush short; what happened so far is still recorded."""
        if not self._stopped:
            self._stopped = True
            self._tell({"stop": True})

    def next_line(self, within_s: float) -> Line | None:
        """Return its next line; None when there is none within the time, or it has ended."""
        try:
            return self._lines.get(timeout=max(within_s, 0))
        except queue.Empty:
            return None

    def last_words(self) -> str:
        """Return the end of its log, for an error message."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_LAST_WORDS:]) or "  (it is empty)"

    def _tell(self, order: Line) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended; whoever waits for its lines finds out
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)


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
        sample("generator_late_start_seconds", status["late_p99_s"]),
        sample("generator_requests_total", status["requests"]),
        sample("generator_in_flight", status["in_flight"]),
        sample("generator_connections", status["connections"]),
        sample("generator_unwritten_rows", status["unwritten_rows"]),
        *(
            sample("generator_students", count, state=state)
            for state, count in status["students"].items()
        ),
    ]
