"""Real cgroups: what the kernel throttles is seen as it is, and whose CPU it was."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dress_rehearsal.records.collectors import containers as module
from dress_rehearsal.records.collectors.cgroup_files import USAGE, cpu_use, memory
from dress_rehearsal.records.collectors.cgroups import Cgroup
from dress_rehearsal.records.collectors.containers import Containers
from dress_rehearsal.records.collectors.own_processes import Household, OwnProcesses
from dress_rehearsal.records.collectors.process_table import read_process_table
from dress_rehearsal.records.samples import Reading

CPU, CPUACCT = (Path("/sys/fs/cgroup") / name for name in ("cpu", "cpuacct"))
BURN = "while True: pass"
BURNT_S = 0.1
SHORT = """
import subprocess, sys
burn = "import time; end = time.process_time() + 0.05\\nwhile time.process_time() < end: pass"
while True:
    subprocess.run([sys.executable, "-S", "-c", burn])
"""


def can_make() -> bool:
    """Whether a cgroup of version 1 can be made here."""
    return sys.platform == "linux" and os.access(CPU, os.W_OK) and (CPU / "cgroup.procs").exists()


pytestmark = pytest.mark.skipif(not can_make(), reason="no cgroup of version 1 can be made here")


@pytest.fixture
def group() -> Iterator[Path]:
    """A cgroup that limits CPU, and one that counts it; gone afterwards with all in them."""
    folders = {(tree / f"rehearsal-tests-{os.getpid()}").resolve() for tree in (CPU, CPUACCT)}
    for folder in folders:  # one where both are one tree
        folder.mkdir()
    try:
        yield CPU / f"rehearsal-tests-{os.getpid()}"
    finally:
        for folder in folders:
            _remove(folder)


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for pid in (folder / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with suppress(OSError):
            folder.rmdir()
            return
    raise AssertionError(f"{folder} is still there")


@pytest.fixture
def contained(group: Path) -> Iterator[Callable[[str], int]]:
    """Start a program in the cgroup; give its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str) -> int:
        def enter() -> None:
            for tree in (CPU, CPUACCT):
                (tree / group.name / "cgroup.procs").write_text(str(os.getpid()))

        process = subprocess.Popen([sys.executable, "-S", "-c", code], preexec_fn=enter)
        started.append(process)
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.wait(10)


def value(reading: Reading, name: str) -> float:
    pairs = zip(reading.series, reading.values, strict=True)
    [found] = [number for series, number in pairs if series.name == name]
    return found


