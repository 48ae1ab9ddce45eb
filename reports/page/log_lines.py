"""What the servers logged of the slowest requests: lines that carry the trace id of one of them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from dress_rehearsal.records.requests.logged import MOST_BYTES, whole_lines
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.page.redacted import redacted, redacted_field
from dress_rehearsal.reports.words import SERVER_PARTS, milliseconds, offset

_MOST_LINES: Final = 3
"""So many lines of one request are shown."""
_LONGEST: Final = 400
"""So many characters of a line are shown."""
_UNSAID: Final = frozenset(
    {"time_ns", "level", "component", "logger", "message", "trace_id", "span_id"}
)
"""Fields that a line begins with, or that say what is known already."""
_TIMES: Final = 1 << 63
"""A time in ns is less."""
_TRACED: Final = re.compile(
    rb"trace[\w.-]{0,20}[\\\"'\s:=\[]{1,8}([0-9a-f]{2}-)?[0-9a-f]{32}(?![0-9a-f])", re.IGNORECASE
)
"""A trace id in a `traceparent`, or under a name that says that it is one."""

_OWN_TIMES: Final = {f"{part}_ms": words for part, words in SERVER_PARTS.items()} | {
    "duration_ms": SERVER_PARTS["app"]
}
"""The reference app's fields of times, in words."""


class _Read(NamedTuple):
    """How lines are read: the ns that times count from, and words for fields of times."""

    zero_ns: int
    named: Mapping[str, str]


@dataclass
class LogLines:
    """The lines found.

    Attributes:
        by_trace: those of each request, `file: words`, in the order of the files; empty lists for
            requests without any.
        files: how many logs were searched.
        traced: whether any line there carries a trace id at all.
        cut: names of files that were searched in part only.
    """

    by_trace: dict[str, list[str]]
    files: int = 0
    traced: bool = False
    cut: list[str] = field(default_factory=list)

    @property
    def found(self) -> int:
        """How many requests have a line."""
        return sum(1 for lines in self.by_trace.values() if lines)


def find_lines(
    folder: Path, traces: Sequence[str], zero_ns: int, *, ours: bool = False
) -> LogLines:
    """Return the lines in a run's logs that carry one of these trace ids.

    Args:
        folder: where the logs are; one that is not there has none.
        zero_ns: T-0 (Unix ns), from which the times in lines are counted.
        ours: whether the reference app wrote them, whose words for times are known.
    """
    named = _OWN_TIMES if ours else {}
    lines = LogLines({trace: [] for trace in traces})
    if not folder.is_dir() or not traces:
        return lines
    wanted = re.compile(b"|".join(re.escape(trace.encode()) for trace in traces))
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".jsonl", ".log") or not path.is_file():
            continue
        lines.files += 1
        try:
            with path.open("rb") as file:
                _search(file, path.name, wanted, lines, _Read(zero_ns, named))
        except OSError:
            lines.cut.append(path.name)
    return lines


def _search(
    file: BinaryIO, name: str, wanted: "re.Pattern[bytes]", lines: LogLines, how: _Read
) -> None:
    for block in whole_lines(file, MOST_BYTES):
        lines.traced = lines.traced or _TRACED.search(block) is not None
        for match in wanted.finditer(block):
            own = lines.by_trace[match[0].decode()]
            begin = block.rfind(b"\n", 0, match.start()) + 1
            end = block.find(b"\n", match.end())
            raw = block[begin : end if end >= 0 else len(block)]
            said = f"{name}: {_words(raw, how, match[0].decode())}"
            if len(own) < _MOST_LINES and said not in own:
                own.append(said)
    if file.tell() >= MOST_BYTES:
        lines.cut.append(name)


def _words(raw: bytes, how: _Read, trace: str) -> str:
    """Return a line as people read it, without what is nobody's business: when, what, its fields.

    Args:
        trace: the id by which the line was found; it stays.
    """
    text = raw.decode("utf-8", "replace").strip()
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return _cut(redacted(text, [trace]))
    when = told.get("time_ns")
    moment = ""
    if isinstance(when, int) and not isinstance(when, bool) and abs(when) < _TIMES:
        moment = f"{offset(round((when - how.zero_ns) / NS_PER_S, 3))}, "
    what = redacted(str(told.get("message", "")), [trace]) or "a line"
    fields = ", ".join(
        _field(key, value, how, trace) for key, value in told.items() if key not in _UNSAID
    )
    return _cut(f"{moment}{what}: {fields}" if fields else f"{moment}{what}")


def _field(key: str, value: Any, how: _Read, trace: str) -> str:
    timed = key in how.named and isinstance(value, int | float) and not isinstance(value, bool)
    if timed and abs(value) < _TIMES:
        return f"{how.named[key]} {milliseconds(value)}"
    return redacted_field(key, value, [trace])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
