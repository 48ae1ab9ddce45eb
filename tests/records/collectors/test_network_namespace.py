"""Another network is read from outside: what it turned away, and how full its queues are."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dress_rehearsal.records.collectors.listen_queue import ListenQueues
from dress_rehearsal.records.collectors.network_namespace import open_diagnosis_of, turned_away

PORT = 8080
ELSEWHERE = """
import ctypes, fcntl, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x40000000) != 0:
    sys.exit("not permitted")
with socket.socket() as up:  # its loopback, which is down: SIOCSIFFLAGS, IFF_UP
    fcntl.ioctl(up, 0x8914, struct.pack("16sH14x", b"lo", 1))
server = socket.create_server(("127.0.0.1", 8080), backlog=1)
print("listening", flush=True)
for line in sys.stdin:
    clients = [socket.socket() for _ in range(6)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(server.getsockname())
    print("asked", flush=True)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@pytest.fixture
def elsewhere() -> Iterator["subprocess.Popen[str]"]:
    """A process with a network of its own, which listens there and overflows when it is asked."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", ELSEWHERE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "listening\n":
            pytest.skip("no network can be made here")
        yield process
        process.kill()


def overflow(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "asked\n"


def test_a_queue_in_another_network_is_seen_as_one_in_ours(
    elsewhere: "subprocess.Popen[str]",
) -> None:
    here = Path("/proc/thread-self/ns/net").readlink()
    queues = ListenQueues(
        [PORT], "containers", {"container": "app-1"}, lambda: open_diagnosis_of(elsewhere.pid)
    )
    queues.read()
    overflow(elsewhere)
    _, series, values = queues.read()
    queues.close()
    assert Path("/proc/thread-self/ns/net").readlink() == here, "this thread is back"
    told = {each.name: value for each, value in zip(series, values, strict=True)}
    assert {each.labels for each in series} == {'{"container":"app-1","port":"8080"}'}
    assert told["listen_queue_limit"] == 1
    assert told["listen_queue_length"] == 2
    assert told["listen_queue_drops_total"] >= 4


def test_without_the_right_to_enter_what_was_turned_away_is_known_in_all(
    elsewhere: "subprocess.Popen[str]",
) -> None:
    net = Path(f"/proc/{elsewhere.pid}/net")
    assert turned_away(net) == 0
    overflow(elsewhere)
    assert turned_away(net) >= 4


def test_the_network_of_a_process_that_has_ended_cannot_be_entered() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "pass"]) as process:
        process.wait(10)
    with pytest.raises(OSError):
        open_diagnosis_of(process.pid)
