"""`make bench-report`: what a report takes, in time and memory, by how many requests it is of.

A small rehearsal is played, and put side by side with itself until it has so many requests
(`benchmarks.large_run`): audits, counts and figures all have them to look at. Its students look at
the countdown four times a second, so that ten million requests are those of no more students than
a plan may have. Each report is one process, as a user's is, and starts no other: its peak is that
of its resident memory (`VmHWM`). A growth of 1.0 means ten times the CPU time for ten times the
requests.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.large_run import MOST_STUDENTS, multiplied
from dress_rehearsal.records import RunDirectory

SIZES = (100_000, 1_000_000)
LARGE = 10_000_000
GOALS = {1_000_000: (5.0, 762.0), LARGE: (45.0, 1907.0)}
"""Seconds and MiB that a report may take: 800 MB, and 2 GB."""
_REHEARSE = (sys.executable, "-m", "dress_rehearsal.rehearsal")
_PLAYED = (
    *("run", "smoke", "--students", "1000", "--no-prometheus"),
    *("--set", "event.tickets=400", "--set", "schedule.lead=8s", "--set", "schedule.sale=12s"),
    *("--set", "students.countdown_poll=250ms"),
)
_JUDGED = (0, 3, 99)
"""Exit codes of a report that came to a verdict, whichever."""


@dataclass
class Measured:
    """One report."""

    requests: int
    students: int
    shards: int
    wall_s: float
    cpu_s: float
    peak_mib: float


def play(folder: Path) -> RunDirectory:
    """Rehearse in small, for what large runs are made of."""
    done = subprocess.run([*_REHEARSE, *_PLAYED, "--out", str(folder)], check=False)
    found = sorted(folder.glob("*/plan.toml"))
    if done.returncode not in _JUDGED or not found:
        raise SystemExit("The rehearsal that large runs are made of did not come to an end.")
    return RunDirectory.open(found[-1].parent)


def copies(size: int, rows: int, students: int) -> int:
    """Return how often a run of so many requests and students makes one of about `size` requests.

    Raises:
        SystemExit: that would be more students than a plan may have.
    """
    number = max(1, round(size / rows))
    if number * students > MOST_STUDENTS:
        raise SystemExit(
            f"The run has {rows / students:.1f} requests a student: {size:,} of them would be "
            f"those of {number * students:,} students, and a plan has {MOST_STUDENTS:,} at most. "
            f"Give a run with {size / MOST_STUDENTS:.0f} requests a student or more (--run)."
        )
    return number


def measure(run: RunDirectory) -> Measured:
    """Have a run judged by a process of its own."""
    began = time.perf_counter()
    process = subprocess.Popen([*_REHEARSE, "report", str(run.path)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in _JUDGED:
        raise SystemExit(f"The report ended with {process.returncode}.")
    return Measured(
        requests=run.request_table().num_rows,
        students=run.plan().event.students,
        shards=sum(1 for _ in run.requests.iterdir()),
        wall_s=round(wall_s, 2),
        cpu_s=round(used.ru_utime + used.ru_stime, 2),
        peak_mib=round(used.ru_maxrss / 1024, 1),
    )


def table(rows: list[Measured]) -> str:
    """Return what was measured, as people read it."""
    lines = ["   requests   students  shards   wall s    CPU s   peak MiB  growth"]
    growth = [None, *(_growth(one, other) for one, other in pairwise(rows))]
    for row, grown in zip(rows, growth, strict=True):
        shown = "" if grown is None else f"{grown:.2f}"
        goal = next((goal for size, goal in GOALS.items() if 0.9 < row.requests / size < 1.1), None)
        lines.append(
            f"{row.requests:11,} {row.students:10,} {row.shards:7,} {row.wall_s:8.2f} "
            f"{row.cpu_s:8.2f} {row.peak_mib:10.1f}  {shown:>6}"
            + ("" if goal is None else f"   (goal: {goal[0]:g} s, {goal[1]:g} MiB)")
        )
    return "\n".join(lines)


def _growth(one: Measured, other: Measured) -> float:
    """Return how CPU time grew, beside how requests did."""
    return (other.cpu_s / one.cpu_s) / (other.requests / one.requests)


def main() -> None:
    """Measure reports of several sizes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} requests too")
    parser.add_argument("--run", type=Path, help="the run to be multiplied; else one is played")
    parser.add_argument("--json", type=Path, help="also write what was measured here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-report-") as name:
        folder = Path(name)
        small = RunDirectory.open(options.run) if options.run else play(folder / "played")
        rows, students = small.request_table().num_rows, small.plan().event.students
        found = []
        for size in (*SIZES, LARGE) if options.large else SIZES:
            large = multiplied(small, copies(size, rows, students), folder / str(size))
            found.append(measure(large))
            print(table(found[-1:]), flush=True)
        print(f"\n{table(found)}")
        if options.json:
            options.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")


if __name__ == "__main__":
    main()