@pytest.mark.slow
def test_what_the_kernel_holds_back_is_seen(
    group: Path, contained: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLOWLY_S", 0.0)
    (group / "cpu.cfs_quota_us").write_text("10000")
    pid = contained(BURN)
    source = Containers(lambda: [("app", pid)], list, ())
    throttled, deadline = 0.0, time.monotonic() + 20
    while throttled < 5 and time.monotonic() < deadline:
        reading = source.read()
        throttled = value(reading, "container_cpu_cfs_throttled_periods_total")
        time.sleep(0.05)
    quota, period = (value(reading, f"container_spec_cpu_{n}") for n in ("quota", "period"))
    assert quota / period == pytest.approx(0.1)
    assert 5 <= throttled <= value(reading, "container_cpu_cfs_periods_total")
    assert value(reading, "container_cpu_cfs_throttled_seconds_total") > 0
    (group / "cpu.cfs_quota_us").write_text("-1")
    names = {series.name for series in source.read().series}
    assert "container_spec_cpu_quota" not in names, "the limit was lifted"
    source.close()


OWN = """
import time
from dress_rehearsal.records.collectors.own_limits import OwnLimits
end = time.monotonic() + 1
while time.monotonic() < end: pass
for series, value in zip(*OwnLimits().read()[1:]):
    print(series.name, series.labels, value)
"""


def entering(*folders: Path) -> Callable[[], None]:
    def enter() -> None:
        for folder in folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    return enter


@pytest.mark.slow
def test_a_limit_around_that_others_use_up_too_is_seen_to_throttle(
    group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLOWLY_S", 0.0)
    (group / "cpu.cfs_quota_us").write_text("50000")
    children = [group / name for name in ("one", "other")]
    started = []
    try:
        for child in children:
            child.mkdir()
            (child / "cpu.cfs_quota_us").write_text("45000")
            command = [sys.executable, "-S", "-c", BURN]
            started.append(subprocess.Popen(command, preexec_fn=entering(child)))
        source = Containers(lambda: [("app", started[0].pid)], list, ())
        throttled, deadline = 0.0, time.monotonic() + 20
        while throttled < 5 and time.monotonic() < deadline:
            reading = source.read()
            throttled = value(reading, "container_looser_cpu_cfs_throttled_periods_total")
            time.sleep(0.05)
        assert throttled >= 5
        assert value(reading, "container_spec_cpu_quota") == 45_000
        assert value(reading, "container_looser_spec_cpu_quota") == 50_000
        source.close()
    finally:
        for process in started:
            process.kill()
            process.wait(10)
        for child in children:
            _remove(child)


@pytest.mark.slow
def test_a_rehearsal_that_is_throttled_itself_sees_that(group: Path) -> None:
    (group / "cpu.cfs_quota_us").write_text("20000")
    done = subprocess.run(
        [sys.executable, "-c", OWN],
        preexec_fn=entering(group),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    labels = f'{{"cgroup":"{group.name}"}}'
    told = {}
    for line in done.stdout.splitlines():
        name, whose, number = line.split()
        assert whose == labels
        told[name] = float(number)
    assert told["harness_spec_cpu_quota"] / told["harness_spec_cpu_period"] == pytest.approx(0.2)
    assert told["harness_cpu_cfs_throttled_periods_total"] > 2
    assert told["harness_cpu_cfs_throttled_seconds_total"] > 0


@pytest.mark.slow
def test_processes_that_come_and_go_in_a_container_are_no_foreign_cpu(
    group: Path, contained: Callable[[str], int]
) -> None:
    """A health check, say: nothing that the rehearsal started is its ancestor."""
    anchor = contained("import time; time.sleep(60)")
    own = OwnProcesses(Household(lambda: [anchor]))
    shell = contained(SHORT)
    seen, deadline = set[int](), time.monotonic() + 20
    while len(seen) < 5 and time.monotonic() < deadline:
        here = {int(pid) for pid in (group / "cgroup.procs").read_text().split()}
        table = read_process_table()
        there = {pid for pid, process in table.items() if shell in (pid, process.parent)}
        assert (here & table.keys()) | there <= own.among(table)
        seen |= there
    assert len(seen) == 5


def test_a_containers_cpu_is_its_cgroups_also_of_processes_that_nobody_saw(
    group: Path, contained: Callable[[str], int]
) -> None:
    anchor = contained("import time; time.sleep(60)")
    own = OwnProcesses(Household(lambda: [anchor]))
    own.among(read_process_table())
    [place] = set(own.contained.values())
    before = cpu_use(place)[USAGE]
    pid = contained(f"end = {BURNT_S}\nimport time\nwhile time.process_time() < end: pass")
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert cpu_use(place)[USAGE] - before >= BURNT_S * 0.9


def test_what_the_kernel_kills_for_its_memory_is_counted() -> None:
    memory_tree = CPU.parent / "memory"
    if not (memory_tree / "cgroup.procs").exists():
        pytest.skip("memory is not limited by cgroups of version 1 here")
    folder = memory_tree / f"rehearsal-tests-{os.getpid()}"
    folder.mkdir()
    try:
        for kind in ("", "memsw."):
            limit = folder / f"memory.{kind}limit_in_bytes"
            if limit.exists():  # that with swap only where the kernel counts it
                limit.write_text(str(16 * 2**20))

        def enter() -> None:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

        greedy = subprocess.Popen(
            [sys.executable, "-S", "-c", "x = bytearray(64 * 2**20)"], preexec_fn=enter
        )
        assert greedy.wait(20) == -signal.SIGKILL
        told = memory(Cgroup(folder, folder, unified=False))
    finally:
        _remove(folder)
    assert told["container_oom_events_total"] == 1
    assert told["container_memory_peak_ratio"] > 0.98, "its limit was met: not the machine's"
    assert told["container_spec_memory_limit_bytes"] == 16 * 2**20
