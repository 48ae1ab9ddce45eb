"""The collector: reads every source four times a second and appends what it read to the run."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa

from dress_rehearsal.plans.sections.metrics import Metrics
from dress_rehearsal.records import tables
from dress_rehearsal.records.collectors.cgroups import Cgroups
from dress_rehearsal.records.collectors.containers import Containers, Named
from dress_rehearsal.records.collectors.kernel import Kernel
from dress_rehearsal.records.collectors.listen_queue import ListenQueues
from dress_rehearsal.records.collectors.machine_cpu import MachineCpu
from dress_rehearsal.records.collectors.own_limits import OwnLimits
from dress_rehearsal.records.collectors.own_processes import Household
from dress_rehearsal.records.collectors.pool_metrics import pool_metrics
from dress_rehearsal.records.collectors.postgres import Postgres
from dress_rehearsal.records.collectors.processes import Components, Processes
from dress_rehearsal.records.collectors.redis import RedisServer
from dress_rehearsal.records.collectors.scrape import Scrape, Target, TargetsFolder
from dress_rehearsal.records.collectors.watch import Watch
from dress_rehearsal.records.errors import RecordError, RunDirectoryUnusableError
from dress_rehearsal.records.run_directory import RunDirectory
from dress_rehearsal.records.samples import (
    Reading,
    Sample,
    Series,
    Source,
    SourceUnreadableError,
    labels_json,
    select,
)

_PART_EVERY_S = 1.0
_CPU_EVERY_S = 1.0
"""How often the machine's processes are looked through: at 200 of them it takes 3 ms of CPU."""

_WRITTEN_WITHIN_S = 30.0
"""What the last part but one may take to be written."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where everything that is collected can be reached; None or empty: there is none of it."""

    targets_dir: Path | None
    dsn: str | None
    redis_url: str | None
    event: str
    listen_ports: tuple[int, ...]
    components: Components
    containers: Named = list
    """The containers whose names the stage knows, and the pid of the first process in each."""
    household: Household | None = None
    """By what the rehearsal's own processes are known; None: nobody asks whose CPU it is."""
    metrics: tuple[Metrics, ...] = ()
    """Where the metrics of somebody else's app are."""


