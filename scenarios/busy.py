"""Who kept the loop busy: the line of the user's own code that ran while nothing else could.

A native thread looks at the loop's thread when the loop has not turned for a while. `time.sleep` is
cooperative under Locust; what is not, such as a long computation or a blocking library, holds up
everybody, and whoever was to act meanwhile is late.
"""

import os
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

import gevent
from gevent import monkey

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.tables import LOOP_BUSY

_frames: Final = sys._current_frames  # noqa: SLF001 (the only way to see another thread's)
_TURN_S: Final = 0.01
_BUSY_S: Final = 0.1
"""A loop that has not turned for longer than this is busy."""
_LOOK_S: Final = 0.02
_RAN: Final = 0.25
"""A process that used less of a CPU was not let run, or slept."""
_OURS: Final = str(Path(__file__).parent) + os.sep
"""Where the code is that plays students: a crowd's requests are its work, not the scenario's."""
_MOST_PLACES: Final = 3


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
        """For how many µs of it a line of the user's was running, as `buy() at shop.py:12`."""
        self._folder = str(folder)
        self._turned_s = time.monotonic()
        self._over = False
        self._thread = monkey.get_original("threading", "get_ident")()

    @property
    def named_s(self) -> float:
        """For how long of it a line of the user's own was seen to run."""
        return min(self.places.total() / 1e6, self.seconds)

    def watch(self) -> None:
        """Turn with the loop until killed; runs as a greenlet."""
        monkey.get_original("_thread", "start_new_thread")(self._look, ())
        try:
            while True:
                self._turned_s = time.monotonic()
                gevent.sleep(_TURN_S)
                late_s = time.monotonic() - self._turned_s - _TURN_S
                if late_s > _BUSY_S:
                    self.seconds += late_s
                    self.longest_s = max(self.longest_s, late_s)
        finally:
            self._over = True

    def stamp(self, run: RunDirectory) -> None:
        """Note on the run's timeline how long the loop stood still; nothing where it did not."""
        if self.seconds:
            run.stamp(
                "phase",
                LOOP_BUSY,
                values={
                    "busy_ms": round(self.seconds * 1e3),
                    "named_ms": round(self.named_s * 1e3),
                    "longest_ms": round(self.longest_s * 1e3),
                },
                # A copy, in one go: the thread that looks may be at its last look.
                places=[place for place, _ in self.places.copy().most_common(_MOST_PLACES)],
            )

    def _look(self) -> None:
        """Look every 20 ms, on a thread of its own that knows nothing of gevent.

        Code that lets no other thread run is seen only once it is over, so what is seen counts for
        all the time since the last look; but not where this process hardly had a CPU meanwhile,
        which is nobody's line.
        """
        sleep = monkey.get_original("time", "sleep")
        seen: Counter[str] = Counter()
        turned_s, looked_s, used_s = self._turned_s, time.monotonic(), time.process_time()
        while not self._over:
            sleep(_LOOK_S)
            now_s, cpu_s = time.monotonic(), time.process_time()
            passed_s = now_s - max(looked_s, self._turned_s)
            if cpu_s - used_s < _RAN * passed_s:
                passed_s = min(passed_s, 2 * _LOOK_S)
            looked_s, used_s = now_s, cpu_s
            if self._turned_s != turned_s:
                turned_s = self._turned_s
                seen.clear()
            late_s = now_s - turned_s - _TURN_S
            place = self._place(_frames().get(self._thread)) if late_s > _LOOK_S else None
            if place is not None:
                seen[place] += round(passed_s * 1e6)
            if late_s > _BUSY_S:
                self.places.update(seen)
                seen.clear()

    def _place(self, frame: FrameType | None) -> str | None:
        """Return which line of the user's own code is running, and the method it was called by.

        None: there is none, or it has only asked ours to send something.
        """
        innermost, outermost = None, None
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(_OURS):
                break
            if is_users_own(file, self._folder):
                innermost, outermost = innermost or frame, frame
            frame = frame.f_back
        if innermost is None or outermost is None:
            return None
        line = f"{Path(innermost.f_code.co_filename).name}:{innermost.f_lineno}"
        return f"{outermost.f_code.co_name}() at {line}"


def is_users_own(file: str, folder: str) -> bool:
    """Return whether a file of code is the user's, who works in `folder`, and no package's."""
    own = file.startswith(folder + os.sep) and not file.startswith(_OURS)
    return own and "site-packages" not in file
