"""Programs beside a rehearsal that take its processors and belong to nobody."""

import subprocess
import sys
from signal import SIGKILL
from typing import Final

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.records.environment_variables import child_environment

_BEGINS_WITHIN_S: Final = 10.0
_ENDS_WITHIN_S: Final = 2.0

# The parent ends at once, so that its child is nobody's: no descendant of the rehearsal, none of
# its stage's processes, and without the variable by which those are found.
_HOG: Final = """
import os, sys, time
until_s = time.monotonic() + float(sys.argv[1])
pid = os.fork()
if pid:
    print(pid)
    sys.exit()
os.setsid()
for number in range(3):
    os.close(number)
while time.monotonic() < until_s:
    pass
"""


class CpuHogs:
    """Keeps processors busy; each hog ends by itself, whatever becomes of who started it."""

    def __init__(self) -> None:
        self._hogs: list[ProcessId] = []

    def begin(self, count: int, lasts_s: float) -> None:
        """Have `count` processes compute for `lasts_s` seconds.

        Raises:
            StageUnusableError: they cannot be started; then none runs.
        """
        try:
            for _ in range(count):
                self._hogs.append(_start(lasts_s))
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Kill those that still run."""
        hogs, self._hogs = self._hogs, []
        for hog in hogs:
            hog.signal(SIGKILL)
        for hog in hogs:
            hog.wait(_ENDS_WITHIN_S)


def _start(lasts_s: float) -> ProcessId:
    try:
        started = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _HOG, f"{lasts_s:g}"],
            env=child_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_BEGINS_WITHIN_S,
        )
        hog = ProcessId.of(int(started.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise StageUnusableError(f"No CPU hog can be started: {error}.") from error
    if hog is None:
        raise StageUnusableError("No CPU hog can be started: it ended at once.")
    return hog
