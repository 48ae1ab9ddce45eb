"""Clearing an embedded stage: nothing is left, however the conductor ends and whoever runs it."""

import os
import pwd
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.compose.clearing import sweep
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.plans import Plan
from tests.compose.conductor import interpreter_for

pytestmark = pytest.mark.servers

Identify = Callable[[int], ProcessId]
AllEnd = Callable[[list[ProcessId], float], list[ProcessId]]
Conduct = Callable[..., Any]

CONDUCTOR = """
import json, signal, sys
from pathlib import Path
# A shell has Ctrl-C ignored for what it runs in the background, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
from dress_rehearsal.compose import EmbeddedStage
from dress_rehearsal.plans import Plan, seeded_roster
from dress_rehearsal.records import RunDirectory

plan = Plan.model_validate_json(sys.argv[1])
people = seeded_roster(plan.event.students, 3, seed=1)
with EmbeddedStage(plan, RunDirectory.create(Path(sys.argv[2]), plan), people) as stage:
    pids = [pid for _, pid in stage.components()] + [stage.guardian.pid]
    print(json.dumps({"pids": pids, "folder": str(stage.roster_path.parent)}), flush=True)
    sys.stdin.read()
"""

TELL_TOO_SOON = """
import json, sys
from dress_rehearsal.compose.processes import ProcessGroup

def wait(processes, awaited, ready, within_s=None, real=ProcessGroup.wait):
    if awaited.name == "app":
        pids = [pid for _, pid in processes.members()]
        print(json.dumps({"pids": pids, "folder": str(processes._folder.path)}), flush=True)
        sys.stdin.read()
    real(processes, awaited, ready, within_s)

ProcessGroup.wait = wait
"""


@pytest.fixture
def open_house() -> Iterator[Path]:
    """A folder that user nobody may write to, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="open-house-") as folder:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        yield Path(folder)


def test_root_is_not_needed_and_nothing_is_left_when_the_conductor_is_killed(
    small_plan: Plan, conduct: Conduct, identify: Identify, all_end: AllEnd, open_house: Path
) -> None:
    somebody = interpreter_for("nobody") if os.geteuid() == 0 else None
    conductor = conduct(
        CONDUCTOR, small_plan.model_dump_json(), str(open_house / "runs"), by=somebody
    )
    processes = [identify(pid) for pid in conductor.told["pids"]]
    processes += [child for one in processes for child in one.descendants()]
    owners = {Path(f"/proc/{one.pid}").stat().st_uid for one in processes}
    assert owners == {os.geteuid() or pwd.getpwnam("nobody").pw_uid}
    conductor.end(signal.SIGKILL)
    assert all_end(processes, 20.0) == []
    assert not Path(conductor.told["folder"]).exists()


def test_the_next_run_clears_up_when_even_the_guardian_was_killed(
    naive_plan: Plan, conduct: Conduct, identify: Identify, tmp_path: Path
) -> None:
    conductor = conduct(CONDUCTOR, naive_plan.model_dump_json(), str(tmp_path))
    processes = [identify(pid) for pid in conductor.told["pids"]]
    processes[-1].signal(signal.SIGKILL)
    assert processes[-1].wait(5.0)
    conductor.end(signal.SIGKILL)
    folder = Path(conductor.told["folder"])
    assert any(one.alive for one in processes), "somebody has to be left for this to mean anything"
    sweep()
    assert not any(one.alive for one in processes)
    assert not folder.exists()


def test_ctrl_c_clears_the_stage_whether_it_stands_or_is_still_being_set(
    naive_plan: Plan, conduct: Conduct, identify: Identify, tmp_path: Path
) -> None:
    standing = conduct(CONDUCTOR, naive_plan.model_dump_json(), str(tmp_path))
    being_set = conduct(TELL_TOO_SOON + CONDUCTOR, naive_plan.model_dump_json(), str(tmp_path))
    processes = [
        identify(pid) for conductor in (standing, being_set) for pid in conductor.told["pids"]
    ]
    for conductor in (standing, being_set):
        conductor.process.send_signal(signal.SIGINT)
    for conductor in (standing, being_set):
        assert conductor.process.wait() != 0
        assert not Path(conductor.told["folder"]).exists()
    assert not any(one.alive for one in processes)
