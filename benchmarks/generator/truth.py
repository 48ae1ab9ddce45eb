"""The truth: what a server of known times has written down, and how near to it a figure is."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.generator.cores import SERVER, placed_on
from benchmarks.generator.known_server import ANSWERS

PERCENTILES: Final = (50.0, 99.0, 99.9)
_SHARE: Final = 0.02
_MS: Final = 1.0
_ENDS_WITHIN_S: Final = 30.0


@dataclass(slots=True)
class Truth:
    """A running server, and what it has written down once it has ended.

    Attributes:
        numbers: what each answered request's path ended with.
        came_ns: when each had come.
        answered_ns: when each answer was given to the kernel.
        warm: how many requests for `/warm` there were, and when the last one had come.
    """

    url: str
    pid: int
    numbers: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    came_ns: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    answered_ns: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    warm: int = 0
    last_warm_ns: int = 0

    @property
    def own_ms(self) -> NDArray[np.float64]:
        """What each request took, from having come to the answer, in ms."""
        return (self.answered_ns - self.came_ns) / 1e6


@contextmanager
def known_server(folder: Path, *service: str) -> Iterator[Truth]:
    """Serve on the server's core; what was written down is there when the context is left.

    Args:
        service: what a request takes (see `known_server`).
    """
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with placed_on(SERVER):
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.generator.known_server", folder, *service],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        truth = Truth(f"http://127.0.0.1:{int(process.stdout.readline())}", process.pid)
        yield truth
        process.stdin.close()
        truth.warm, truth.last_warm_ns = map(int, process.stdout.readline().split())
        process.wait(_ENDS_WITHIN_S)
        truth.numbers, truth.came_ns, truth.answered_ns = np.load(folder / ANSWERS).T
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


@dataclass(frozen=True, slots=True)
class Figure:
    """One percentile, by a generator and by the server, in ms."""

    percentile: float
    measured: float
    true: float

    @property
    def is_right(self) -> bool:
        """Whether it is within 2 % and 1 ms of the truth."""
        return abs(self.measured - self.true) <= _SHARE * self.true + _MS


def figures(measured_ms: NDArray[np.float64], true_ms: NDArray[np.float64]) -> list[Figure]:
    """Return p50, p99 and p99.9 of the same requests, as measured and as they were."""
    measured, true = (np.percentile(each, PERCENTILES) for each in (measured_ms, true_ms))
    return [
        Figure(percentile, float(mine), float(its))
        for percentile, mine, its in zip(PERCENTILES, measured, true, strict=True)
    ]
