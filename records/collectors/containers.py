"""The containers: what each one uses of CPU and memory, and how often it ran into its limits.

It is read from the files of their cgroups, whoever made them (Docker, Kubernetes, systemd): a
process whose cgroup is not this process' own is in a container. The names are cAdvisor's. Once in a
second limits, memory, tasks and traffic are read; CPU, throttling and accept queues at every tick.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dress_rehearsal.records.collectors.cgroup_files import (
    CpuLimit,
    cpu_limits,
    cpu_use,
    memory,
    tasks,
    throttling,
)
from dress_rehearsal.records.collectors.cgroups import Cgroup, Cgroups
from dress_rehearsal.records.collectors.listen_queue import ListenQueues
from dress_rehearsal.records.collectors.network_namespace import (
    open_diagnosis_of,
    traffic,
    turned_away,
)
from dress_rehearsal.records.collectors.processes import Components
from dress_rehearsal.records.samples import Reading, Series, SourceUnreadableError, labels_json

Named = Callable[[], list[tuple[str, int]]]
"""Returns (container, pid of its first process), where the stage knows its containers' names."""

_SLOWLY_S: Final = 1.0
_COUNTERS: Final = ("_total", "_failcnt")
_PROC: Final = Path("/proc")
_OWN_NETWORK: Final = "self/ns/net"


@dataclass(slots=True)
class Container:
    """A container, and what was read of it last.

    Attributes:
        pid: of a process in it.
        identity: what no other has, not even one of the same name that takes its place.
        net: `/proc/<pid>/net` where it has a network of its own.
        processes: the components' processes in it, by their pids.
    """

    name: str
    pid: int
    cgroups: Mapping[str, Cgroup]
    identity: tuple[Path, int]
    net: Path | None
    processes: dict[int, str] = field(default_factory=dict)
    limits: Sequence[CpuLimit] = ()
    """Its own and those around it, the tightest first."""
    queues: ListenQueues | None = None
    """Its accept queues; None: it has no network of its own, or that may not be entered."""
    slow: dict[Series, float] = field(default_factory=dict)


