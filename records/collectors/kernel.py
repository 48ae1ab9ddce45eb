"""The kernel's counters: connections turned away, segments sent again, CPU used; its clock."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psutil

from dress_rehearsal.records.clock import ClockOffset
from dress_rehearsal.records.samples import Reading, Series, SourceUnreadableError

NETSTAT: Final = Path("/proc/net/netstat")
_COUNTERS: Final = {
    "ListenOverflows": "tcp_listen_overflows_total",
    "ListenDrops": "tcp_listen_drops_total",
    "TCPSynRetrans": "tcp_syn_retrans_total",
}


def tcp_counters(netstat: str) -> dict[str, float]:
    """Return the counters of `/proc/net/netstat` that tell of lost connection attempts.

    Raises:
        ValueError: the text has no `TcpExt` lines.
    """
    heads, values = [line.split() for line in netstat.splitlines() if line.startswith("TcpExt:")]
    fields = dict(zip(heads, values, strict=True))
    return {name: float(fields[field]) for field, name in _COUNTERS.items() if field in fields}


class Kernel:
    """The kernel's counters since boot (Linux only) and the machine's CPU use since the last read.

    Beside them how far the wall clock has come apart from the monotonic one since this was made.

    The counters are those of the network namespace this process is in.
    """

    name = "kernel"

    def __init__(self, netstat: Path = NETSTAT, clock: ClockOffset | None = None) -> None:
        self._netstat = netstat if netstat.exists() else None
        self._clock = clock or ClockOffset()
        self._before = _cpu_seconds()

    def read(self) -> Reading:
        """Return the counters, and the CPU used since the last call as a share of all CPUs.

        Raises:
            SourceUnreadableError: `/proc/net/netstat` is not as expected.
        """
        memory = psutil.virtual_memory()
        values: dict[str, float] = {
            "machine_memory_bytes": float(memory.total),
            "machine_memory_available_bytes": float(memory.available),
        }
        now = _cpu_seconds()
        total = now["total"] - self._before["total"]
        if total > 0:
            # Differences of large sums: a full machine would be a hair beyond 1.
            values["machine_cpu_used_ratio"] = min((now["used"] - self._before["used"]) / total, 1)
            self._before = now
        offset_s = self._clock.seconds()
        if offset_s is not None:
            values["clock_offset_seconds"] = offset_s
        if self._netstat is not None:
            try:
                values |= tcp_counters(self._netstat.read_text(encoding="ascii"))
            except (OSError, ValueError) as error:
                raise SourceUnreadableError(f"{self._netstat} cannot be read: {error}.") from error
        return Reading.of(
            time.time_ns(),
            {Series(self.name, name, "{}"): value for name, value in values.items()},
        )

    def close(self) -> None:
        """Nothing is kept open."""


def _cpu_seconds() -> Mapping[str, float]:
    """Return CPU seconds since boot over all CPUs; guests' time is in `user` already."""
    times = psutil.cpu_times()._asdict()
    total = sum(seconds for kind, seconds in times.items() if not kind.startswith("guest"))
    return {"total": total, "used": total - times["idle"] - times.get("iowait", 0.0)}
