"""Who kept the loop busy: the line of the user's own code that ran while nothing else could.

A native thread looks at the loop's thread when the loop has not turned for a while. `time.sleep` is
cooperative under Locust; what is not, such as a long computation or a blocking library, holds up
every user, and every answer that came meanwhile seems slow.
"""

import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

import gevent
from gevent import monkey

_frames: Final = sys._current_frames  # noqa: SLF001 (the only way to see another thread's)
_TURN_S: Final = 0.01
_BUSY_S: Final = 0.1
"""A loop that has not turned for longer than this is busy."""
_LOOK_S: Final = 0.02


class BusyLoop:
    """Watches this thread's loop; begin it from the loop itself.

    Args:
        folder: where the user's own code is.
    """

    def __init__(self, folder: Path) -> None:
        self.longest_s = 0.0
        self.seconds = 0.0
        """How long the loop stood still in all, counting what was longer than 0.1 s."""
        self.places: Counter[str] = Counter()
        """Looks at which a line of the user's was running, as `file.py:12`."""
        self._folder = str(folder)
        self._turned_s = time.monotonic()
        self._over = False
        self._thread = monkey.get_original("threading", "get_ident")()

    @property
    def named_s(self) -> float:
        """For how long of it a line of the user's own was seen to run."""
        return min(self.places.total() * _LOOK_S, self.seconds)

    def watch(self) -> None:
        """Turn with the loop until killed; runs as a greenlet."""
        monkey.get_original("_thread", "start_new_thread")(self._look, ())
        try:
            while True:
                gevent.sleep(_TURN_S)
                now_s = time.monotonic()
                late_s = now_s - self._turned_s - _TURN_S
                self._turned_s = now_s
                if late_s > _BUSY_S:
                    self.seconds += late_s
                    self.longest_s = max(self.longest_s, late_s)
        finally:
            self._over = True

    def _look(self) -> None:
        """Look every 20 ms, on a thread of its own that knows nothing of gevent."""
        sleep = monkey.get_original("time", "sleep")
        while not self._over:
            sleep(_LOOK_S)
            if time.monotonic() - self._turned_s > _BUSY_S:
                place = self._place(_frames().get(self._thread))
                if place is not None:
                    self.places[place] += 1

    def _place(self, frame: FrameType | None) -> str | None:
        """Return the innermost line of the user's own code that is running; None: there is none."""
        while frame is not None:
            name = frame.f_code.co_filename
            if is_users_own(name, self._folder):
                return f"{Path(name).name}:{frame.f_lineno}"
            frame = frame.f_back
        return None


def is_users_own(file: str, folder: str) -> bool:
    """Return whether a file of code is the user's, who works in `folder`, and no package's."""
    return file.startswith(folder) and "site-packages" not in file
