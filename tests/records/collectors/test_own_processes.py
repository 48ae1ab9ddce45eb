"""Own processes are told from others: by descent, by the marker, by the ports they serve."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dress_rehearsal.records.collectors.own_processes import (
    DAEMONS,
    Household,
    OwnProcesses,
    kernel_threads,
    with_descendants,
)
from dress_rehearsal.records.collectors.port_owners import PortOwners, container_address
from dress_rehearsal.records.collectors.process_table import Process, read_process_table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")

SLEEP = "import time; time.sleep(60)"
LISTEN = """
import socket, time
server = socket.create_server(("127.0.0.1", {port}))
"""
FORK = "import os, time; os.fork(); time.sleep(60)"


def table_of(*rows: tuple[int, int, str]) -> dict[int, Process]:
    return {pid: Process(pid, name, parent, 5, 0, 0) for pid, parent, name in rows}


@contextmanager
def nobodys(code: str, **environment: str) -> Iterator[int]:
    """Start a process whose parent is gone at once, as a daemon's is; give its pid."""
    start = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', sys.argv[1]], "
        "start_new_session=True, stdout=subprocess.DEVNULL); print(p.pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", start, code],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    pid = int(done.stdout)
    try:
        yield pid
    finally:
        os.killpg(pid, signal.SIGKILL)


def eventually(look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if look():
            return True
        time.sleep(0.02)
    return False


def test_whoever_descends_from_an_own_process_is_own() -> None:
    table = table_of((1, 0, "init"), (10, 1, "us"), (20, 10, "app"), (21, 20, "w"), (30, 1, "x"))
    assert with_descendants(table, {10, 99}) == {10, 20, 21}
    assert with_descendants(table, {21}) == {21}
    assert with_descendants(table, set()) == set()


def test_this_process_and_its_children_are_own_and_a_stranger_is_not() -> None:
    own = OwnProcesses(Household(lambda: [os.getpid()]))
    with (
        nobodys(SLEEP) as stranger,
        subprocess.Popen([sys.executable, "-c", SLEEP]) as child,
    ):
        found = own.among(read_process_table())
        child.kill()
    assert {os.getpid(), child.pid} <= found
    assert stranger not in found
    assert os.getppid() not in found


def test_an_own_process_stays_own_when_its_parent_has_ended() -> None:
    own = OwnProcesses(Household(lambda: [10]))
    assert 21 in own.among(table_of((1, 0, "init"), (10, 1, "us"), (20, 10, "app"), (21, 20, "w")))
    orphaned = table_of((1, 0, "init"), (10, 1, "us"), (21, 1, "w"))
    assert own.among(orphaned) == {10, 21}
    recycled = {**orphaned, 21: orphaned[21]._replace(started=77)}
    assert own.among(recycled) == {10}, "the pid is another's by now"


def but_daemons(own: OwnProcesses) -> set[int]:
    table = read_process_table()
    return {pid for pid in own.among(table) if table[pid].name not in DAEMONS}


def test_who_carries_the_stages_marker_is_own() -> None:
    marker = {"DRESS_REHEARSAL_STAGE": "/tmp/dr-abc"}
    own = OwnProcesses(Household(list, marker))
    with (
        nobodys(FORK, **marker) as daemon,
        nobodys(SLEEP, DRESS_REHEARSAL_STAGE="/tmp/dr-abcd") as other,
    ):
        assert eventually(lambda: len(but_daemons(own)) == 2)
        found = but_daemons(own)
    assert daemon in found
    assert other not in found, "another rehearsal is others' too"


def test_dockers_daemons_are_own_and_what_runs_in_containers_is_not() -> None:
    table = table_of((1, 0, "init"), (5, 1, "dockerd"), (6, 1, "containerd-shim"), (7, 6, "chrome"))
    assert OwnProcesses(Household(list)).among(table) == {5, 6}


def test_kernel_threads_are_nobodys_where_they_are_seen() -> None:
    table = table_of((1, 0, "init"), (2, 0, "kthreadd"), (3, 2, "kworker"), (9, 1, "x"))
    assert kernel_threads(table) == {2, 3}
    assert kernel_threads(table_of((1, 0, "init"), (2, 1, "bash"), (3, 2, "vi"))) == set()


def test_who_listens_on_the_targets_port_is_own(listening: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = OwnProcesses(Household(list, ports=frozenset({port})))
    assert but_daemons(own) == set()
    with nobodys(LISTEN.format(port=port) + FORK) as target:
        assert eventually(lambda: target in own.among(read_process_table()))
        assert eventually(lambda: len(but_daemons(own)) == 2), "its child as well"
    own.close()


def test_open_files_are_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []
    module = "dress_rehearsal.records.collectors.port_owners"
    monkeypatch.setattr(f"{module}._sockets", lambda folder: looked.append(folder) or iter(()))
    with socket.create_server(("127.0.0.1", 0)) as server:
        owners = PortOwners([server.getsockname()[1]])
        table = read_process_table()
        owners.pids(table, own=set())
        first = len(looked)
        owners.pids(table, own=set())
        owners.close()
    assert first == len(table) == len(looked)


def test_where_one_may_not_look_the_sockets_user_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "dress_rehearsal.records.collectors.port_owners"
    monkeypatch.setattr(f"{module}._sockets", lambda folder: iter(()))
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr(f"{module}._ROOT", 4712)
    with socket.create_server(("127.0.0.1", 0)) as server:
        owners = PortOwners([server.getsockname()[1]])
        assert os.getpid() in owners.pids(read_process_table(), own=set())
        monkeypatch.setattr(f"{module}._ROOT", os.getuid())
        assert owners.pids(read_process_table(), own=set()) == set()
        owners.close()


PROXY = ["/usr/bin/docker-proxy", "-proto", "tcp", "-host-ip", "127.0.0.1", "-host-port", "8000"]
PROXY += ["-container-ip", "172.17.0.2", "-container-port", "80"]


def test_a_published_port_leads_into_its_container(tmp_path: Path) -> None:
    assert container_address(PROXY, {8000}) == "172.17.0.2"
    assert container_address(PROXY, {80}) is None

    (tmp_path / "50").mkdir()
    (tmp_path / "50" / "cmdline").write_text("\0".join(PROXY))
    for pid, address in ((60, "172.17.0.2"), (61, "172.17.0.3")):
        (tmp_path / str(pid) / "net").mkdir(parents=True)
        trie = f"Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- {address}\n        /32 host LOCAL\n"
        (tmp_path / str(pid) / "net" / "fib_trie").write_text(trie)
    table = table_of((50, 1, "docker-proxy"), (60, 55, "python"), (61, 56, "chrome"))
    owners = PortOwners([8000], proc=tmp_path)
    assert owners.pids(table, own=set()) == {60}
    owners.close()
