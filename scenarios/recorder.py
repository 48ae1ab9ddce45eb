"""The recorder: every request as one row, written to Parquet shards without stalling the loop.

About once a second the rows are handed to a native thread that takes them apart into columns and
writes a shard. A killed generator loses at most what it recorded since the last hand-over.
"""

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import gevent
import numpy as np
from gevent import get_hub
from gevent.event import AsyncResult
from numpy.typing import NDArray

from dress_rehearsal.records import RecordError, RunDirectory, tables
from dress_rehearsal.records.steps import STREAM, Steps
from dress_rehearsal.scenarios.answers.claims import CLAIMING, is_page
from dress_rehearsal.scenarios.answers.vocabulary import Vocabulary
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.client.limits import LONGEST_TIMING
from dress_rehearsal.scenarios.shard import ABSENT, ROW, Shard
from dress_rehearsal.scenarios.tallies.histograms import Histograms
from dress_rehearsal.scenarios.tallies.recent import Recent
from dress_rehearsal.scenarios.tallies.seconds import COLUMNS, Seconds

OK, REFUSED, FAILED, UNKNOWN = range(4)
"""Positions in `records.tables.OUTCOMES`."""

_pack: Final = ROW.pack
_NO_WORD: Final = -2
"""A place that no word has."""
_HAND_OVER_S: Final = 1.0
"""Time between hand-overs."""
_SWITCH_INTERVAL_S: Final = 1e-5
"""How long a thread that writes shards may keep the loop from going on. At Python's usual 5 ms each
call of the system lost that much while a shard was being written: 5,000 instead of 21,000 a second.
"""
_LARGEST_BYTES: Final = 2**31 - 1


class Writer:
    """Does one write after the other, also when whoever waited for one was killed meanwhile."""

    def __init__(self) -> None:
        self._last: AsyncResult[RecordError | None] | None = None

    def do(self, write: Callable[..., None], *arguments: Any) -> RecordError | None:
        """Call `write` in a native thread once nothing else is being written.

        Returns:
            What went wrong with the record, None where nothing did.
        """
        self.wait()
        self._last = get_hub().threadpool.spawn(self._attempt, write, *arguments)
        return self.wait()

    def wait(self) -> RecordError | None:
        """Wait for the last write and return what went wrong; None where there was none."""
        return None if self._last is None else self._last.get()

    @staticmethod
    def _attempt(write: Callable[..., None], *arguments: Any) -> RecordError | None:
        try:
            write(*arguments)
        except RecordError as error:
            return error
        return None


