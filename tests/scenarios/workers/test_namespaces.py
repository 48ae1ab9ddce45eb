"""Three machines, as three network namespaces, one of them 20 ms away: whole, and by one clock."""

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from dress_rehearsal.plans import seeded_roster, write_roster
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.environment_variables import child_environment
from dress_rehearsal.records.timeline import SHARDS_MISSING, WORKER, WORKER_CLOCK, WORKER_LOST
from dress_rehearsal.reports.trust.workers import APART_MS
from dress_rehearsal.scenarios.workers.secret import VARIABLE
from tests.scenarios.conftest import serving
from tests.scenarios.led import STUDENTS, Generator, ended, go, lines_until

pytestmark = pytest.mark.servers

CLONE_NEWNET = 0x40000000
MASTER, NEAR, FAR = "198.18.0.1", "198.18.1.1", "198.18.2.1"
"""Where the master and the target are, and how the other two machines see the first."""
PORT, RELAYED, CONTROL = 6700, 6701, 6702
AWAY_S = 0.02
SECRET = "0123456789abcdef"
LIBC = ctypes.CDLL(None, use_errno=True)


def run(words):
    subprocess.run(words.split(), check=True, timeout=20, capture_output=True)


@pytest.fixture
def elsewhere():
    """Put this thread, and what it starts, into a namespace of its own, beside two others; return
    the words by which a command is run in each of those."""
    why = None
    if os.geteuid() != 0 or not (shutil.which("nsenter") and shutil.which("ip")):
        why = "network namespaces need root, nsenter and ip"
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if why is None and LIBC.unshare(CLONE_NEWNET) != 0:
        why = f"no network namespace: {os.strerror(ctypes.get_errno())}"
    if why is not None and os.environ.get("REHEARSE_REQUIRE_NAMESPACE") == "1":
        pytest.fail(f"{why}; REHEARSE_REQUIRE_NAMESPACE=1 wants it")
    if why is not None:
        pytest.skip(why)
    holders = []
    try:
        run("ip link set lo up")
        run(f"ip addr add {MASTER}/32 dev lo")
        for name, here in (("near", NEAR), ("far", FAR)):
            holder = subprocess.Popen(["unshare", "--net", "sleep", "300"])
            holders.append(holder)
            own = Path("/proc/thread-self/ns/net").readlink()
            while Path(f"/proc/{holder.pid}/ns/net").readlink() == own:
                time.sleep(0.01)
            there = f"{here[:-1]}2"
            run(f"ip link add {name} type veth peer name eth0 netns {holder.pid}")
            run(f"ip addr add {here}/24 dev {name}")
            run(f"ip link set {name} up")
            inside = f"nsenter --net --target {holder.pid} --"
            run(f"{inside} ip addr add {there}/24 dev eth0")
            run(f"{inside} ip link set eth0 up")
            run(f"{inside} ip link set lo up")
            run(f"{inside} ip route add default via {here}")
        yield [["nsenter", "--net", "--target", f"{each.pid}", "--"] for each in holders]
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
        LIBC.setns(home, CLONE_NEWNET)
        os.close(home)


def ordered(line):
    """Give the relay an order once it listens."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        with suppress(OSError), socket.create_connection(("127.0.0.1", CONTROL), 5) as control:
            control.sendall(f"{line}\n".encode())
            assert control.recv(100) == b"ok\n"
            return
        time.sleep(0.05)
    raise AssertionError("the relay does not listen")


def test_three_machines_play_one_rush(elsewhere, tmp_path, small_plan, ticket_office):
    def started(words, log, **variables):
        with (tmp_path / log).open("wb") as output:
            environment = child_environment({**variables, "TMPDIR": str(tmp_path)})
            process = subprocess.Popen(words, env=environment, stdout=output, stderr=output)
        processes.append(process)
        return process

    processes = []
    python = [sys.executable, "-m"]
    with serving("0.0.0.0") as server:
        server.respond = ticket_office(15)
        url = f"http://{MASTER}:{server.port}"
        plan = small_plan(
            event__students=STUDENTS,
            target__stage="external",
            target__url=url,
            target__allow=f'["{MASTER}"]',
            generator__processes=1,
            generator__workers=2,
            generator__listen=f"0.0.0.0:{PORT}",
            generator__workers_within="90s",
        )
        directory = RunDirectory.create(tmp_path / "runs", plan)
        write_roster(tmp_path / "roster.csv", seeded_roster(STUDENTS, 0, 1))
        generator = Generator(
            "dress_rehearsal.scenarios",
            [str(directory.path), str(tmp_path / "roster.csv"), url],
            child_environment({VARIABLE: SECRET}),
            tmp_path / "generator.log",
        )
        try:
            relay = [*python, "dress_rehearsal.compose.relay"]
            started([*relay, f"{RELAYED}", "127.0.0.1", f"{PORT}", f"{CONTROL}"], "relay.log")
            ordered(f"latency {2 * AWAY_S} 0")
            worker = [*python, "dress_rehearsal.rehearsal", "worker", "--within=90s", "--master"]
            workers = [
                started([*inside, *worker, f"{address}:{port}"], log, **{VARIABLE: SECRET})
                for inside, address, port, log in zip(
                    elsewhere, (NEAR, FAR), (PORT, RELAYED), ("near.log", "far.log"), strict=True
                )
            ]
            go(generator)
            list(lines_until(generator, "done"))
            assert ended(generator, 30) == 0
            said = [(tmp_path / name).read_text() for name in ("near.log", "far.log")]
            assert [process.wait(60) for process in workers] == [0, 0], said
        finally:
            generator.end()
            for process in processes:
                process.kill()
                process.wait()
        assert directory.student_table()["outcome"].to_pylist().count("ticket") == 15
        assert directory.request_table().num_rows == len(server.received)
    told = directory.timeline()
    names = [event.name for event in told]
    assert names.count(WORKER) == 3
    assert not {WORKER_LOST, SHARDS_MISSING} & set(names)
    files = {path.name.partition("-")[0] for path in Path(directory.requests).iterdir()}
    assert files == {"worker0", "worker1", "worker2"}
    clocks = [event.detail for event in told if event.name == WORKER_CLOCK]
    # One machine has one clock: what is found must hold it within what is not known.
    assert all(abs(clock["offset_ms"]) <= clock["within_ms"] for clock in clocks)
    far = [clock["within_ms"] for clock in clocks if clock["within_ms"] >= AWAY_S * 1e3]
    assert len(far) >= 2
    assert min(far) < APART_MS
