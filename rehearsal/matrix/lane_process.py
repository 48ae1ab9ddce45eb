"""The leader's side of a lane: starts it, gives it cells, hears its judgements."""

import json
import queue
import signal
from pathlib import Path
from typing import Final

from dress_rehearsal.plans import Cell
from dress_rehearsal.records.environment_variables import ALSO_NAMED_IN, child_environment, heeded
from dress_rehearsal.rehearsal.led_process import LedProcess
from dress_rehearsal.rehearsal.matrix.judgement import Judgement, cell_line

_CLEARS_WITHIN_S: Final = 40.0
"""What a lane may take to cut its cell short and clear its stage."""
_CONDUCTORS: Final = ("HOME", "REDIS_SERVER", ALSO_NAMED_IN)
"""What it heeds as the conductor does: it sets stages and draws figures."""


class LaneProcess:
    """One lane of a matrix, in a session of its own: Ctrl-C is for the leader to handle.

    Args:
        folder: gets the cells' run directories.
        number: sets its log apart from the others'.
        heard: gets this lane with each judgement, and with None when it has ended.
    """

    def __init__(
        self,
        folder: Path,
        number: int,
        heard: "queue.Queue[tuple[LaneProcess, Judgement | None]]",
    ) -> None:
        self.cell: Cell | None = None
        """What it is at."""
        self._log = folder / f"lane-{number}.log"
        self._heard = heard
        self._process = LedProcess(
            "dress_rehearsal.rehearsal.matrix.lane",
            [str(folder)],
            child_environment(heeded(*_CONDUCTORS)),
            self._log,
            self._hear,
        )

    def give(self, cell: Cell) -> None:
        """Have it carry out a cell."""
        self.cell = cell
        self._process.tell(cell_line(cell))

    def dismiss(self) -> None:
        """Let it clear its stage and end, without waiting for that."""
        self._process.dismiss()

    def interrupt(self) -> None:
        """Have it cut its cell short, clear its stage and end, without waiting for that."""
        self._process.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it; its stage's guardian clears what it leaves behind."""
        self._process.signal(signal.SIGKILL)

    def await_end(self) -> None:
        """Wait until it has ended, by SIGKILL if need be."""
        self._process.end(_CLEARS_WITHIN_S)

    def last_words(self) -> str:
        """Return the end of what it wrote to its log, for a sentence."""
        said = self._process.last_words()
        return f"the end of {self._log} says why:\n{said}" if said else f"{self._log} is empty."

    def _hear(self, line: bytes | None) -> None:
        self._heard.put((self, None if line is None else Judgement.read(json.loads(line))))
