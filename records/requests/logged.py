"""What the reference app's log says of requests whose answers never reached the generator.

The app logs each answer that took it half a second or longer, with the request's trace id, its
status and where its time went. A student who gave a request up learnt nothing of all that: of such
requests the log is the only one that knows.
"""

import json
import re
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
    lines: dict[int, Mapping[str, Any]] = {}
    if not len(wanted) or not path.is_file():
        return LoggedAnswers.none()
    asked = frozenset(wanted.tolist())
    slow = re.compile(_SLOW % re.escape(run.encode()))
    with suppress(OSError), path.open("rb") as file:
        for block in whole_lines(file, MOST_BYTES):
            for found in slow.finditer(block):
                key = int.from_bytes(unhexlify(found[1]))
                line = _line(block, found) if key in asked else None
                if line is not None:
                    lines[key] = line
    return _answers(lines)


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


def _answers(lines: Mapping[int, Mapping[str, Any]]) -> LoggedAnswers:
    """Return what lines say, by their requests' keys."""
    keys = sorted(lines)
    own = [lines[key] for key in keys]
    times = {
        name: np.array([_time(line, field) for line in own], dtype=np.float64)
        for name, field in _FIELDS.items()
    }
    words = {
        name: np.array([_word(line.get(field)) for line in own], dtype=object)
        for name, field in _WORDS.items()
    }
    status = np.array([line["status"] for line in own], dtype=np.int16)
    return LoggedAnswers(np.array(keys, dtype=np.int64), status, {**times, **words})


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
