"""The machine's CPU is counted by whose it is, that of the dead included."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dress_rehearsal.records.collectors.cgroups import Cgroup
from dress_rehearsal.records.collectors.machine_cpu import (
    STAT,
    CpuAccount,
    Look,
    MachineCpu,
    MachineTicks,
    machine_ticks,
    used_between,
)
from dress_rehearsal.records.collectors.own_processes import Household
from dress_rehearsal.records.collectors.process_table import (
    TICKS_PER_S,
    Process,
    read_process_table,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
MACHINE = MachineTicks(programs=1000, idle=1000, steal=0, cpus=2)
BURN = "import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass"


def process(pid: int, parent: int = 1, cpu: int = 0, reaped: int = 0, name: str = "x") -> Process:
    return Process(pid, name, parent, 5, cpu, reaped)


def look(*processes: Process, own: tuple[int, ...] = (), **machine: int) -> Look:
    return Look(MACHINE._replace(**machine), {one.pid: one for one in processes}, frozenset(own))


def test_the_line_of_all_cpus_is_read() -> None:
    stat = "cpu  10 20 30 400 50 6 7 8 0 0\ncpu0 5 10 15 200 25 3 3 4 0 0\ncpu1 5 10 15 0 0 0 0 0\n"
    assert machine_ticks(stat) == MachineTicks(programs=60, idle=450, steal=8, cpus=2)
    with pytest.raises(ValueError, match="no line"):
        machine_ticks("intr 5\n")


@pytest.mark.parametrize(
    ("before", "now", "used"),
    [
        pytest.param([process(9, cpu=5)], [process(9, cpu=25)], {9: 20}, id="it went on"),
        pytest.param([], [process(9, cpu=25)], {9: 25}, id="it is new"),
        pytest.param(
            [process(9, cpu=90)],
            [process(9, cpu=5)._replace(started=50)],
            {9: 5},
            id="its pid was another's",
        ),
        pytest.param(
            [process(9), process(10, 9, cpu=40)],
            [process(9, reaped=47)],
            {9: 7},
            id="a child ended: what it had used was counted",
        ),
        pytest.param(
            [process(9)],
            [process(9, reaped=33)],
            {9: 33},
            id="children came and went in between",
        ),
        pytest.param(
            [process(9), process(10, 9, cpu=4), process(11, 10, cpu=6)],
            [process(9, reaped=12)],
            {9: 2},
            id="a child and its child ended",
        ),
        pytest.param(
            [process(9), process(10, 9, cpu=40)],
            [process(9)],
            {9: 0},
            id="a child ended that nobody waited for",
        ),
    ],
)
def test_nobodys_cpu_is_lost_or_counted_twice(
    before: list[Process], now: list[Process], used: dict[int, int]
) -> None:
    assert used_between(look(*before), look(*now)) == used


def test_an_own_orphan_is_not_charged_to_who_waited_for_it() -> None:
    before = look(process(1, 0), process(10, cpu=40), own=(10,))
    assert used_between(before, look(process(1, 0, reaped=90))) == {1: 0}


KTHREADD = process(2, 0, name="kthreadd")


def test_where_all_is_seen_others_are_added_up() -> None:
    account = CpuAccount()
    worker = process(3, 2)
    account.count(look(KTHREADD, worker, process(9, cpu=5), process(8, name="hog"), own=(9,)))
    later = [KTHREADD, worker._replace(cpu=50), process(9, cpu=105), process(8, cpu=70, name="hog")]
    counters = account.count(look(*later, own=(9,), programs=1300))
    assert counters["machine_foreign_cpu_seconds_total"] == 70 / TICKS_PER_S
    assert account.others_s == {"hog": 70 / TICKS_PER_S}


def test_from_inside_a_container_it_is_the_machines_less_our_own() -> None:
    account = CpuAccount()
    account.count(look(process(9, cpu=5), own=(9,)))
    counters = account.count(look(process(9, cpu=105), own=(9,), programs=1300, steal=4))
    assert counters["machine_foreign_cpu_seconds_total"] == 200 / TICKS_PER_S
    assert counters["machine_cpu_idle_seconds_total"] == 1000 / TICKS_PER_S
    assert counters["machine_cpu_steal_seconds_total"] == 4 / TICKS_PER_S
    assert counters["machine_cpus"] == 2


def test_a_counter_never_goes_back_and_owes_little() -> None:
    account = CpuAccount()
    programs, own, seen = 1000, 0, []
    for more, of_own in ((100, 103), (100, 97), (100, 100), (100, 180), (100, 50)):
        account.count(look(process(9, cpu=own), own=(9,), programs=programs)) if not seen else None
        programs, own = programs + more, own + of_own
        counters = account.count(look(process(9, cpu=own), own=(9,), programs=programs))
        seen.append(round(counters["machine_foreign_cpu_seconds_total"] * TICKS_PER_S))
    assert seen == [0, 0, 0, 0, 40]  # 80 too much are forgiven but for a tenth of a second


def test_a_machine_that_does_not_count_its_time_is_not_measured() -> None:
    assert CpuAccount().count(look(programs=0, idle=0)) == {}


@pytest.mark.slow
@linux
def test_a_hog_that_is_nobodys_is_counted_and_named_and_our_own_is_not() -> None:
    cpu = MachineCpu(Household(lambda: [os.getpid()]))
    start = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', sys.argv[1]], "
        "start_new_session=True, stdout=subprocess.DEVNULL); print(p.pid)"
    )
    hog = int(
        subprocess.run(
            [sys.executable, "-c", start, BURN.format(seconds=60)],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    )
    try:
        cpu.read()
        subprocess.run([sys.executable, "-c", BURN.format(seconds=0.5)], check=True)
        table = read_process_table()
        used_s = table[hog].cpu / TICKS_PER_S
        cpu.read()
    finally:
        os.kill(hog, signal.SIGKILL)
    name = table[hog].name
    assert cpu.others_s[name] >= 0.5 * used_s
    assert used_s > 0.1
    cpu.close()


@linux
def test_looking_costs_little() -> None:
    cpu = MachineCpu(Household(lambda: [os.getpid()], {"X": "y"}))
    cpu.read()
    number = len(read_process_table())
    begun = time.process_time()
    for _ in range(10):
        cpu.read()
    each_ms = (time.process_time() - begun) / 10 * 1e3
    cpu.close()
    assert each_ms * 200 / number < 25, "at 200 processes; it takes 3 to 6 on an idle machine"
    assert machine_ticks(STAT.read_text()).cpus >= 1


def test_of_a_container_its_cgroup_tells_also_what_nobody_was_seen_to_use() -> None:
    """From inside a container of ours: kernel threads are not seen, what is not own is others'."""
    place = Cgroup(Path("app-1"), Path("app-1"), unified=True)
    boxed = {"contained": {9: place}}
    before = look(process(9), process(10), own=(9,))._replace(**boxed, containers={place: 500.0})
    # It used 80 ticks of the machine's 100, of which its own process tells 5.
    now = look(process(9, cpu=5), process(10), own=(9,), programs=1100)
    now = now._replace(**boxed, containers={place: 580.0})
    account = CpuAccount()
    account.count(before)
    assert account.count(now)["machine_foreign_cpu_seconds_total"] == 20 / TICKS_PER_S
    unknown = CpuAccount()
    unknown.count(before._replace(containers={}))
    others = unknown.count(now)["machine_foreign_cpu_seconds_total"]
    assert others == 95 / TICKS_PER_S, "a cgroup that was not looked at before tells nothing yet"
