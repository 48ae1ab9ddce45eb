"""The bystanders: what other programs of this machine take of its CPU just now, by name."""

import os
import time
from dataclasses import dataclass
from typing import Final, Self

import psutil

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.collectors.machine_cpu import MachineCpu
from dress_rehearsal.records.collectors.own_processes import Household
from dress_rehearsal.records.samples import SourceUnreadableError
from dress_rehearsal.rehearsal.served_ports import served_ports
from dress_rehearsal.reports.words import (
    agreeing,
    written,
)

_LEAST_S: Final = 1.0
_SHOWN: Final = 3
_WORTH_A_NAME: Final = 0.05


@dataclass(frozen=True, slots=True)
class Busy:
    """What others took, in cores; `programs` are those that took most, and how much each did."""

    cores: float
    cpus: int
    programs: tuple[tuple[str, float], ...]

    @property
    def words(self) -> str:
        """Return it as "1.7 of 2 cores (python3 1.0, chrome 0.7)"."""
        named = ", ".join(f"{name} {cores:.1f}" for name, cores in self.programs[:_SHOWN])
        cores = agreeing(self.cpus, "core")
        return f"{self.cores:.1f} of {written(self.cpus)} {cores}{f' ({named})' if named else ''}"


class Bystanders:
    """Counts what others take from when it is made; this process and its children are no others.

    Args:
        ports: nor are those who serve these of this machine's ports, which the target's are.
    """

    def __init__(self, ports: frozenset[int] = frozenset()) -> None:
        self._cpu: MachineCpu | None = None
        self._since_s = time.monotonic()
        if MachineCpu.available():
            self._cpu = MachineCpu(Household(roots=lambda: [os.getpid()], ports=ports))
            self._look()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._cpu is not None:
            self._cpu.close()

    def busy(self) -> Busy | None:
        """Return what others took since, a second at least; None: this system does not tell."""
        time.sleep(max(self._since_s + _LEAST_S - time.monotonic(), 0.0))
        before_s, self._since_s = self._since_s, time.monotonic()
        self._look()
        if self._cpu is None:
            return None
        length_s = self._since_s - before_s
        cores = {name: used / length_s for name, used in self._cpu.others_s.items()}
        most = sorted(cores.items(), key=lambda each: (-each[1], each[0]))
        named = tuple((name, used) for name, used in most if used >= _WORTH_A_NAME)
        return Busy(sum(cores.values()), psutil.cpu_count() or 1, named)

    def _look(self) -> None:
        if self._cpu is not None:
            try:
                self._cpu.read()
            except SourceUnreadableError:
                self._cpu.close()
                self._cpu = None


def others_than(plan: Plan) -> Bystanders:
    """Return a count of what others take than the rehearsal of a plan and the target it names."""
    return Bystanders(served_ports(plan))


def await_quiet(cores: float, within_s: float) -> bool:
    """Wait until others took no more than so many cores for a second; return whether they did.

    Where the system does not tell, nothing is waited for.
    """
    until_s = time.monotonic() + within_s
    with Bystanders() as bystanders:
        while (busy := bystanders.busy()) is not None and busy.cores > cores:
            if time.monotonic() >= until_s:
                return False
    return True