class Containers:
    """The containers' statistics, as a source for the collector; source `containers`.

    A counter of a container that was started again goes on from where it was.

    Args:
        components: the processes that the conductor knows of.
        named: the containers, where the stage knows their names. What else the components are in
            is called as the component and numbered.
        ports: whose accept queues are looked at.
        proc: where the processes are told of.
    """

    name = "containers"

    def __init__(
        self, components: Components, named: Named, ports: Collection[int], proc: Path = _PROC
    ) -> None:
        self._components, self._named, self._proc = components, named, proc
        self._ports = frozenset(ports)
        self._cgroups: Cgroups | None = None
        self._known: dict[str, Container] = {}
        self._names: dict[tuple[Path, int], str] = {}
        """What the containers were called that the stage has no names for."""
        self._last: dict[str, tuple[Path, int]] = {}
        """Which container last had a name."""
        self._counted: dict[Series, tuple[float, float]] = {}
        """What each counter has come to, and what was read of it last."""
        self._slow_due_s = 0.0
        self._trouble: str | None = None

    def read(self) -> Reading:
        """Return what is known of each container now; without those that are gone.

        Raises:
            SourceUnreadableError: there are containers, and none of them can be read.
        """
        t_ns = time.time_ns()
        slowly = time.monotonic() >= self._slow_due_s
        if slowly:
            self._slow_due_s = time.monotonic() + _SLOWLY_S
            self._trouble = None
            self._look()
        values: dict[Series, float] = {}
        for container in list(self._known.values()):
            try:
                if slowly:
                    self._read_slowly(container)
                told = self._read(container) | (container.slow if slowly else {})
            except (OSError, ValueError, KeyError, SourceUnreadableError) as error:
                self._trouble = f"{container.name}: {error}"
                self._slow_due_s = 0.0  # it is gone, or is another one by now
                _close((self._known.pop(container.name),), ())
            else:
                values |= {series: self._grown(series, value) for series, value in told.items()}
        if self._trouble is not None and not values:
            raise SourceUnreadableError(f"The containers cannot be read: {self._trouble}.")
        return Reading.of(t_ns, values)

    def close(self) -> None:
        """Close what was opened for looking at accept queues."""
        _close(self._known.values(), ())

    def _look(self) -> None:
        """Find the containers that there are now, and who is in them."""
        try:
            self._cgroups = self._cgroups or Cgroups(self._proc)
            found = dict(self._find(self._cgroups))
        except (OSError, ValueError) as error:
            raise SourceUnreadableError(f"The cgroups cannot be read: {error}.") from error
        for name, container in found.items():
            before = self._known.get(name)
            if before is not None and before.identity == container.identity:
                container.limits, container.queues = before.limits, before.queues
            else:
                container.queues = self._queues(container)
            if self._last.setdefault(name, container.identity) != container.identity:
                self._last[name] = container.identity
                self._begin_anew(name)
        _close(self._known.values(), found.values())
        self._known = found

    def _find(self, cgroups: Cgroups) -> Iterator[tuple[str, Container]]:
        by_identity: dict[tuple[Path, int], Container] = {}
        for name, pid in self._named():
            container = self._container(cgroups, name, pid)
            if container is not None:
                by_identity[container.identity] = container
        for component, pid in self._components():
            own = self._container(cgroups, component, pid)
            if own is None:
                continue
            around = by_identity.get(own.identity) or next(
                (c for c in by_identity.values() if own.identity[0].is_relative_to(c.identity[0])),
                None,
            )
            if around is None:
                own.name = self._called(component, own.identity)
                around = by_identity[own.identity] = own
            around.processes[pid] = component
        for container in by_identity.values():
            yield container.name, container

    def _container(self, cgroups: Cgroups, name: str, pid: int) -> Container | None:
        """Return the container that a process is in; None: in none, or it has ended."""
        folder = self._proc / str(pid)
        try:
            own = cgroups.of(pid)
            if not own:
                return None
            first = next(iter(own.values())).folder
            net = self._network_of(folder)
            return Container(name, pid, own, (first, first.stat().st_ino), net)
        except (OSError, ValueError) as error:
            if folder.exists():
                self._trouble = f"{name}: {error}"
            return None

    def _network_of(self, folder: Path) -> Path | None:
        """Return where a container's network tells of itself; None: it is this machine's.

        Whose namespace it is may be asked by root alone; what it counts may be read by all.
        """
        try:
            theirs = (folder / "ns" / "net").stat()
        except PermissionError:
            return folder / "net"
        return (
            None if theirs.st_ino == (self._proc / _OWN_NETWORK).stat().st_ino else folder / "net"
        )

    def _queues(self, container: Container) -> ListenQueues | None:
        if container.net is None or not self._ports:
            return None
        try:
            diagnosis = open_diagnosis_of(container.pid)
        except OSError:
            return None  # not permitted: then all that is turned away is counted in one sum
        labels = {"container": container.name}
        return ListenQueues(self._ports, self.name, labels, lambda: diagnosis)

    def _called(self, component: str, identity: tuple[Path, int]) -> str:
        if identity not in self._names:
            number = sum(name.rpartition("-")[0] == component for name in self._names.values())
            self._names[identity] = f"{component}-{number + 1}"
        return self._names[identity]

    def _begin_anew(self, name: str) -> None:
        """Have the counters of another container of the same name count on."""
        mine = labels_json(container=name).strip("{}")
        for series, (total, _) in self._counted.items():
            if mine in series.labels:
                self._counted[series] = total, 0.0

    def _grown(self, series: Series, value: float) -> float:
        if not series.name.endswith(_COUNTERS):
            return value
        total, last = self._counted.get(series, (0.0, 0.0))
        total += value - last if value >= last else value
        self._counted[series] = total, value
        return total

    def _read(self, container: Container) -> dict[Series, float]:
        cpu, account = (container.cgroups.get(name) for name in ("cpu", "cpuacct"))
        values: dict[str, float] = {}
        if container.limits:
            values |= throttling(container.limits[0].cgroup)
        elif cpu is not None:
            values |= throttling(cpu)
        if account is not None:
            values |= cpu_use(account)
        labels = labels_json(container=container.name)
        told = {Series(self.name, name, labels): value for name, value in values.items()}
        for limit in container.limits[1:]:
            of_limit = labels_json(container=container.name, cgroup=_name(limit, container))
            for name, value in throttling(limit.cgroup).items():
                told[Series(self.name, _looser(name), of_limit)] = value
        if container.queues is not None:
            _, series, numbers = container.queues.read()
            told |= zip(series, numbers, strict=True)
        elif container.net is not None:
            drops = Series(self.name, "listen_queue_drops_total", labels)
            told[drops] = turned_away(container.net)
        return told

    def _read_slowly(self, container: Container) -> None:
        cpu, store, pids = (container.cgroups.get(name) for name in ("cpu", "memory", "pids"))
        values: dict[str, float] = {}
        container.limits = () if cpu is None else cpu_limits(cpu)
        for limit in container.limits[:1]:
            values |= _spec(limit)
        values |= {} if store is None else memory(store)
        values |= {} if pids is None else tasks(pids)
        values |= {} if container.net is None else traffic(container.net)
        labels = labels_json(container=container.name)
        container.slow = {Series(self.name, name, labels): value for name, value in values.items()}
        for place, limit in enumerate(container.limits):
            of_limit = labels_json(container=container.name, cgroup=_name(limit, container))
            if place:
                for name, value in _spec(limit).items():
                    container.slow[Series(self.name, _looser(name), of_limit)] = value
            elif _name(limit, container):
                container.slow[Series(self.name, "container_cpu_limit_info", of_limit)] = 1.0
        for pid, component in container.processes.items():
            of_process = labels_json(container=container.name, component=component, pid=pid)
            container.slow[Series(self.name, "container_process_info", of_process)] = 1.0


def _spec(limit: CpuLimit) -> dict[str, float]:
    return {
        "container_spec_cpu_quota": limit.quota_us,
        "container_spec_cpu_period": limit.period_us,
    }


def _looser(name: str) -> str:
    """Return a metric's name where it is of a limit that is not the tightest: cAdvisor has none."""
    return name.replace("container_", "container_looser_", 1)


def _name(limit: CpuLimit, container: Container) -> str:
    """Return the name of the cgroup around a container whose limit it is; empty: its own."""
    own = container.cgroups["cpu"].folder
    return "" if limit.cgroup.folder == own else limit.cgroup.folder.name


def _close(before: Iterable[Container], still: Iterable[Container]) -> None:
    """Close the accept queues of containers that are gone."""
    kept = [container.queues for container in still]
    for container in before:
        if container.queues is not None and container.queues not in kept:
            container.queues.close()
