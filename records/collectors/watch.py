"""A watch: reads one source at every tick, in a thread of its own."""

import math
import threading
import time
from collections.abc import Callable

from dress_rehearsal.records.samples import Reading, Source, SourceUnreadableError

_RETRY_EVERY_S = 1.0
_JOIN_S = 3.0


class Watch:
    """Reads `source` at `epoch_s + n * interval_s` of the monotonic clock; a late tick is skipped.

    While the source fails it is tried once a second. `newest`, `failure` and `failed` are replaced
    whole by the watch's thread and may be read from any other.
    """

    def __init__(
        self,
        source: Source,
        interval_s: float,
        epoch_s: float,
        deliver: Callable[[Reading], None],
    ) -> None:
        self.name = source.name
        self.newest = Reading(0, (), ())
        self.failure: str | None = None
        self.failed = 0
        self._source = source
        self._interval_s = interval_s
        self._epoch_s = epoch_s
        self._deliver = deliver
        self._longest_s = 0.0
        self._turn = threading.Condition()  # guards the next four
        self._stopping = False
        self._ended = False
        self._asked = 0
        self._answered = 0
        self._thread = threading.Thread(target=self._run, name=f"watch {self.name}", daemon=True)

    def start(self) -> None:
        """Begin with a read at once."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more; the source is closed by its thread."""
        with self._turn:
            self._stopping = True
            self._turn.notify_all()

    def join(self) -> None:
        """Await the end of a stopped watch; its source answers or gives up in that time."""
        self._thread.join(_JOIN_S)

    def ask(self) -> None:
        """Want one more read, begun after this call."""
        with self._turn:
            self._asked += 1
            self._turn.notify_all()

    def answered_by(self, deadline_s: float) -> bool:
        """Return whether the read that was asked for succeeded; awaits it until `deadline_s`."""
        with self._turn:
            wanted = self._asked
            self._turn.wait_for(
                lambda: self._answered >= wanted or self._ended,
                timeout=max(0.0, deadline_s - time.monotonic()),
            )
            return self._answered >= wanted and self.failure is None

    def take_longest_s(self) -> float:
        """Return the longest time one read has taken since this was last called, in seconds."""
        longest_s, self._longest_s = self._longest_s, 0.0
        return longest_s

    def _run(self) -> None:
        try:
            due_s = time.monotonic()
            while (asked := self._await_turn(due_s)) is not None:
                self._read()
                with self._turn:
                    self._answered = asked
                    self._turn.notify_all()
                due_s = self._next_tick()
        except Exception as error:
            self.failure = f"{self.name} is not read any more: {error!r}"
            self.newest = Reading(0, (), ())
            raise
        finally:
            self._source.close()
            with self._turn:
                self._ended = True
                self._turn.notify_all()

    def _await_turn(self, due_s: float) -> int | None:
        """Wait for the tick, or for somebody asking; None: there is no next turn."""
        with self._turn:
            self._turn.wait_for(
                lambda: self._stopping or self._asked > self._answered,
                timeout=max(0.0, due_s - time.monotonic()),
            )
            return None if self._stopping else self._asked

    def _read(self) -> None:
        begun_s = time.monotonic()
        try:
            reading = self._source.read()
        except SourceUnreadableError as error:
            self.failed += 1
            self.failure = str(error)
            self.newest = reading = error.down
        else:
            self.failure = None
            self.newest = reading
        self._deliver(reading)
        self._longest_s = max(self._longest_s, time.monotonic() - begun_s)

    def _next_tick(self) -> float:
        interval_s = self._interval_s
        if self.failure is not None:
            interval_s *= max(1, round(_RETRY_EVERY_S / interval_s))
        elapsed_s = time.monotonic() - self._epoch_s
        return self._epoch_s + interval_s * (math.floor(elapsed_s / interval_s) + 1)