class Recorder:
    """Takes in every exchange and writes the `requests` table as the run goes.

    Args:
        run: where to write.
        name: this generator process, the first part of its shards' names.
        histograms: count what is handed over, for whoever watches.
        steps: what `step` counts in, which may grow; by default the bundled ticket open's.
    """

    def __init__(
        self,
        run: RunDirectory,
        name: str,
        histograms: Histograms | None = None,
        steps: Steps | None = None,
    ) -> None:
        self.steps = Steps.ticket_open() if steps is None else steps
        self._claiming = CLAIMING if self.steps.claims else frozenset()
        """Roles of the steps whose answers claim something."""
        self._steps_written: tuple[str, ...] = ()
        self.error: RecordError | None = None
        """Why writing stopped; rows recorded after that are lost and the run must end."""
        self.requests = 0
        """Rows that have been counted."""
        self.ends = dict.fromkeys((*tables.OUTCOMES, tables.ABANDONED), 0)
        """Requests by outcome, those abandoned apart: nobody missed their answers."""
        self.unfed: list[tuple[int, float, int, int, str | None]] | None = None
        """(step, felt ms, bytes, outcome, error) not yet told to Locust's statistics; None: nobody
        reads those."""
        self.name = name
        self.histograms = histograms or Histograms(self.steps)
        """What has been handed over for writing, as histograms."""
        self.begun: set[Exchange] = set()
        """Exchanges that have begun, and are neither recorded nor counted as sent yet."""
        self.unsent = 0
        """Those of them that were prepared, and not sent, when last was counted."""
        self.knows_lateness = True
        """Whether it is known when requests were meant to be sent."""
        self.recent = Recent()
        """How late they were sent, and how long answers took."""
        self.seconds = Seconds(self.steps)
        """What was sent and what ended, by the second."""
        self._run = run
        self._shard = Shard()
        self._counted = 0
        """Rows of the shard that `seconds` knows of."""
        self._counted_before: list[int] = []
        """Further rows, of exchanges that were counted as sent while they were under way."""
        self.lost: Counter[str] = Counter()
        """Values that the target said and that cannot be kept, by their names."""
        self._unkept: Counter[str] = Counter()
        """… those of them that are found while writing."""
        self._errors = Vocabulary()
        self._words = {"told_state": Vocabulary()}
        self._written = 0
        self._writer = Writer()

    def fail(self, error: RecordError | None) -> None:
        """Take in why something could not be written down, if so; the first reason stays."""
        self.error = self.error or error

    @property
    def unwritten(self) -> int:
        """Rows not yet handed over for writing."""
        return len(self._shard)

    def record(
        self,
        intended_ns: int,
        exchange: Exchange,
        student: int,
        seq: int,
        device: int,
        journey: int,
        step: int,
        outcome: int,
    ) -> None:
        """Add one request. Called on the loop, so it only appends numbers."""
        answer, error, shard = exchange.answer, exchange.error, self._shard
        sent_ns, first_byte_ns = exchange.sent_ns, exchange.first_byte_ns
        done_ns, read_ns, connect_us = exchange.done_ns, exchange.read_ns, exchange.connect_us
        status = 0 if answer is None else answer.status
        if error is not None:
            error = self._word(error, answer)
        shard.rows += _pack(
            intended_ns,
            ABSENT if sent_ns is None else sent_ns,
            ABSENT if first_byte_ns is None else first_byte_ns,
            ABSENT if done_ns is None else done_ns,
            ABSENT if read_ns is None else read_ns,
            student,
            seq,
            device,
            journey,
            step,
            status,
            outcome,
            ABSENT if error is None else self._errors.code(error),
            size if (size := exchange.bytes_read) < _LARGEST_BYTES else _LARGEST_BYTES,
            exchange.new_connection,
            ABSENT if connect_us is None else connect_us,
        )
        timing = body = b""
        if answer is not None:
            timing = answer.server_timing
            if len(timing) > LONGEST_TIMING:
                self.lost["Server-Timing"] += 1
                timing = b""
            if 200 <= status < 300 and self.steps.roles[step] in self._claiming:
                body = self._claim(answer)
        self.begun.discard(exchange)
        if exchange.is_counted:
            self._counted_before.append(len(shard.timings))
        shard.timings.append(timing)
        shard.bodies.append(body)
        if self.unfed is not None:
            felt_ms = ((done_ns or intended_ns) - intended_ns) / 1e6
            self.unfed.append((step, felt_ms, exchange.bytes_read, outcome, error))

    def _word(self, error: str, answer: Answer | None) -> str:
        """Return a word as it can be kept: an answer's own only while there is room for more."""
        if answer is None or self._errors.has_room_for(error):
            return error
        self.lost["code"] += 1
        return f"http_{answer.status}"

    def _claim(self, answer: Answer) -> bytes:
        """Return an answer to be looked into, empty where there is no room for it."""
        claim, shard = answer.claim, self._shard
        if len(claim) > shard.room or not answer.whole_body:
            self.lost["answer"] += not is_page(claim)
            return b""
        shard.room -= len(claim)
        return claim

    def count(self) -> None:
        """Count by the second what was sent and what ended since this was last called."""
        columns = self._shard.columns(self._counted)
        rows = {name: columns[name].astype(np.int64) for name in (*COLUMNS, "sent_ns")}
        are_new = rows["sent_ns"] != ABSENT
        are_new[np.array(self._counted_before, dtype=np.int64) - self._counted] = False
        self._counted, self._counted_before = len(self._shard), []
        under_way = self._sent_by_now()
        sent_ns = np.concatenate([rows["sent_ns"][are_new], under_way[:, 0]])
        if len(sent_ns):
            self.seconds.sent(sent_ns)
        if len(sent_ns) and self.knows_lateness:
            intended_ns = np.concatenate([rows["intended_ns"][are_new], under_way[:, 1]])
            self.recent.sent(sent_ns - intended_ns)
        self._count_ended(rows)

    def _sent_by_now(self) -> NDArray[np.int64]:
        """Return when exchanges under way were sent and meant to be, of those that were since."""
        sent = [one for one in self.begun if one.sent_ns is not None]
        self.begun.difference_update(sent)  # in a crowd most wait long: each is looked at once
        for one in sent:
            one.is_counted = True
        # The others are prepared, or have ended and never were sent.
        self.unsent = sum(one.done_ns is None for one in self.begun)
        times = [(one.sent_ns, one.intended_ns) for one in sent]
        return np.array(times, dtype=np.int64).reshape(-1, 2)

    def _count_ended(self, rows: Mapping[str, NDArray[np.int64]]) -> None:
        code = self._errors.words.get(tables.ABANDONED)
        abandoned = rows["error"] == (_NO_WORD if code is None else code)
        streams = self.steps.are(rows["step"], STREAM)
        self.seconds.ended(rows, streams, abandoned)
        self.recent.ended(rows, ~(streams | abandoned))
        self.requests += len(abandoned)
        self.ends[tables.ABANDONED] += int(abandoned.sum())
        ends = np.bincount(rows["outcome"][~abandoned], minlength=len(tables.OUTCOMES))
        for name, count in zip(tables.OUTCOMES, ends.tolist(), strict=True):
            self.ends[name] += count

    def keep_writing(self) -> None:
        """Hand rows over every interval until killed; runs as a greenlet."""
        usual_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        try:
            while self.error is None:
                gevent.sleep(_HAND_OVER_S)
                self.flush()
        finally:
            sys.setswitchinterval(usual_s)

    def flush(self) -> None:
        """Write what has been recorded; returns when a native thread has put it on the disk.

        So has then what an earlier call, killed while it waited, had handed over.
        """
        if self.error is None:
            self.fail(self._writer.wait())
        if not len(self._shard) or self.error is not None:
            return
        self.count()
        shard, self._shard, self._counted = self._shard, Shard(), 0
        number, self._written = self._written, self._written + 1
        # Words are only ever added, so those of now suit every code in the shard.
        self.fail(self._writer.do(self._write, shard, number, list(self._errors.words)))

    def _write(self, shard: Shard, number: int, errors: list[str]) -> None:
        self.histograms.add(shard.columns(), errors)
        table = shard.table(self.steps, errors, self._words, self._unkept)
        known = (*self.steps.names, *self.steps.roles)
        if known != self._steps_written:
            self._run.write_steps(self.steps)
            self._steps_written = known
        self._run.write_table(f"requests/{self.name}-{number:06d}.parquet", table)

    @property
    def losses(self) -> dict[str, int]:
        """How many values the target said that could not be kept, by their names."""
        return dict(sorted((+(self.lost + self._unkept)).items()))

    def stamp_losses(self) -> None:
        """Keep on the timeline how many values the target said that could not be kept, if any.

        Raises:
            RunDirectoryUnusableError: it cannot be written.
        """
        if self.losses:
            self._run.stamp("phase", tables.NOT_KEPT, values=self.losses)
