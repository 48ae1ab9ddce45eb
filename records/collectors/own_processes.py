"""Which processes of the machine are the rehearsal's own, and which are somebody else's (Linux).

Own are the components and whatever descends from them, processes that carry the stage's marker,
those that serve the target where it runs on this machine (`port_owners`), whatever is in a
container with one of these, and the daemons of Docker. A process that was once seen to be own stays
so when its parent ends before it.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dress_rehearsal.records.collectors.cgroups import Cgroup, Cgroups
from dress_rehearsal.records.collectors.port_owners import PortOwners
from dress_rehearsal.records.collectors.process_table import ProcessTable

DAEMONS: Final = frozenset(
    {"dockerd", "containerd", "containerd-shim", "docker-proxy", "docker-init", "runc"}
)
"""They work for the stage where it is made of containers; what runs in containers is not theirs."""

_KERNEL: Final = "kthreadd"
_KERNEL_PID: Final = 2


@dataclass(frozen=True, slots=True)
class Household:
    """By what the rehearsal's own processes are known.

    Attributes:
        roots: returns their pids; own with all that descends from them.
        marker: environment variables that only processes of this stage carry.
        ports: whoever listens on these of this machine's ports is own as well.
    """

    roots: Callable[[], Iterable[int]]
    marker: Mapping[str, str] = field(default_factory=dict)
    ports: frozenset[int] = frozenset()


class OwnProcesses:
    """Tells own processes from others; asked again and again, it looks closer at new ones only."""

    def __init__(self, household: Household) -> None:
        self._household = household
        self._marks = [f"{name}={value}".encode() for name, value in household.marker.items()]
        self._owners = PortOwners(household.ports) if household.ports else None
        self._cgroups = Cgroups() if Cgroups.available() else None
        self._places: dict[tuple[int, int], Cgroup | None] = {}
        """For each process its container's cgroup that counts CPU; None: it is in none."""
        self.contained: dict[int, Cgroup] = {}
        """Of the own processes that were found last those in containers, and their cgroups."""
        self._own: set[tuple[int, int]] = set()
        self._looked_at: set[tuple[int, int, str]] = set()

    def among(self, table: ProcessTable) -> set[int]:
        """Return the pids of the own processes in a table."""
        adopted = {pid for pid in self._household.roots() if pid in table}
        adopted |= {pid for pid, started in self._own if _is(table, pid, started)}
        own = with_descendants(table, adopted)
        if self._marks:
            own = with_descendants(table, adopted | self._marked(table, own))
        if self._owners is not None:
            own = with_descendants(table, own | self._owners.pids(table, own))
        own |= self._beside(table, own)
        self._own = {table[pid].identity for pid in own}
        return own | {pid for pid, process in table.items() if process.name in DAEMONS}

    def close(self) -> None:
        """Close what was opened for looking."""
        if self._owners is not None:
            self._owners.close()

    def _beside(self, table: ProcessTable, own: AbstractSet[int]) -> set[int]:
        """Return the other processes in the containers of own ones, such as health checks."""
        places: dict[int, Cgroup | None] = {}
        ended = []
        for pid, process in table.items():
            try:
                known = process.identity in self._places
                places[pid] = self._places[process.identity] if known else self._place(pid)
            except (OSError, ValueError):
                ended.append(process)
        for process in ended:  # since the table was read: it was where its parent is
            places[process.pid] = places.get(process.parent)
        self._places = {table[pid].identity: place for pid, place in places.items()}
        containers = {places[pid] for pid in own} - {None}
        self.contained = {
            pid: place for pid, place in places.items() if place is not None and place in containers
        }
        return self.contained.keys() - own

    def _place(self, pid: int) -> Cgroup | None:
        return None if self._cgroups is None else self._cgroups.of(pid).get("cpuacct")

    def _marked(self, table: ProcessTable, own: AbstractSet[int]) -> set[int]:
        """Return the processes that carry the marker, of those not known otherwise.

        A process may become another program, with another environment, under the same pid.
        """
        seen = {(*process.identity, process.name) for process in table.values()}
        new = seen - self._looked_at
        self._looked_at = seen
        return {pid for pid, _, _ in new if pid not in own and self._carries_marker(pid)}

    def _carries_marker(self, pid: int) -> bool:
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False  # ended meanwhile, or another user's, which none of the stage's is
        return any(mark in variables for mark in self._marks)


def with_descendants(table: ProcessTable, roots: AbstractSet[int]) -> set[int]:
    """Return the roots that are in a table, and everything that descends from them."""
    belongs: dict[int, bool] = {}
    for pid in table:
        line: list[int] = []
        ancestor = pid
        while ancestor in table and ancestor not in belongs and ancestor not in roots:
            line.append(ancestor)
            belongs[ancestor] = False
            ancestor = table[ancestor].parent
        found = (ancestor in roots and ancestor in table) or belongs.get(ancestor, False)
        belongs |= dict.fromkeys(line, found)
    return {pid for pid in table if pid in roots or belongs[pid]}


def kernel_threads(table: ProcessTable) -> set[int]:
    """Return the pids of the kernel's own threads; empty where they are not to be seen.

    They are seen where every process of the machine is: not from inside a container.
    """
    first = table.get(_KERNEL_PID)
    if first is None or first.name != _KERNEL:
        return set()
    return {pid for pid, process in table.items() if _KERNEL_PID in (pid, process.parent)}


def _is(table: ProcessTable, pid: int, started: int) -> bool:
    process = table.get(pid)
    return process is not None and process.started == started
