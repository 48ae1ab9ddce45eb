"""What the reference app's log says of requests whose answers never reached the generator.

The app logs each answer that took it half a second or longer, with the request's trace id, its
status and where its time went. A student who gave a request up learnt nothing of all that: of such
requests the log is the only one that knows.
"""

import json
import re
from array import array
from binascii import unhexlify
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.records import tables

FILE: Final = "app.jsonl"
MOST_BYTES: Final = 1 << 30
"""So much of a log is searched at most: it has no end of its own."""
UNSAID: Final = -1

_AT_ONCE: Final = 1 << 20
_MOST_STATUS: Final = 999
_LONGEST_US: Final = 2**31 - 1
_SLOW: Final = rb'"message":\s?"slow answer",\s?"trace_id":\s?"%b([0-9a-f]{16})"'
_TOTAL: Final = {"app_us": "duration_ms"}
"""What the log calls otherwise than `Server-Timing` does."""
_FIELDS: Final = {name: _TOTAL.get(name, f"{name.removesuffix('_us')}_ms") for name in tables.TIMES}
_WORDS: Final = {"pool": "pool", "worker": "pid"}


def request_keys(student: NDArray[np.int64], seq: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for each request by its student and the student's request number."""
    return (student + 1 << 32) | seq


@dataclass(frozen=True, slots=True)
class LoggedAnswers:
    """Answers that the app's log tells of: arrays, a place an answer, in the order of `keys`.

    Attributes:
        keys: as `request_keys` gives them, none of them twice.
        status: the HTTP status that the app answered with.
        columns: the columns of `records.tables.TIMINGS`: µs as float, NaN where the log does not
            say, and words, None where it does not.
    """

    keys: NDArray[np.int64]
    status: NDArray[np.int16]
    columns: Mapping[str, NDArray[Any]]

    @classmethod
    def none(cls) -> Self:
        """Return what a run has where nothing was logged, or nobody asked."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int16), {})

    def places(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where the answers to some requests stand here; `UNSAID` where there is none."""
        if not len(self.keys):
            return np.full(len(keys), UNSAID)
        near = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[near] == keys, near, UNSAID)


def read_logged(folder: Path, run: str, wanted: NDArray[np.int64]) -> LoggedAnswers:
    """Return what the app's log says of some requests; a log that cannot be read says nothing.

    Args:
        folder: where the run's logs are.
        run: the run's half of its trace ids (`TraceIds.run`).
        wanted: their keys.
    """
    path = folder / FILE
    if not len(wanted) or not path.is_file():
        return LoggedAnswers.none()
    asked, read = np.sort(wanted), _Lines()
    slow = re.compile(_SLOW % re.escape(run.encode()))
    with suppress(OSError), path.open("rb") as file:
        for block in whole_lines(file, MOST_BYTES):
            found = list(slow.finditer(block))
            keys = np.array([int.from_bytes(unhexlify(each[1])) for each in found], dtype=np.uint64)
            keys = keys.astype(np.int64)
            near = np.minimum(np.searchsorted(asked, keys), len(asked) - 1)
            for place in np.flatnonzero(asked[near] == keys):
                line = _line(block, found[place])
                if line is not None:
                    read.add(int(keys[place]), line)
    return read.answers()


class _Lines:
    """Lines that were read, a few bytes each: of ten million requests most may have one."""

    def __init__(self) -> None:
        self._keys, self._status = array("q"), array("h")
        self._times = {name: array("d") for name in _FIELDS}
        self._codes = {name: array("l") for name in _WORDS}
        self._words: dict[str, dict[str | None, int]] = {name: {} for name in _WORDS}

    def add(self, key: int, line: Mapping[str, Any]) -> None:
        """Add what a request's line says."""
        self._keys.append(key)
        self._status.append(line["status"])
        for name, field in _FIELDS.items():
            self._times[name].append(_time(line, field))
        for name, field in _WORDS.items():
            known = self._words[name]
            self._codes[name].append(known.setdefault(_word(line.get(field)), len(known)))

    def answers(self) -> LoggedAnswers:
        """Return what was read, by the requests' keys; of a request with several lines the last."""
        keys = np.array(self._keys, dtype=np.int64)
        order = np.argsort(keys, kind="stable")
        last = np.append(np.diff(keys[order]) != 0, True)[: len(keys)]
        order = order[last]
        columns: dict[str, NDArray[Any]] = {
            name: np.array(times, dtype=np.float64)[order] for name, times in self._times.items()
        }
        for name, codes in self._codes.items():
            known = np.array([*self._words[name]], dtype=object)
            columns[name] = known[np.array(codes, dtype=np.int64)[order]]
        return LoggedAnswers(keys[order], np.array(self._status, np.int16)[order], columns)


def whole_lines(file: BinaryIO, most: int) -> Iterator[bytes]:
    """Yield a file in blocks of whole lines, so many bytes at most; a line without an end is broken
    off."""
    rest = b""
    while most > 0 and (piece := file.read(min(_AT_ONCE, most))):
        most -= len(piece)
        block = rest + piece
        end = block.rfind(b"\n") + 1
        if end == 0 and len(block) < 4 * _AT_ONCE:
            rest = block
            continue
        whole = end or len(block)
        yield block[:whole]
        rest = block[whole:]
    if rest:
        yield rest


def _line(block: bytes, found: "re.Match[bytes]") -> Mapping[str, Any] | None:
    """Return what a line says, None where it cannot be read or has no status."""
    end = block.find(b"\n", found.end())
    raw = block[block.rfind(b"\n", 0, found.start()) + 1 : end if end >= 0 else len(block)]
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    status = line.get("status") if isinstance(line, dict) else None
    if not isinstance(status, int) or isinstance(status, bool):
        return None
    return line if 0 < status <= _MOST_STATUS else None


def _time(line: Mapping[str, Any], field: str) -> float:
    """Return a duration of a line in µs; NaN where it is no time that can have passed, and where
    some pool was waited for and not named, as in older logs: that wait would seem another's."""
    if line.get("pool_ms") and "pool" not in line:
        return float("nan")
    ms = line.get(field)
    if not isinstance(ms, int | float) or isinstance(ms, bool):
        return float("nan")
    return round(ms * 1000) if 0 <= ms * 1000 <= _LONGEST_US else float("nan")


def _word(said: Any) -> str | None:
    if isinstance(said, int) and not isinstance(said, bool):
        return str(said)
    return said if isinstance(said, str) else None
