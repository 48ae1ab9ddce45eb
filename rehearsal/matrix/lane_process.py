"""The leader's side of a lane: starts it, gives it cells, hears its judgements."""

import json
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from dress_rehearsal.plans import Cell
from dress_rehearsal.rehearsal.matrix.judgement import Judgement, cell_line

_LAST_WORDS: Final = 15
_CLEARS_WITHIN_S: Final = 40.0
"""What a lane may take to cut its cell short and clear its stage."""


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
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "dress_rehearsal.rehearsal.matrix.lane", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, name=f"lane {number}", daemon=True)
        self._reader.start()

    def give(self, cell: Cell) -> None:
        """Have it carry out a cell."""
        assert self._process.stdin is not None
        self.cell = cell
        with suppress(BrokenPipeError):  # it has ended; that is heard
            self._process.stdin.write(cell_line(cell) + "\n")
            self._process.stdin.flush()

    def dismiss(self) -> None:
        """Let it clear its stage and end, without waiting for that."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def interrupt(self) -> None:
        """Have it cut its cell short, clear its stage and end, without waiting for that."""
        self._process.send_signal(signal.SIGTERM)

    def await_end(self) -> None:
        """Wait until it has ended and nothing of it is left."""
        try:
            self._process.wait(_CLEARS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its stage's guardian clears what it leaves behind
            self._process.wait()
        self._reader.join()
        self.dismiss()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def last_words(self) -> str:
        """Return the end of what it wrote to its log, for a sentence."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        said = "\n".join(f"  {line}" for line in lines[-_LAST_WORDS:])
        return f"the end of {self._log} says why:\n{said}" if said else f"{self._log} is empty."

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._heard.put((self, Judgement.read(json.loads(line))))
        self._heard.put((self, None))
