"""The machine's CPU by whose it is: the rehearsal's own, other programs', nobody's (Linux).

Where every process of the machine is to be seen, what others used is added up over their
processes. From inside a container it is what the machine used less what the own processes did:
then the kernel's threads count as others', for nobody can tell them apart there.

CPU of processes that ended between two looks is not lost: their parent tells of it once it has
waited for them. Of a container its cgroup tells, whoever waited for whom.
"""

import sys
import time
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from dress_rehearsal.records.collectors.cgroup_files import USAGE, cpu_use
from dress_rehearsal.records.collectors.cgroups import Cgroup
from dress_rehearsal.records.collectors.own_processes import (
    Household,
    OwnProcesses,
    kernel_threads,
)
from dress_rehearsal.records.collectors.process_table import (
    TICKS_PER_S,
    Process,
    ProcessTable,
    read_process_table,
)
from dress_rehearsal.records.samples import Reading, Series, SourceUnreadableError

STAT: Final = Path("/proc/stat")
_OWED_TICKS: Final = TICKS_PER_S // 10
"""The two accounts of a machine's time differ by the tick; what was counted too much is made up for
by counting less later on, but for no more than this."""


class MachineTicks(NamedTuple):
    """The machine's time since boot over all its CPUs, in clock ticks, and how many CPUs those are.

    `programs` is user, nice and system; `idle` includes waiting for disks; `steal` is what the host
    gave to other machines.
    """

    programs: int
    idle: int
    steal: int
    cpus: int


def machine_ticks(stat: str) -> MachineTicks:
    """Return what the text of `/proc/stat` says.

    Raises:
        ValueError: it has no line of all CPUs.
    """
    lines = [line.split() for line in stat.splitlines() if line.startswith("cpu")]
    if not lines or lines[0][0] != "cpu":
        raise ValueError("no line for all CPUs")
    user, nice, system, idle, iowait, _, _, steal, *_ = (int(field) for field in lines[0][1:])
    return MachineTicks(user + nice + system, idle + iowait, steal, len(lines) - 1)


class Look(NamedTuple):
    """The machine at one instant.

    Attributes:
        own: the pids in the table that are the rehearsal's.
        contained: of those the ones in containers, and their cgroups.
        containers: what each of these cgroups has used, in ticks.
    """

    machine: MachineTicks
    table: ProcessTable
    own: AbstractSet[int]
    contained: Mapping[int, Cgroup] = MappingProxyType({})
    containers: Mapping[Cgroup, float] = MappingProxyType({})


class MachineCpu:
    """The machine's CPU by whose it is, as a source for the collector; best read once a second.

    Args:
        household: by what the rehearsal's own processes are known.
    """

    name = "machine_cpu"

    def __init__(self, household: Household) -> None:
        self._account = CpuAccount()
        self._own = OwnProcesses(household)

    @staticmethod
    def available() -> bool:
        """Return whether this system tells of every process."""
        return sys.platform == "linux"

    @property
    def others_s(self) -> dict[str, float]:
        """Seconds of CPU that other programs used between the last two reads, by their names."""
        return self._account.others_s

    def read(self) -> Reading:
        """Return the machine's counters, as the account has them; source `processes`.

        Raises:
            SourceUnreadableError: the kernel does not say.
        """
        t_ns = time.time_ns()
        try:
            machine = machine_ticks(STAT.read_text(encoding="ascii"))
            table = read_process_table()
            own = self._own.among(table)
            contained = self._own.contained
            # Where kernel threads are seen others are added up by themselves.
            containers = {} if kernel_threads(table) else _ticks(set(contained.values()))
            look = Look(machine, table, own, contained, containers)
            counters = self._account.count(look)
        except (OSError, ValueError) as error:
            raise SourceUnreadableError(f"The machine's CPU cannot be read: {error}.") from error
        return Reading.of(
            t_ns, {Series("processes", name, "{}"): value for name, value in counters.items()}
        )

    def close(self) -> None:
        """Close what was opened for telling own processes from others."""
        self._own.close()


