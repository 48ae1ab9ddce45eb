"""A user's own code connects to this machine and to allowed hosts, and nowhere else."""

import socket

import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.sections.scenario import Scenario
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.scenarios import reach as module
from dress_rehearsal.scenarios.reach import Reach

_TRY = """
import socket, sys
from dress_rehearsal.scenarios.reach import Reach
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


@pytest.fixture
def tried(apart):
    """Connect to a host in a process of its own; return what was said."""

    def said(host: str) -> str:
        done = apart(_TRY, host)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return said


@pytest.mark.parametrize("host", ["192.0.2.7", "10.1.2.3"])
def test_a_connection_to_another_host_is_refused_before_it_is_made(tried, host):
    said = tried(host)
    assert f"ConnectionRefusedError No load is sent to {host}: " in said
    assert f"{{'{host}': 1}}" in said
    assert said.count("datagram No load is sent to") == 2
    assert said.endswith(f"{{'{host}': 3}}\n")


def test_this_machine_may_be_asked(tried):
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


_SCENARIO = """
import sys
from pathlib import Path
from dress_rehearsal.scenarios.__main__ import know_whose
import socket
from gevent import monkey
know_whose(Path(sys.argv[1]), "http://127.0.0.1:1")
for host in sys.argv[2:]:
    try:
        socket.create_connection((host, 1), timeout=0.1)
    except OSError as error:
        print(error)
"""


@pytest.mark.parametrize("file", ["shop.py", None])
def test_a_scenario_of_ones_own_keeps_to_the_target_too(apart, tmp_path, file):
    target = Target(stage="external", url="http://127.0.0.1:1")
    plan = Plan(name="shop", target=target, scenario=Scenario(file=file))
    hosts = ["127.0.0.1", *(["192.0.2.7"] if file else [])]  # else it would be sent
    done = apart(_SCENARIO, RunDirectory.create(tmp_path, plan).path, *hosts)
    assert done.returncode == 0, done.stderr
    assert ("No load is sent to 192.0.2.7" in done.stdout) == (file is not None)
    assert "No load is sent to 127.0.0.1" not in done.stdout


def test_the_students_own_client_is_left_alone():
    """It looked the target's addresses up once, and knows where it may go."""

    class Ours(socket.socket):
        pass

    guarded = Reach("http://192.0.2.1", [], Ours)
    with Ours() as ours, socket.socket() as theirs:
        guarded._look("socket.connect", (ours, ("192.0.2.7", 9)))
        with pytest.raises(ConnectionRefusedError, match=r"No load is sent to 192\.0\.2\.7"):
            guarded._look("socket.connect", (theirs, ("192.0.2.7", 9)))
    assert guarded.refused == {"192.0.2.7": 1}
