"""Who serves certain ports of this machine: the listeners, and the containers behind them (Linux).

A listener is found by its socket among a process' open files. That takes the right to look into
the process; where it lacks, all processes of the user whose socket it is are taken for the owners,
unless that user is root or ourselves. Of a port that Docker publishes the listener is a proxy,
and who serves it are the processes in the network of the container that the proxy names.
"""

import itertools
import os
import re
import socket
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from dress_rehearsal.records.collectors.listen_queue import (
    ListenQueue,
    listen_queues,
    open_diagnosis,
)
from dress_rehearsal.records.collectors.process_table import ProcessTable

PROXY: Final = "docker-proxy"
_SOCKET: Final = re.compile(r"socket:\[(\d+)\]")
_PROC: Final = Path("/proc")
_ROOT: Final = 0


class PortOwners:
    """Finds who serves some ports, looking through open files only when a listener is new.

    Args:
        proc: where the processes are told of.
    """

    def __init__(self, ports: Iterable[int], proc: Path = _PROC) -> None:
        self._ports = frozenset(ports)
        self._proc = proc
        self._diagnosis: socket.socket | None = None
        self._known: dict[int, set[int]] = {}
        """Listening sockets, by their inodes, and the pids that were found to hold them."""

    def pids(self, table: ProcessTable, own: AbstractSet[int]) -> set[int]:
        """Return the pids of those that serve the ports; `own` are known and not looked through."""
        try:
            listeners = self._listeners()
        except OSError:
            self.close()
            return set()
        inodes = {each.inode for each in listeners}
        if inodes - self._known.keys():
            self._known = _holders(self._proc, table.keys() - own, inodes)
        found = {pid for pids in self._known.values() for pid in pids if pid in table}
        strange = {each.uid for each in listeners if not self._known.get(each.inode)}
        found |= set(_of_users(self._proc, table, strange - {_ROOT, os.geteuid()}))
        return found | self._in_containers(table)

    def close(self) -> None:
        """Close the netlink socket."""
        if self._diagnosis is not None:
            self._diagnosis.close()
            self._diagnosis = None

    def _listeners(self) -> list[ListenQueue]:
        if self._diagnosis is None:
            self._diagnosis = open_diagnosis()
        return [each for each in listen_queues(self._diagnosis) if each.port in self._ports]

    def _in_containers(self, table: ProcessTable) -> set[int]:
        """Return the processes in the networks that Docker's proxies of the ports lead to."""
        proxies = [process.pid for process in table.values() if process.name == PROXY]
        lines = (_read(self._proc / str(pid) / "cmdline").split("\0") for pid in proxies)
        addresses = {address for line in lines if (address := container_address(line, self._ports))}
        if not addresses:
            return set()
        return {pid for pid in table if addresses & local_addresses(self._proc, pid)}


def container_address(command: list[str], ports: AbstractSet[int]) -> str | None:
    """Return where a `docker-proxy` leads, as its command line says; None: another port's."""
    options = dict(itertools.pairwise(command))
    port = options.get("-host-port", "")
    return options.get("-container-ip") if port.isdigit() and int(port) in ports else None


def local_addresses(proc: Path, pid: int) -> set[str]:
    """Return the IPv4 addresses of the network that a process is in."""
    lines = [line.strip() for line in _read(proc / str(pid) / "net" / "fib_trie").splitlines()]
    return {
        before.removeprefix("|-- ")
        for before, line in itertools.pairwise(lines)
        if line == "/32 host LOCAL"
    }


def _holders(proc: Path, pids: Iterable[int], inodes: AbstractSet[int]) -> dict[int, set[int]]:
    """Return for each socket the processes that have it open, as far as one may look."""
    held: dict[int, set[int]] = {inode: set() for inode in inodes}
    for pid in pids:
        for inode in _sockets(proc / str(pid) / "fd"):
            if inode in held:
                held[inode].add(pid)
    return held


def _sockets(folder: Path) -> Iterator[int]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                found = _SOCKET.fullmatch(os.readlink(entry.path))  # noqa: PTH115 — by thousands
                if found is not None:
                    yield int(found[1])
    except OSError:
        return  # ended meanwhile, or another user's


def _of_users(proc: Path, pids: Iterable[int], users: AbstractSet[int]) -> Iterator[int]:
    for pid in pids if users else ():
        try:
            if (proc / str(pid)).stat().st_uid in users:
                yield pid
        except OSError:
            continue  # ended meanwhile


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
