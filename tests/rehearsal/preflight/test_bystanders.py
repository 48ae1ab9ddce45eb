"""What others take now is told with the names of those who take most."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.rehearsal.preflight import bystanders
from dress_rehearsal.rehearsal.preflight.bystanders import Busy, Bystanders, others_than

SHOP = """
import os, socket, sys, time
if os.fork():
    os._exit(0)  # what is left has another parent than the test
listening = socket.create_server(("127.0.0.1", 0))
print(os.getpid(), listening.getsockname()[1], flush=True)
until = time.monotonic() + 30
while time.monotonic() < until:
    pass
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[int]:
    """A busy server called `ticketshop` that descends from nobody here; its port."""
    program = tmp_path / "ticketshop"
    program.symlink_to(os.path.realpath(sys.executable))
    started = subprocess.Popen([program, "-S", "-c", SHOP], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    pid, port = map(int, started.stdout.readline().split())
    started.wait()
    yield port
    os.kill(pid, signal.SIGKILL)
    started.stdout.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_who_serves_an_external_target_is_no_other_program(
    shop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How much of a processor it gets, those beside these tests decide.
    monkeypatch.setattr(bystanders, "_WORTH_A_NAME", 1e-6)

    def named(port: int, **behind: Any) -> set[str]:
        target = {"stage": "external", "url": f"http://127.0.0.1:{port}"}
        plan = Plan.model_validate({"name": "there", "target": target, **behind})
        with others_than(plan) as others:
            busy = others.busy()
        assert busy is not None
        return {name for name, _ in busy.programs}

    assert "ticketshop" not in named(shop)
    assert any("ticketshop" in named(shop + 1) for _ in range(20))
    # Nor is the database behind it that the plan reads, or a server of its metrics.
    monkeypatch.setenv("SHOP_DSN", f"mysql+pymysql://reader:secret@127.0.0.1:{shop}/shop")
    sql = {"name": "orders", "dsn_env": "SHOP_DSN", "query": "SELECT 1"}
    answer = {"name": "orders", "url": f"http://127.0.0.1:{shop}/orders"}
    assert "ticketshop" not in named(shop + 1, ledgers=[sql])
    assert "ticketshop" not in named(shop + 1, ledgers=[answer])
    monkeypatch.delenv("SHOP_DSN")
    assert any("ticketshop" in named(shop + 1, ledgers=[sql]) for _ in range(20))


def test_others_are_told_in_words() -> None:
    programs = (("python3", 1.0), ("chrome", 0.5), ("make", 0.1), ("sh", 0.06))
    assert Busy(1.7, 2, programs).words == ("1.7 of 2 cores (python3 1.0, chrome 0.5, make 0.1)")
    assert Busy(0.0, 64, ()).words == "0.0 of 64 cores"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_this_machines_others_are_counted() -> None:
    busy = Bystanders().busy()
    assert busy is not None
    assert 0 <= busy.cores <= busy.cpus + 0.5
    assert all(cores >= 0.05 for _, cores in busy.programs)


def test_a_system_that_does_not_tell_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bystanders.MachineCpu, "available", staticmethod(lambda: False))
    monkeypatch.setattr(bystanders, "_LEAST_S", 0.0)
    assert Bystanders().busy() is None


def test_a_quiet_machine_is_waited_for_and_a_busy_one_not_for_ever(monkeypatch):
    seen = iter([1.2, 0.9, 0.1])
    looks = []

    def busy(_):
        looks.append(next(seen))
        return bystanders.Busy(looks[-1], 2, ())

    monkeypatch.setattr(bystanders.Bystanders, "busy", busy)
    assert bystanders.await_quiet(0.3, within_s=60)
    assert looks == [1.2, 0.9, 0.1]
    seen = iter([1.2] * 9)
    assert not bystanders.await_quiet(0.3, within_s=0)
    monkeypatch.setattr(bystanders.Bystanders, "busy", lambda _: None)
    assert bystanders.await_quiet(0.3, within_s=60)
