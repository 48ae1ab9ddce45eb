"""A clock that is set while a rehearsal goes on: the processes' own, and the kernel's."""

import json
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.chaos.incident import AT_S, judged, under_way
from tests.chaos.perform import Lane, Result, ended
from tests.chaos.right import ENDS_WITHIN_S, PASS, UNDECIDED, Outcome

_STEPPED: Final = Path(__file__).with_name("stepped.py")
_BY_S: Final = 30
_BACK_S: Final = 3600
_NS: Final = 1_000_000_000
_SAID: Final = "clock was set"


def set_forward(lane: Lane, result: Result) -> None:
    """Have the wall clock of every Python process jump forward; the kernel's stamps do not."""
    _set_by(_BY_S, lane, result)


def set_back(lane: Lane, result: Result) -> None:
    """Have it jump back, so far that nobody can wait until it is as late again."""
    _set_by(-_BACK_S, lane, result)


def _set_by(seconds: int, lane: Lane, result: Result) -> None:
    place = lane.place(result.name)
    place.out.mkdir(parents=True)
    offset = place.out / "offset"
    offset.write_text("0")
    interpreter = shim(place.out / "python", offset)
    with under_way(place, command=(str(interpreter), "-m", "dress_rehearsal.rehearsal")) as run:
        run.await_offset(AT_S)
        partial = offset.with_name("offset.partial")
        partial.write_text(str(seconds))
        partial.replace(offset)
        after_s = run.await_end(ENDS_WITHIN_S)
        judged(result, ended(run, after_s), (UNDECIDED,), _SAID)


def shim(path: Path, offset: Path) -> Path:
    """Write an interpreter whose wall clock is off by what the file `offset` says."""
    words = (sys.executable, "-P", str(_STEPPED), str(path), str(offset))
    path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    path.chmod(0o755)
    return path


def stamps_moved(lane: Lane, result: Result) -> None:
    """Move what a healthy run recorded from T+0.5 s on, the kernel too, and judge it again:
    as if the machine's own clock had been set."""
    place = lane.place(result.name)
    with under_way(place) as rehearsal:
        rehearsal.await_offset(AT_S)
        judged(result, ended(rehearsal, rehearsal.await_end(ENDS_WITHIN_S)), (PASS,))
        run = rehearsal.run
        if result.wrongs or run is None:
            return
        move(run, (rehearsal.stamped("t0") or 0) + round(AT_S * _NS), _BY_S * _NS)
        code = rehearsal.judge_again()
        outcome = Outcome(code, rehearsal.verdict(), rehearsal.output(), result.after_s)
        judged(result, outcome, (UNDECIDED,), _SAID)


def move(run: Path, from_ns: int, by_ns: int) -> None:
    """Move every stamp of a run that was taken from a moment on; what was meant stays."""
    taken = ("sent_ns", "first_byte_ns", "done_ns", "read_ns")
    for shard in run.glob("requests/*.parquet"):
        _rewrite(shard, lambda table: _moved(table, taken, from_ns, by_ns))
    for part in run.glob("metrics.parquet/*.parquet"):
        _rewrite(
            part,
            lambda table: _moved(_offsets_moved(table, from_ns, by_ns), ("t_ns",), from_ns, by_ns),
        )
    told, held = ("acked_ns", "issued_ns"), ("granted_ns", "committed_ns")
    _rewrite(run / "students.parquet", lambda table: _moved(table, told, from_ns, by_ns))
    _rewrite(run / "ledger.parquet", lambda table: _moved(table, held, from_ns, by_ns))
    timeline = run / "timeline.jsonl"
    events = [json.loads(line) for line in timeline.read_text().splitlines()]
    for event in events:
        event["t_ns"] += by_ns if event["t_ns"] >= from_ns else 0
    timeline.write_text("".join(f"{json.dumps(event)}\n" for event in events))


def _rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path, compression="zstd", write_page_checksum=True)


def _moved(table: pa.Table, names: Iterable[str], from_ns: int, by_ns: int) -> pa.Table:
    for name in names:
        times = table[name]
        later = pc.fill_null(pc.greater_equal(times, from_ns), False)
        moved = pc.if_else(later, pc.add(times, by_ns), times)
        table = table.set_column(
            table.schema.get_field_index(name), table.schema.field(name), moved
        )
    return table


def _offsets_moved(table: pa.Table, from_ns: int, by_ns: int) -> pa.Table:
    """Move what the clocks were read to be apart, as a step of the wall clock shows in it."""
    names = table["name"].cast("string")
    told = pc.match_substring_regex(names, r"^(generator_)?clock_offset_seconds$")
    later = pc.and_(told, pc.greater_equal(table["t_ns"], from_ns))
    values = pc.if_else(later, pc.add(table["value"], by_ns / _NS), table["value"])
    return table.set_column(
        table.schema.get_field_index("value"), table.schema.field("value"), values
    )
