"""CPU hogs: other programs that keep the machine busy, as a neighbour on it would.

They are nobody's on purpose: they leave the session, are taken over by init, and carry nothing
that tells the stage's processes from others. So each ends by itself when its time is up, whoever
else has ended by then.
"""

import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.pids import ProcessId

MOST: Final = 64
_LONGEST_S: Final = 120.0
_STARTS_S: Final = 10.0
_HOG: Final = """
import os, sys, time
if os.fork():
    os._exit(0)
os.setsid()
print(os.getpid(), flush=True)
os.close(1)
until = time.monotonic() + float(sys.argv[1])
while time.monotonic() < until:
    pass
"""


class Hogs:
    """So many busy programs, until they are ended or their time is up."""

    def __init__(self) -> None:
        self._running: list[ProcessId] = []

    def start(self, number: int, lasts_s: float, environment: Mapping[str, str]) -> None:
        """Start them; they are busy when this returns.

        Raises:
            StageUnusableError: they cannot be started, or are too many.
        """
        if number > MOST:
            raise StageUnusableError(
                f"cpu_hogs: {number} are too many; at most {MOST} are started."
            )
        command = [sys.executable, "-I", "-c", _HOG, str(min(lasts_s, _LONGEST_S))]
        for _ in range(number):
            try:
                said = subprocess.run(
                    command,
                    env=dict(environment),
                    stdout=subprocess.PIPE,
                    stdin=subprocess.DEVNULL,
                    timeout=_STARTS_S,
                    check=True,
                    start_new_session=True,
                ).stdout
                hog = ProcessId.of(int(said))
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                self.end()
                raise StageUnusableError(f"A CPU hog cannot be started: {error}.") from error
            if hog is not None:
                self._running.append(hog)

    def end(self) -> None:
        """End those that still run."""
        for hog in self._running:
            hog.signal(signal.SIGKILL)
        self._running.clear()
