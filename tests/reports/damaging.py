"""Ways to damage a run directory, by name: what the tests of damaged runs do to its files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dress_rehearsal.records import RunDirectory

Damaging = Callable[[RunDirectory], None]


def shard(run: RunDirectory) -> Path:
    """Return the run's first request shard."""
    return min(run.requests.iterdir())


def zeroed(path: Path, count: int = 200) -> None:
    """Have a disk forget so many bytes in the middle of a file."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + count] = bytes(count)
    path.write_bytes(content)


def changed(path: Path, column: str, value: Any, rows: int = 3) -> None:
    """Put a value into a column's first rows, as somebody who edits the file does."""
    table = pq.read_table(path, partitioning=None)
    values = table[column].to_pylist()
    values[:rows] = [value] * rows
    kind = table.schema.field(column).type
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array(values, kind)), path)


def doubled(path: Path) -> None:
    """Put a table's first row there twice."""
    table = pq.read_table(path, partitioning=None)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)


def added(run: RunDirectory, *lines: bytes) -> None:
    """Put lines into the timeline after its first."""
    path = run.path / "timeline.jsonl"
    first, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(b"\n".join([first, *lines, rest]))


def fact(run: RunDirectory, name: str, value: Any) -> None:
    """Change one fact of the machine."""
    path = run.path / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))


def instead(path: Path, make: Callable[[Path], object]) -> None:
    """Put something else in a file's place."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    make(path)


def instead_of(path: Path, name: str) -> None:
    """Give a file another name."""
    path.rename(path.with_name(name))


_OPEN: Final = b'{"t_ns": %d, "kind": "t0", "name": "open", "detail": {}}'

DAMAGE: Final[dict[str, tuple[str, Damaging]]] = {
    "parts of the samples that are gone": (
        "2 parts are missing",
        lambda run: instead_of(min(run.metrics.glob("*.parquet")), "000003.parquet"),
    ),
    "a shard that is gone": ("1 part is missing", lambda run: shard(run).unlink()),
    "a student who is there twice": (
        "1 rows are there twice",
        lambda run: doubled(run.path / "students.parquet"),
    ),
    "a line of null": ("timeline.jsonl: line 2", lambda run: added(run, b"null")),
    "a line of a list": ("timeline.jsonl: line 2", lambda run: added(run, b"[1, 2]")),
    "two lines": ("2 lines cannot be read (lines 2 and 3)", lambda run: added(run, b"x", b"{}")),
    "a T-0 in the far future": ("a time that cannot be", lambda run: added(run, _OPEN % 10**30)),
    "a second T-0": (
        "2 different T-0",
        lambda run: added(run, _OPEN % (run.timeline()[0].t_ns + 1)),
    ),
    "a timeline of zeros": ("line", lambda run: zeroed(run.path / "timeline.jsonl")),
    "a timeline that is a folder": (
        "timeline.jsonl: it cannot be read (it is a folder, not a file)",
        lambda run: instead(run.path / "timeline.jsonl", Path.mkdir),
    ),
    "facts cut short": (
        "environment.json: it is not a JSON object",
        lambda run: (run.path / "environment.json").write_text("{"),
    ),
    "cores in words": ("what it says of cores", lambda run: fact(run, "cores", "two")),
    "ports in a word": (
        "what it says of ip_local_port_range",
        lambda run: fact(run, "ip_local_port_range", "all"),
    ),
    "zeros in a shard": ("requests/", lambda run: zeroed(shard(run))),
    "an empty shard": ("requests/", lambda run: shard(run).write_bytes(b"")),
    "a shard twice": (
        "rows are there twice",
        lambda run: shutil.copy(shard(run), run.requests / "b.parquet"),
    ),
    "a foreign shard": (
        "requests/a.parquet: it cannot be read (it has no column intended_ns)",
        lambda run: pq.write_table(pa.table({"x": [1]}), run.requests / "a.parquet"),
    ),
    "requests as a file": (
        "requests: it cannot be read (Not a directory)",
        lambda run: instead(run.requests, Path.touch),
    ),
    "students that nobody planned": (
        "requests: 3 values cannot be",
        lambda run: changed(shard(run), "student", 10**6),
    ),
    "a time beyond all": (
        "3 values cannot be",
        lambda run: changed(shard(run), "done_ns", 2**63 - 1),
    ),
    "a time before all": (
        "3 values cannot be",
        lambda run: changed(shard(run), "sent_ns", -(2**63)),
    ),
    "an outcome nobody knows": (
        "3 of",
        lambda run: changed(shard(run), "outcome", "perhaps"),
    ),
    "requests without a step": ("3 of", lambda run: changed(shard(run), "step", None)),
    "students in zeros": ("students.parquet", lambda run: zeroed(run.path / "students.parquet")),
    "students without a name": (
        "students.parquet: 3 of",
        lambda run: changed(run.path / "students.parquet", "student", None),
    ),
    "a link to itself": (
        "students.parquet: it cannot be read",
        lambda run: instead(run.path / "students.parquet", lambda path: path.symlink_to(path.name)),
    ),
    "another table": (
        "students.parquet: it cannot be read (it has no column student)",
        lambda run: shutil.copy(min(run.metrics.iterdir()), run.path / "students.parquet"),
    ),
    "a ledger of zeros": ("ledger.parquet", lambda run: zeroed(run.path / "ledger.parquet")),
    "a ledger with holes": (
        "all of it is left out",
        lambda run: changed(run.path / "ledger.parquet", "ticket", None),
    ),
    "samples without labels": (
        "metrics.parquet: 3 values cannot be",
        lambda run: changed(min(run.metrics.iterdir()), "labels", "[]"),
    ),
    "samples of zeros": ("metrics.parquet/", lambda run: zeroed(min(run.metrics.iterdir()))),
}
"""For each kind of damage a part of what is said of it, and what does it."""
