"""`make bench-memory`: what a student takes in memory, and a rehearsal without any.

The same small plan is rehearsed with few students and with many: what each component's processes
take at most (their resident memory, by the run's samples) is a line through the two. What
the kernel takes for a connection's two ends is in no process: it is read from its slabs while so
many are open and nobody uses them. A further process of the generator shares memory with the
others, so what it takes is the difference that it makes to all of them together, with shared pages
counted once (`Pss` of proc(5)). `rehearse doctor` counts with these numbers.
"""

import argparse
import json
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.crowd import generators_memory
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.scenarios.client.local_address import LocalAddresses

FEW, MANY = 500, 4_000
PROCESSES = (2, 6)
CONNECTIONS = 8_000
COMPONENTS = ("generator", "app", "writeback", "redis", "conductor")
_REHEARSE = (sys.executable, "-m", "dress_rehearsal.rehearsal")
_JUDGED = (0, 3, 99)
_LOOK_S = 0.2


def components_kib(students: int) -> dict[str, float]:
    """Return what the processes of each component took at most, in KiB, with so many students."""
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        many = ("--students", str(students), "--set", f"event.tickets={students * 2 // 5}")
        done = subprocess.run(
            [*_REHEARSE, "run", "smoke", "--no-prometheus", *many, "--out", folder],
            stdout=subprocess.DEVNULL,
            check=False,
        )
        (plan,) = Path(folder).glob("*/plan.toml")
        if done.returncode not in _JUDGED:
            raise SystemExit(f"The rehearsal with {students:,} students came to no verdict.")
        rows = RunDirectory.open(plan.parent).metric_table().to_pandas()
    rows = rows[(rows["name"] == "process_resident_memory_bytes").to_numpy(dtype=bool)]
    component = [json.loads(labels).get("component") for labels in rows["labels"].astype(str)]
    at_once = rows["value"].groupby([component, rows["t_ns"].to_numpy()]).sum() / 1024
    most = at_once.groupby(level=0).max()
    return {name: float(most[name]) for name in COMPONENTS if name in most}


def further_process_mib() -> float:
    """Return what each further process of the generator takes without a student, in MiB."""
    few, many = (_generator_mib(processes) for processes in PROCESSES)
    return (many - few) / (PROCESSES[1] - PROCESSES[0])


def _generator_mib(processes: int) -> float:
    """Return what so many processes and their master take at most together, with few students."""
    most = 0.0
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        several = ("--set", f"generator.processes={processes}")
        process = subprocess.Popen(
            [*_REHEARSE, "run", "smoke", "--no-prometheus", *several, "--out", folder],
            stdout=subprocess.DEVNULL,
        )
        while process.poll() is None:
            most = max(most, generators_memory(process.pid).pss)
            time.sleep(_LOOK_S)
    if process.returncode not in _JUDGED:
        raise SystemExit(f"The rehearsal with {processes} processes came to no verdict.")
    return most


def kernel_kib() -> float:
    """Return what the kernel takes for both ends of an idle connection over loopback, in KiB."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    local, ends = LocalAddresses("127.0.0.1"), []
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as server:
        before = _slab_kib()
        for _ in range(CONNECTIONS):
            client = socket.socket()
            local.bind(client)
            client.connect(server.getsockname())
            ends += [client, server.accept()[0]]
        taken = _slab_kib() - before
    for end in ends:
        end.close()
    return taken / CONNECTIONS


def _slab_kib() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Slab:"))


def main() -> None:
    """Measure, and print a line a component."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write what was measured here")
    options = parser.parse_args()
    few, many = components_kib(FEW), components_kib(MANY)
    each = {name: (many[name] - few[name]) / (MANY - FEW) for name in few}
    base = {name: (few[name] - each[name] * FEW) / 1024 for name in few}
    each["kernel, a connection"], base["kernel, a connection"] = kernel_kib(), 0.0
    further = further_process_mib()
    print(f"{'':24} KiB a student   MiB without any")
    for name, taken in each.items():
        print(f"{name:24} {taken:13.1f} {base[name]:17.1f}")
    print(f"{'together':24} {sum(each.values()):13.1f} {sum(base.values()):17.1f}")
    print(f"{'a further process':24} {'':13} {further:17.1f}")
    if options.json:
        found = {name: {"kib_a_student": each[name], "mib": base[name]} for name in each}
        found["a further process"] = {"kib_a_student": 0.0, "mib": further}
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
