"""The kernel's counters of lost connection attempts are read right."""

import socket
import sys
import time
from pathlib import Path

import pytest

from dress_rehearsal.records.clock import ClockOffset
from dress_rehearsal.records.collectors.kernel import NETSTAT, Kernel, tcp_counters
from dress_rehearsal.records.samples import SourceUnreadableError

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@linux
def test_an_overflow_that_is_provoked_is_counted(listening: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as full:
        before = tcp_counters(NETSTAT.read_text())
        clients = [socket.socket() for _ in range(6)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        after = tcp_counters(NETSTAT.read_text())
        for client in clients:
            client.close()

    assert after["tcp_listen_overflows_total"] > before["tcp_listen_overflows_total"]
    assert after["tcp_listen_drops_total"] > before["tcp_listen_drops_total"]
    assert after["tcp_syn_retrans_total"] >= before["tcp_syn_retrans_total"]


@linux
def test_the_kernel_tells_its_counters_and_the_cpu_used() -> None:
    kernel = Kernel()
    sum(range(1_000_000))  # the clock of CPU time moves in hundredths of a second
    names: dict[str, float] = {}
    while "machine_cpu_used_ratio" not in names:
        reading = kernel.read()
        names |= {s.name: v for s, v in zip(reading.series, reading.values, strict=True)}

    assert {"tcp_listen_overflows_total", "tcp_listen_drops_total", "tcp_syn_retrans_total"} < set(
        names
    )
    assert 0 <= names["machine_cpu_used_ratio"] <= 1


def test_elsewhere_than_on_linux_the_counters_are_absent(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path / "no-netstat")

    assert "tcp_listen_drops_total" not in {series.name for series in kernel.read().series}


def test_a_netstat_that_is_not_as_expected_is_named(tmp_path: Path) -> None:
    (tmp_path / "netstat").write_text("TcpExt: ListenDrops\n")

    with pytest.raises(SourceUnreadableError, match="netstat cannot be read"):
        Kernel(tmp_path / "netstat").read()


def test_a_clock_that_is_set_is_told_of() -> None:
    ahead_ns = [0]
    kernel = Kernel(clock=ClockOffset(lambda: time.time_ns() + ahead_ns[0]))

    def offset() -> float:
        reading = kernel.read()
        names = [series.name for series in reading.series]
        return reading.values[names.index("clock_offset_seconds")]

    assert offset() == 0
    ahead_ns[0] = 9_000_000_000
    assert offset() == pytest.approx(9, abs=0.01)
