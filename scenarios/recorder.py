"""The recorder: every request as one row, written to Parquet shards without stalling the loop.

Rows go into flat typed columns (one append a column, no objects kept). About once a second the
columns are handed to a native thread that writes a shard; Arrow reads them in place. A killed
generator loses at most what it recorded since the last hand-over.
"""

import re
from array import array
from collections.abc import Callable
from typing import Any, Final

import gevent
import numpy as np
import pyarrow as pa
from gevent import get_hub
from gevent.event import AsyncResult

from dress_rehearsal.records import RecordError, RunDirectory, tables
from dress_rehearsal.scenarios.claims import CLAIMING, read_claims
from dress_rehearsal.scenarios.client.connection import Exchange
from dress_rehearsal.scenarios.histograms import Histograms
from dress_rehearsal.scenarios.seconds import COLUMNS, Seconds

OK, REFUSED, FAILED, UNKNOWN = range(4)
"""Positions in `records.tables.OUTCOMES`."""

_TIMING: Final = re.compile(
    rb"(?:^|[,\s])(queue|pool|db_connect|db|redis_connect|redis|external|app)\s*(?:;[^,]*?)?;\s*dur=(\d+(?:\.\d+)?)(?![\d.])"
)
_NAMED: Final = re.compile(rb'(?:^|[,\s])(pool|app)\s*;\s*desc="?([\w.-]{1,64})"?')
_NAMED_COLUMNS: Final = {"pool": b"pool", "worker": b"app"}
"""Columns with a word of `Server-Timing`'s, and the part whose description it is."""
_TIMING_COLUMNS: Final = tuple(
    f"{part}_us"
    for part in ("queue", "pool", "db_connect", "db", "redis_connect", "redis", "external", "app")
)
_ABSENT: Final = -1
_NO_WORD: Final = -2
"""A place that no word has."""
_HAND_OVER_S: Final = 1.0
"""Time between hand-overs."""
_CODE_PER_BITS: Final = {1: "b", 8: "b", 16: "h", 32: "i", 64: "q"}
_CODES: Final = {
    field.name: _CODE_PER_BITS[field.type.bit_width]  # a word's is that of its position
    for field in tables.REQUESTS
    if field.name not in (*_TIMING_COLUMNS, *_NAMED_COLUMNS, *tables.CLAIMS.names)
}
"""Type codes of the columns that are appended to, in the order of `record`'s row."""


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


class Shard:
    """Rows of one hand-over, as typed columns; -1 stands for null until Arrow gets them."""

    __slots__ = ("bodies", "columns", "timings")

    def __init__(self) -> None:
        self.columns: dict[str, array[int]] = {name: array(code) for name, code in _CODES.items()}
        self.timings: list[bytes] = []
        self.bodies: list[bytes] = []
        """Answers that claim something, as they came; of the rest nothing."""

    def __len__(self) -> int:
        return len(self.timings)

    def table(self, errors: list[str]) -> pa.Table:
        """Return the rows as `records.tables.REQUESTS`; `error` counts in the words of `errors`."""
        words = {
            "journey": list(tables.JOURNEYS),
            "step": list(tables.STEPS),
            "outcome": list(tables.OUTCOMES),
            "error": errors,
        }
        arrays = []
        timing = _timings(self.timings)
        made = {**_named(self.timings), **read_claims(self.columns["step"], self.bodies)}
        for field in tables.REQUESTS:
            if field.name in made:
                arrays.append(made[field.name])
                continue
            if field.name in timing:
                values = timing[field.name]
            else:
                values = np.frombuffer(self.columns[field.name], dtype=_CODES[field.name])
            null = values == _ABSENT
            mask = null if null.any() else None
            if field.name in words:
                codes = pa.array(values, mask=mask)
                arrays.append(pa.DictionaryArray.from_arrays(codes, pa.array(words[field.name])))
            elif field.name == "new_connection":
                arrays.append(pa.array(values.astype(np.bool_)))
            else:
                arrays.append(pa.array(values, type=field.type, mask=mask))
        return pa.Table.from_arrays(arrays, schema=tables.REQUESTS)


