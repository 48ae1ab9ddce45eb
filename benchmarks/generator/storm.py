"""The storm: so many students with warm connections, and all of them ask at the same instant.

How late each request was is the server's word: when it had come (the kernel's receive stamp) less
T-0. Each tool's own word is only how long an answer took, beside what the server itself took for
it: what lies between the two is the tool's own delay, told as the server's.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.generator.cores import GENERATOR, SERVER, busy_s, cpu_s, placed_on
from benchmarks.generator.peers.peer import PeerFailedError, Running, Tool
from benchmarks.generator.truth import Truth, known_server

STUDENTS: Final = 12_000
_WORK_US: Final = "25"
"""What the server works on each request beside reading and answering it, so that they queue."""
_BEFORE_S: Final = 1.0
"""In which a generator may prepare its requests: everybody has to be there by then."""
_LOOK_S: Final = 0.1
_QUIET: Final = 0.1
"""Share of a core below which a generator has done its work …"""
_QUIET_S: Final = 0.5
"""… if it stays there for so long,"""
_AT_LEAST_S: Final = 2.0
"""and as much as this has passed since T-0: rows are written about once a second."""
_AT_MOST_S: Final = 60.0
_ENDS_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class StormJob:
    """What a generator is to do."""

    url: str
    students: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Stormer(Tool):
    """A generator that can be told to wait for an instant.

    Attributes:
        start: begins it; gives when T-0 will be, in ns since the epoch.
        system_ms: reads what it says that answers took, p50 and p99, in ms.
    """

    start: Callable[[StormJob], tuple[Running, int]]
    system_ms: Callable[[StormJob], tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Storm:
    """What came of one; times in ms after T-0, or that an answer took."""

    late_p50: float
    late_p99: float
    late_max: float
    own_p50: float
    own_p99: float
    """What the server itself took."""
    system_p50: float
    system_p99: float
    """What the generator says that the system took."""
    cpu_s: float
    """Of the generator, from a second before T-0 until it was quiet again; all of it, for nobody
    can tell what it would have used for something else."""
    ahead_s: float
    """How much of it was used before T-0: for what was prepared."""
    memory_mb: float
    """Of the generator just before T-0."""
    others: float
    """Share of both cores that neither it nor the server used, from T-0 until it was quiet."""

    @property
    def error(self) -> float:
        """By how much of it the reported p99 is beside the server's own."""
        return self.system_p99 / self.own_p99 - 1


def storm(stormer: Stormer, students: int) -> Storm:
    """Have one storm.

    Raises:
        PeerFailedError: not everybody was there, or asked.
    """
    with tempfile.TemporaryDirectory(prefix="bench_") as name:
        with known_server(Path(name), "working", _WORK_US) as truth:
            job = StormJob(truth.url, students, Path(name))
            with placed_on(GENERATOR):
                running, t0_ns = stormer.start(job)
            with running:
                burst = _watch(running, t0_ns, truth.pid)
                running.await_end(_ENDS_WITHIN_S)
        _check(truth, students, t0_ns, running)
        try:
            system_p50, system_p99 = stormer.system_ms(job)
        except (OSError, ValueError, KeyError) as error:
            raise PeerFailedError(f"{error!r} It printed: {running.last_words}") from error
    late_p50, late_p99, late_max = _percentiles((truth.came_ns - t0_ns) / 1e6, 50, 99, 100)
    own_p50, own_p99 = _percentiles(truth.own_ms, 50, 99)
    return Storm(
        late_p50=late_p50,
        late_p99=late_p99,
        late_max=late_max,
        own_p50=own_p50,
        own_p99=own_p99,
        system_p50=system_p50,
        system_p99=system_p99,
        cpu_s=burst.cpu_s,
        ahead_s=burst.ahead_s,
        memory_mb=burst.memory_mb,
        others=burst.others,
    )


def _percentiles(values: NDArray[np.float64], *which: float) -> list[float]:
    return [float(each) for each in np.percentile(values, which)]


def _check(truth: Truth, students: int, t0_ns: int, running: Running) -> None:
    if truth.warm != students or truth.last_warm_ns > t0_ns - _BEFORE_S * 1e9:
        after_s = (truth.last_warm_ns - t0_ns) / 1e9
        raise PeerFailedError(
            f"{truth.warm:,} of {students:,} students were there, the last one {after_s:+.1f} s "
            f"from T-0. It printed: {running.last_words}"
        )
    if len(set(truth.numbers.tolist())) != students:
        raise PeerFailedError(
            f"{len(truth.numbers):,} of {students:,} students asked. It printed: "
            f"{running.last_words}"
        )


@dataclass(frozen=True, slots=True)
class _Burst:
    """What a generator and others used until it was quiet; see `Storm`."""

    cpu_s: float
    ahead_s: float
    memory_mb: float
    others: float


def _watch(running: Running, t0_ns: int, server: int) -> _Burst:
    _sleep_until(t0_ns / 1e9 - _BEFORE_S, running)
    began_s, pid = cpu_s(running.process.pid), running.process.pid
    memory_mb = _memory_mb(pid)
    _sleep_until(t0_ns / 1e9, running)
    at_t0_s, not_ours_s = cpu_s(pid), _not_ours_s(pid, server)
    samples = [(0.0, at_t0_s - began_s)]
    others = 0.0
    while running.process.poll() is None and not _is_quiet(samples):
        time.sleep(_LOOK_S)
        used_s = cpu_s(pid)
        if used_s:
            after_s = time.time() - t0_ns / 1e9
            samples.append((after_s, used_s - began_s))
            others = max(_not_ours_s(pid, server) - not_ours_s, 0.0) / (2 * after_s)
    return _Burst(samples[-1][1], samples[0][1], memory_mb, others)


def _not_ours_s(*ours: int) -> float:
    """Return the CPU seconds of both cores that were not used by some processes."""
    return busy_s(GENERATOR) + busy_s(SERVER) - sum(map(cpu_s, ours))


def _is_quiet(samples: Sequence[tuple[float, float]]) -> bool:
    """Return whether a burst is over, by (seconds from T-0, CPU seconds)."""
    now_s, used_s = samples[-1]
    if now_s < _AT_LEAST_S:
        return False
    earlier = [used for at_s, used in samples if at_s <= now_s - _QUIET_S]
    return used_s - earlier[-1] < _QUIET * _QUIET_S or now_s > _AT_MOST_S


def _memory_mb(pid: int) -> float:
    process = psutil.Process(pid)
    everybody = (process, *process.children(recursive=True))
    return float(sum(each.memory_info().rss for each in everybody)) / 1e6


def _sleep_until(at_s: float, running: Running) -> None:
    while (left_s := at_s - time.time()) > 0:
        if running.process.poll() is not None:
            raise PeerFailedError(f"It ended before T-0. It printed: {running.last_words}")
        time.sleep(min(left_s, _LOOK_S))
