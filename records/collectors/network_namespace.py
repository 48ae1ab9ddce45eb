"""The network that another process is in: its traffic, and connections that were turned away there.

`/proc/<pid>/net` shows it to whoever may see the process. How full each accept queue is, is not
told there at a price that can be paid four times a second: for that the namespace is entered for as
long as it takes to open a socket, which takes the right to do so (CAP_SYS_ADMIN).
"""

import ctypes
import os
import socket
from pathlib import Path
from typing import Final

from dress_rehearsal.records.collectors.kernel import tcp_counters
from dress_rehearsal.records.collectors.listen_queue import open_diagnosis

_CLONE_NEWNET: Final = 0x40000000
_LOOPBACK: Final = "lo"
_FIELDS: Final = {
    "receive": (("bytes", 0), ("packets", 1), ("errors", 2), ("packets_dropped", 3)),
    "transmit": (("bytes", 8), ("packets", 9), ("errors", 10), ("packets_dropped", 11)),
}
"""Columns of `/proc/net/dev`, proc_pid_net(5)."""


def traffic(net: Path) -> dict[str, float]:
    """Return what came and went over a namespace's interfaces, its loopback left out.

    Args:
        net: `/proc/<pid>/net`.

    Raises:
        OSError: the process has ended, or may not be looked at.
        ValueError: the kernel says what nobody expects.
    """
    totals: dict[str, float] = {}
    for line in (net / "dev").read_text(encoding="ascii").splitlines()[2:]:
        interface, _, numbers = line.partition(":")
        if interface.strip() == _LOOPBACK:
            continue
        columns = numbers.split()
        for way, fields in _FIELDS.items():
            for what, place in fields:
                name = f"container_network_{way}_{what}_total"
                totals[name] = totals.get(name, 0.0) + float(columns[place])
    return totals


def turned_away(net: Path) -> float:
    """Return how many connections the namespace's listening sockets have turned away in all.

    Raises:
        OSError, ValueError: as above.
    """
    return tcp_counters((net / "netstat").read_text(encoding="ascii"))["tcp_listen_drops_total"]


def open_diagnosis_of(pid: int) -> socket.socket:
    """Open a socket as `open_diagnosis` does, in the network that a process is in.

    The calling thread is in that network meanwhile, and no other is.

    Raises:
        OSError: it has ended, or this process may not enter its network.
    """
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            _enter(there)
            try:
                return open_diagnosis()
            finally:
                _enter(here)
        finally:
            os.close(there)
    finally:
        os.close(here)


def _enter(namespace: int) -> None:
    """setns(2), which Python has from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