class Collector:
    """Reads each source in a thread of its own while the context is open.

    A source that hangs delays only itself; one that fails is counted in `collector_failed_total`,
    kept in `failures` and tried again. A run directory that cannot be written stops everything:
    `error` says so at once, and `close` raises it.

    Args:
        interval_s: seconds between two reads of a source.
        on_targets: told, from a thread of the collector, whenever there are other targets.
    """

    def __init__(
        self,
        run: RunDirectory,
        sources: Sources,
        interval_s: float,
        on_targets: Callable[[Iterable[Target]], None] | None = None,
    ) -> None:
        self._on_targets = on_targets
        self._run = run
        self._sources = sources
        self._folder = None if sources.targets_dir is None else TargetsFolder(sources.targets_dir)
        self._interval_s = interval_s
        self._lock = threading.Lock()  # guards the next seven
        self._readings: list[Reading] = []
        self._watches: dict[str, Watch] = {}
        self._withdrawn: list[Watch] = []
        self._targets: dict[str, Target] = {}
        self._handed_in: dict[Series, Reading] = {}
        self._unreadable_targets = 0
        self._targets_failure: str | None = None
        self._own = Reading(0, (), ())
        self._error: RecordError | None = None
        self._parts = 0
        self._closed = False
        self._stopping = threading.Event()
        self._epoch_s = time.monotonic()
        self._writer = threading.Thread(target=self._write_parts, name="collector", daemon=True)

    def __enter__(self) -> Self:
        for source in self._fixed_sources():
            self._watch(source)
        if self._sources.household is not None and MachineCpu.available():
            self._watch(MachineCpu(self._sources.household), max(_CPU_EVERY_S, self._interval_s))
        for pools in pool_metrics(self._sources.metrics):
            self._watch(pools, max(pools.every_s, self._interval_s))
        self._follow_targets()
        self._writer.start()
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        try:
            self.close()
        except RecordError:
            if error is None:  # else that one is on its way and tells more
                raise

    @property
    def error(self) -> RecordError | None:
        """Why nothing is recorded any more, or None while all is well."""
        return self._error

    @property
    def failures(self) -> dict[str, str]:
        """For each source that does not answer at present the sentence that says why."""
        with self._lock:
            watches = list(self._watches.items())
        failing = {name: watch.failure for name, watch in watches if watch.failure is not None}
        if self._targets_failure is not None:
            failing["targets"] = self._targets_failure
        return failing

    def add(self, samples: Iterable[Sample]) -> None:
        """Hand in samples read elsewhere, such as the generator's status."""
        readings = [Reading.of_sample(sample) for sample in samples]
        with self._lock:
            self._readings += readings
            self._handed_in |= {reading.series[0]: reading for reading in readings}

    def latest(self, name: str, source: str = "", **labels: str) -> float | None:
        """Return the sum of the newest values of a metric, for showing while the run goes.

        Args:
            source: count only sources that begin so, such as `app`.
            labels: count only series that carry these.

        Returns:
            None when no source that answers at present has it.
        """
        values = select(self._answering(), name, source, labels)
        return sum(values) if values else None

    def highest(self, name: str, source: str) -> float | None:
        """Return the highest of the newest values of a metric that each source tells in full."""
        return max(select(self._answering(), name, source, {}), default=None)

    def by_label(self, name: str, source: str, label: str) -> dict[str, float]:
        """Return the newest values of a metric of one source, or of its instances, added up by the
        values of a label."""
        totals: dict[str, float] = {}
        for reading in self._answering():
            for series, value in zip(reading.series, reading.values, strict=True):
                if series.name == name and series.source.partition(":")[0] == source:
                    key = str(json.loads(series.labels).get(label, ""))
                    totals[key] = totals.get(key, 0.0) + value
        return totals

    def _answering(self) -> list[Reading]:
        with self._lock:
            newest = [watch.newest for watch in self._watches.values()]
            return [*newest, *self._handed_in.values()]

    def newest(self) -> list[Reading]:
        """Return the newest reading of each source that answers and is no target of its own."""
        with self._lock:
            watches = [watch for name, watch in self._watches.items() if name not in self._targets]
            return [*(watch.newest for watch in watches), *self._handed_in.values(), self._own]

    def read_all(self, timeout_s: float = 3.0) -> tuple[str, ...]:
        """Read every source once more, now, so that the counters are exact.

        Returns:
            The sources that could not be read, or not within `timeout_s`.
        """
        self._follow_targets()
        with self._lock:
            watches = list(self._watches.values())
        deadline = time.monotonic() + timeout_s
        for watch in watches:
            watch.ask()
        return tuple(sorted(watch.name for watch in watches if not watch.answered_by(deadline)))

    def close(self) -> None:
        """Stop reading and write what is left; a second call does nothing.

        Raises:
            RecordError: the run directory could not be written.
        """
        if self._closed:
            return
        self._closed = True
        self._stopping.set()
        self._writer.join(_WRITTEN_WITHIN_S)
        if self._writer.is_alive():
            self._error = RunDirectoryUnusableError(
                f"{self._run.metrics} is not written to any more: the disk or the network file "
                f"system it is on has hung for {_WRITTEN_WITHIN_S:g} s."
            )
        watches = [*self._watches.values(), *self._withdrawn]
        for watch in watches:
            watch.stop()
        for watch in watches:
            watch.join()
        self._write_part()
        if self._error is not None:
            raise self._error

    def _fixed_sources(self) -> list[Source]:
        sources: list[Source] = [Kernel(), Processes(self._sources.components)]
        if Cgroups.available():
            source = Containers(
                self._sources.components, self._sources.containers, self._sources.listen_ports
            )
            sources += [source, OwnLimits()]
        if self._sources.listen_ports and ListenQueues.available():
            sources.append(ListenQueues(self._sources.listen_ports))
        if self._sources.dsn is not None:
            sources.append(Postgres(self._sources.dsn, self._sources.event))
        if self._sources.redis_url is not None:
            sources.append(RedisServer(self._sources.redis_url, self._sources.event))
        return sources

    def _watch(self, source: Source, interval_s: float | None = None) -> None:
        watch = Watch(source, interval_s or self._interval_s, self._epoch_s, self._deliver)
        with self._lock:
            self._watches[source.name] = watch
        watch.start()

    def _deliver(self, reading: Reading) -> None:
        with self._lock:
            self._readings.append(reading)

    def _follow_targets(self) -> None:
        """Watch what announced itself since the last look, and nothing that withdrew."""
        if self._folder is None:
            return
        try:
            announced = self._folder.targets()
        except SourceUnreadableError as error:
            self._unreadable_targets += 1
            self._targets_failure = str(error)
            return
        self._targets_failure = None
        with self._lock:
            gone = [n for n, target in self._targets.items() if announced.get(n) != target]
            new = [target for n, target in announced.items() if self._targets.get(n) != target]
            for name in gone:
                self._watches[name].stop()
                self._withdrawn.append(self._watches.pop(name))
            self._targets = announced
        if self._on_targets is not None and (gone or new):
            self._on_targets(announced.values())
        for target in new:
            self._watch(Scrape(target))

    def _write_parts(self) -> None:
        part_due = self._epoch_s + _PART_EVERY_S
        while not self._stopping.wait(self._interval_s):
            self._follow_targets()
            if time.monotonic() >= part_due:
                part_due += _PART_EVERY_S
                self._write_part()

    def _write_part(self) -> None:
        with self._lock:
            readings, self._readings = self._readings, []
            self._own = self._own_reading()
            readings.append(self._own)
        if self._error is not None:
            return
        self._parts += 1
        name = f"{self._run.metrics.name}/{self._parts:06d}.parquet"
        try:
            self._run.write_table(name, metrics_part(readings))
        except RecordError as error:
            self._give_up(error)
        except pa.ArrowException as error:
            self._give_up(RunDirectoryUnusableError(f"A sample does not fit {name}: {error}"))

    def _give_up(self, error: RecordError) -> None:
        self._error = error
        self._stopping.set()
        with self._lock:
            for watch in self._watches.values():
                watch.stop()

    def _own_reading(self) -> Reading:
        """Return how the collector itself is doing: its slowest read and every failure so far."""
        slowest_s = max((watch.take_longest_s() for watch in self._watches.values()), default=0.0)
        failed = {name: watch.failed for name, watch in self._watches.items()}
        if self._folder is not None:
            failed["targets"] = self._unreadable_targets
        values = {Series("collector", "collector_tick_seconds", "{}"): slowest_s} | {
            Series("collector", "collector_failed_total", labels_json(source=name)): float(count)
            for name, count in failed.items()
        }
        return Reading.of(time.time_ns(), values)


def metrics_part(readings: Iterable[Reading]) -> pa.Table:
    """Return readings as one table (`tables.METRICS`).

    Raises:
        pyarrow.ArrowException: a time, a word or a value is not of its column's type.
    """
    positions: dict[Series, int] = {}
    codes: list[int] = []
    times: list[int] = []
    values: list[float] = []
    for t_ns, series, numbers in readings:
        codes += [positions.setdefault(each, len(positions)) for each in series]
        times += [t_ns] * len(numbers)
        values += numbers
    which = pa.array(codes, pa.int32())
    words = {
        field: pa.array(
            [getattr(each, field) for each in positions], tables.METRICS.field(field).type
        )
        for field in Series._fields
    }
    columns = {field: word.take(which) for field, word in words.items()}
    return pa.table({"t_ns": times, **columns, "value": values}, schema=tables.METRICS)
