"""A locustfile's code connects to this machine and to allowed hosts, and nowhere else."""

import subprocess
import sys

import pytest

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


def test_this_machine_may_be_asked():
    assert tried("127.0.0.1").strip().endswith("{}")