class Recorder:
    """Takes in every exchange and writes the `requests` table as the run goes.

    Args:
        run: where to write.
        name: this generator process, the first part of its shards' names.
        histograms: count what is handed over, for whoever watches.
    """

    def __init__(self, run: RunDirectory, name: str, histograms: Histograms | None = None) -> None:
        self.error: RecordError | None = None
        """Why writing stopped; rows recorded after that are lost and the run must end."""
        self.requests = 0
        self.ends = dict.fromkeys((*tables.OUTCOMES, tables.ABANDONED), 0)
        """Requests by outcome, those abandoned apart: nobody missed their answers."""
        self.unfed: list[tuple[int, float, int, int, str | None]] = []
        """(step, felt ms, bytes, outcome, error) not yet told to Locust's statistics."""
        self.name = name
        self.histograms = histograms or Histograms()
        """What has been handed over for writing, as histograms."""
        self.begun: list[Exchange] = []
        """Exchanges begun since they were last counted; of each is known when it was sent."""
        self.seconds = Seconds()
        """What was sent and what ended, by the second."""
        self._run = run
        self._shard = Shard()
        self._counted = 0
        """Rows of the shard that `seconds` knows of."""
        self._error_codes: dict[str, int] = {}  # in their order, from 0
        self._written = 0
        self._writer = Writer()
        self._bind()

    def _bind(self) -> None:
        """Look the columns' append methods up once a shard, not once a row."""
        self._appends = tuple(column.append for column in self._shard.columns.values())

    @property
    def unwritten(self) -> int:
        """Rows not yet handed over for writing."""
        return len(self._shard)

    def record(
        self,
        *,
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
        answer = exchange.answer
        error, done_ns = exchange.error, exchange.done_ns
        codes = self._error_codes
        row = (
            intended_ns,
            _ABSENT if exchange.sent_ns is None else exchange.sent_ns,
            _ABSENT if exchange.first_byte_ns is None else exchange.first_byte_ns,
            _ABSENT if done_ns is None else done_ns,
            _ABSENT if exchange.read_ns is None else exchange.read_ns,
            student,
            seq,
            device,
            journey,
            step,
            0 if answer is None else answer.status,
            outcome,
            _ABSENT if error is None else codes.setdefault(error, len(codes)),
            exchange.bytes_read,
            exchange.new_connection,
            _ABSENT if exchange.connect_us is None else exchange.connect_us,
        )
        for append, value in zip(self._appends, row, strict=True):
            append(value)
        self._shard.timings.append(b"" if answer is None else answer.server_timing)
        claims = answer is not None and step in CLAIMING and 200 <= answer.status < 300
        self._shard.bodies.append(answer.claim if answer is not None and claims else b"")
        self.requests += 1
        abandoned = error == tables.ABANDONED
        self.ends[tables.ABANDONED if abandoned else tables.OUTCOMES[outcome]] += 1
        felt_ms = ((done_ns or intended_ns) - intended_ns) / 1e6
        self.unfed.append((step, felt_ms, exchange.bytes_read, outcome, error))

    def count(self) -> None:
        """Count by the second what was sent and what ended since this was last called."""
        begun, self.begun = self.begun, []
        self.seconds.sent(one.sent_ns for one in begun if one.sent_ns is not None)
        # Slices are copies: a column that somebody looks into cannot grow.
        rows = {
            name: np.array(self._shard.columns[name][self._counted :], dtype=np.int64)
            for name in COLUMNS
        }
        self._counted = len(self._shard)
        abandoned = self._error_codes.get(tables.ABANDONED)
        self.seconds.ended(rows, rows["error"] == (_NO_WORD if abandoned is None else abandoned))

    def keep_writing(self) -> None:
        """Hand rows over every interval until killed; runs as a greenlet."""
        while self.error is None:
            gevent.sleep(_HAND_OVER_S)
            self.flush()

    def flush(self) -> None:
        """Write what has been recorded; returns when a native thread has put it on the disk.

        So has then what an earlier call, killed while it waited, had handed over.
        """
        self.error = self.error or self._writer.wait()
        if not len(self._shard) or self.error is not None:
            return
        self.count()
        shard, self._shard, self._counted = self._shard, Shard(), 0
        self._bind()
        number, self._written = self._written, self._written + 1
        # Words are only ever added, so those of now suit every code in the shard.
        self.error = self._writer.do(self._write, shard, number, list(self._error_codes))

    def _write(self, shard: Shard, number: int, errors: list[str]) -> None:
        self.histograms.add(shard.columns, errors)
        name = f"requests/{self.name}-{number:06d}.parquet"
        self._run.write_table(name, shard.table(errors))


def _timings(headers: list[bytes]) -> dict[str, Any]:
    """Read `Server-Timing` values into microseconds, -1 where a part is absent."""
    columns = {name: np.full(len(headers), _ABSENT, dtype=np.int32) for name in _TIMING_COLUMNS}
    for position, header in enumerate(headers):
        for part, milliseconds in _TIMING.findall(header):
            column = columns[f"{part.decode()}_us"]
            column[position] = min(round(float(milliseconds) * 1000), 2**31 - 1)
    return columns


def _named(headers: list[bytes]) -> dict[str, pa.Array]:
    """Read who or what `Server-Timing` names: the pool waited for, the worker that answered."""
    said = [dict(_NAMED.findall(header)) if b"desc" in header else {} for header in headers]
    return {
        column: pa.array([_text(each.get(part)) for each in said], pa.string()).cast(
            tables.REQUESTS.field(column).type
        )
        for column, part in _NAMED_COLUMNS.items()
    }


def _text(word: bytes | None) -> str | None:
    return None if word is None else word.decode()
