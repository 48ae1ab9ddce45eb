"""A locustfile's code connects to this machine and to allowed hosts, and nowhere else."""

import subprocess
import sys

import pytest

from dress_rehearsal.scenarios.locustfiles import reach as module
from dress_rehearsal.scenarios.locustfiles.reach import Reach

_TRY = """
import socket, sys
from dress_rehearsal.scenarios.locustfiles.reach import Reach
reach = Reach("http://127.0.0.1:1", ["192.0.2.9"])
reach.guard()
with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sender:
    sender.settimeout(0.05)
    try:
        sender.connect((sys.argv[1], 9))
    except OSError as error:
        print(type(error).__name__, error)
print(dict(reach.refused))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    for send in (sender.sendto, lambda data, to: sender.sendmsg([data], [], 0, to)):
        try:
            send(b"?", (sys.argv[1], 9))
        except ConnectionRefusedError as error:
            print("datagram", error)
print(dict(reach.refused))
"""


def tried(host: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _TRY, host],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("host", ["192.0.2.7", "10.1.2.3"])
def test_a_connection_to_another_host_is_refused_before_it_is_made(host):
    said = tried(host)
    assert f"ConnectionRefusedError No load is sent to {host}: " in said
    assert f"{{'{host}': 1}}" in said
    assert said.count("datagram No load is sent to") == 2
    assert said.endswith(f"{{'{host}': 3}}\n")


def test_this_machine_may_be_asked():
    assert tried("127.0.0.1").strip().endswith("{}")


def test_a_host_whose_address_changes_meanwhile_is_followed(monkeypatch):
    answers = iter([["192.0.2.1"], ["192.0.2.2"], ["192.0.2.3"]])
    monkeypatch.setattr(module, "_addresses_of", lambda name: next(answers))
    monkeypatch.setattr(module, "_AGAIN_S", 0.0)
    target = Reach("http://shop.example", [])
    allowed = target._is_allowed
    assert [allowed(f"192.0.2.{last}") for last in (1, 2, 1, 9)] == [True, True, True, False]


def test_a_stranger_does_not_have_the_host_looked_up_each_time(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(module, "_addresses_of", lambda name: asked.append(name) or [])
    target = Reach("http://shop.example", [])
    assert not any(target._is_allowed("192.0.2.9") for _ in range(100))
    assert len(asked) <= 2