class CpuAccount:
    """Counts whose CPU time it is from one look at the machine to the next."""

    def __init__(self) -> None:
        self.others_s: dict[str, float] = {}
        """Seconds of CPU that other programs used between the last two looks, by their names."""
        self._before: Look | None = None
        self._foreign_ticks = 0
        self._owed_ticks = 0

    def count(self, now: Look) -> dict[str, float]:
        """Return the machine's counters by their metrics' names, in seconds.

        Others' CPU counts from the first call on; the rest since boot. Nothing is returned where
        the machine does not count its time.
        """
        before, self._before = self._before, now
        if now.machine.programs + now.machine.idle == 0:
            return {}
        if before is not None:
            self._add(before, now)
        return {
            "machine_foreign_cpu_seconds_total": self._foreign_ticks / TICKS_PER_S,
            "machine_cpu_idle_seconds_total": now.machine.idle / TICKS_PER_S,
            "machine_cpu_steal_seconds_total": now.machine.steal / TICKS_PER_S,
            "machine_cpus": float(now.machine.cpus),
        }

    def _add(self, before: Look, now: Look) -> None:
        used = used_between(before, now)
        nobodys = kernel_threads(now.table)
        others = {pid: ticks for pid, ticks in used.items() if pid not in now.own | nobodys}
        self.others_s = {}
        for pid, ticks in others.items():
            name = now.table[pid].name
            self.others_s[name] = self.others_s.get(name, 0.0) + ticks / TICKS_PER_S
        if nobodys:
            self._foreign_ticks += sum(others.values())
            return
        counted = before.containers.keys() & now.containers.keys()
        of_own = round(sum(now.containers[each] - before.containers[each] for each in counted))
        of_own += sum(
            ticks
            for pid, ticks in used.items()
            if pid in now.own and now.contained.get(pid) not in counted
        )
        owed = now.machine.programs - before.machine.programs - of_own + self._owed_ticks
        self._foreign_ticks += max(owed, 0)
        self._owed_ticks = max(min(owed, 0), -_OWED_TICKS)


def _ticks(places: Iterable[Cgroup]) -> dict[Cgroup, float]:
    """Return what each cgroup has used, but for those that are gone."""
    used = {}
    for place in places:
        with suppress(OSError, KeyError):
            used[place] = cpu_use(place)[USAGE] * TICKS_PER_S
    return used


def used_between(before: Look, now: Look) -> dict[int, int]:
    """Return the ticks that each process used since an earlier look, with its dead children's.

    What a child had used by then was counted then, and is taken off what its parent tells of it.
    An own process whose parent had ended is waited for by somebody else: nothing that they tell of
    their children is counted then.
    """
    counted: dict[int, int] = {}
    strange: set[int] = set()
    for gone in before.table.values():
        if _same(gone, now.table) is None:
            heir = _heir(gone, before.table, now.table)
            counted[heir] = counted.get(heir, 0) + gone.cpu + gone.reaped
            if gone.pid in before.own and heir not in now.own:
                strange.add(heir)
    used = {}
    for pid, process in now.table.items():
        known = _same(process, before.table)
        cpu, reaped = (0, 0) if known is None else (known.cpu, known.reaped)
        of_children = max(process.reaped - reaped - counted.get(pid, 0), 0)
        used[pid] = process.cpu - cpu + (0 if pid in strange else of_children)
    return used


def _same(process: Process, table: ProcessTable) -> Process | None:
    found = table.get(process.pid)
    return found if found is not None and found.started == process.started else None


def _heir(gone: Process, before: ProcessTable, now: ProcessTable) -> int:
    """Return the nearest ancestor that still lives: it hears of what a process had used."""
    parent = before.get(gone.parent)
    while parent is not None and _same(parent, now) is None:
        parent = before.get(parent.parent)
    return 0 if parent is None else parent.pid
