"""`make bench-crowd`: a hundred thousand students from this one machine, by the bundled plan.

A whole rehearsal of `hundred-thousand` on the embedded stage. Counted is whether every student is
in the census, what all processes of the generator take at most (master and workers: with shared
pages once, `Pss` of proc(5), and each process's resident memory, `Rss`, added up), and how far the
workers' clocks were apart. How fast the target answers depends on the machine, and decides nothing.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.timeline import SHARDS_MISSING, WORKER_CLOCK, WORKER_LOST
from dress_rehearsal.reports.words import written

STUDENTS: Final = 100_000
MOST_MIB: Final = 2_000_000_000 / 2**20
"""2 GB."""
_GENERATOR: Final = "dress_rehearsal.scenarios"
_LOOK_S: Final = 2.0
_LASTS_AT_MOST_S: Final = 900.0
_ENDS_WITHIN_S: Final = 300.0
"""What it may take to clear its stage when it is asked to end."""
_JUDGED: Final = (0, 3, 99)


@dataclass
class Memory:
    """What the generator's processes take together, in MiB."""

    processes: int = 0
    pss: float = 0.0
    rss: float = 0.0

    def most(self, other: "Memory") -> "Memory":
        """Return the larger of each."""
        pairs = zip(asdict(self).values(), asdict(other).values(), strict=True)
        return Memory(*(max(pair) for pair in pairs))


def generators_memory(leader: int) -> Memory:
    """Return what the generator's processes take that a process has started, it or its children."""
    taken = Memory()
    for process in psutil.Process(leader).children(recursive=True):
        try:
            if any(word.startswith(_GENERATOR) for word in process.cmdline()):
                used = _smaps(process.pid)
                taken.processes += 1
                taken.pss += used["Pss"] / 1024
                taken.rss += used["Rss"] / 1024
        except (psutil.Error, OSError, KeyError):  # it has ended meanwhile
            continue
    return taken


def _smaps(pid: int) -> dict[str, int]:
    """Return what a process takes, in KiB by the names of proc(5)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}


def rehearsed(options: list[str], folder: Path) -> tuple[Memory, RunDirectory]:
    """Rehearse the plan; return the most that the generator took, and the run.

    Raises:
        SystemExit: it came to no verdict, or lasts too long.
    """
    command = [sys.executable, "-m", "dress_rehearsal.rehearsal", "run", "hundred-thousand"]
    process = subprocess.Popen([*command, "--no-prometheus", "--out", str(folder), *options])
    until_s, most = time.monotonic() + _LASTS_AT_MOST_S, Memory()
    try:
        while process.poll() is None and time.monotonic() < until_s:
            most = most.most(generators_memory(process.pid))
            time.sleep(_LOOK_S)
    finally:
        in_time = process.poll() is not None
        process.terminate()
        try:
            code = process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    if not in_time:
        raise SystemExit(f"The rehearsal lasted over {_LASTS_AT_MOST_S:.0f} s.")
    plans = list(folder.glob("*/plan.toml"))
    if code not in _JUDGED or not plans:
        raise SystemExit("The rehearsal came to no verdict.")
    return most, RunDirectory.open(plans[0].parent)


def main() -> int:
    """Rehearse, print what was found, and return 0 where all students are there within 2 GB."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("--students", type=int, default=STUDENTS)
    parser.add_argument("--json", type=Path, help="also write what was measured here")
    parser.add_argument("--set", action="append", default=[], help="another value of the plan's")
    options = parser.parse_args()
    settings = [f"event.tickets={options.students * 2 // 5}", *options.set]
    given = ["--students", str(options.students)]
    given += [word for each in settings for word in ("--set", each)]
    with tempfile.TemporaryDirectory(prefix="bench-crowd-") as folder:
        most, run = rehearsed(given, Path(folder))
        verdict = json.loads((run.path / "verdict.json").read_text(encoding="utf-8"))
        timeline = list(run.timeline())
        clocks = [event.detail for event in timeline if event.name == WORKER_CLOCK]
        lost = [event.name for event in timeline if event.name in (WORKER_LOST, SHARDS_MISSING)]
        rows = run.request_table().num_rows
    census = verdict["census"]
    counted = sum(count for name, count in census.items() if name != "students")
    found = {
        "students": options.students,
        "census": census,
        "adds_up": counted == options.students == census["students"],
        "requests": rows,
        "generator": asdict(most),
        "kib_a_student": most.pss * 1024 / options.students,
        "all_played": not lost and not census["never_started"],
        "offset_ms": max(
            (abs(each["offset_ms"]) for each in clocks if "offset_ms" in each), default=None
        ),
        "skew_ppm": max(
            (abs(each["skew_ppm"]) for each in clocks if "skew_ppm" in each), default=None
        ),
        "verdict": verdict["verdict"],
        "cores": os.cpu_count(),
    }
    print(f"students {written(options.students)}, requests {written(rows)}: {verdict['verdict']}")
    print(f"census {'adds up' if found['adds_up'] else 'DOES NOT ADD UP'}: {census}")
    if not found["all_played"]:
        print(f"NOT ALL WERE PLAYED: {', '.join(lost) or 'some never started'}")
    print(
        f"generator, {most.processes} processes: {most.pss:,.0f} MiB (Pss; {most.rss:,.0f} Rss), "
        f"{found['kib_a_student']:.1f} KiB a student in all"
    )
    print(f"workers' clocks: {found['offset_ms']} ms and {found['skew_ppm']} ppm apart at most")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    fine = found["adds_up"] and found["all_played"] and most.pss <= MOST_MIB
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
