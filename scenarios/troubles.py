"""What went wrong with a scenario while it was played: each kind by name, and how often.

A defect of the scenario costs the student that it happens to, and nobody else; but a verdict that
rests on it says so.
"""

import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Final

from dress_rehearsal.plans.visible import visible_line

_MOST_KINDS: Final = 50
_LONGEST: Final = 120
_REST: Final = "others"


class Troubles:
    """Counts what goes wrong.

    Args:
        file: the scenario's, whose lines are named.
    """

    def __init__(self, file: Path) -> None:
        self.counts: Counter[str] = Counter()
        """Each kind of trouble, as words, and how often it was met."""
        self._file = file

    def returned(self, method: str, what: str) -> None:
        """Count a method whose answer says nothing that can be used."""
        self._count(f"{method}() {what}")

    def raised(self, method: str, error: BaseException, answered: str = "") -> None:
        """Count an exception; the first of its kind goes into the log, with the way to it.

        Its message may quote what the target or the roster said, so it is not shown.

        Args:
            answered: the last answer's status and kind; empty where none came.
        """
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename) == self._file]
        at = f", line {lines[-1]} of {self._file.name}" if lines else ""
        on = f", after {answered}" if answered else ""
        kind = visible_line(f"{type(error).__name__} in {method}(){at}{on}")
        if self._count(kind):
            way = "".join(traceback.format_list(frames))
            sys.stderr.write(f"{kind}:\n{way}")

    def _count(self, kind: str) -> bool:
        """Count one kind; return whether it is a new one."""
        kind = kind[:_LONGEST]
        if kind not in self.counts and len(self.counts) >= _MOST_KINDS:
            kind = _REST
        self.counts[kind] += 1
        return self.counts[kind] == 1
