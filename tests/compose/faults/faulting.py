"""Faults as tests strike them, and what becomes of a stage's processes meanwhile."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from dress_rehearsal.compose import EmbeddedStage, Loss
from dress_rehearsal.plans import Fault


def fault(name: str, **more: Any) -> Fault:
    return Fault.model_validate({"name": name, "at": "T-1s", **more})


def names(stage: EmbeddedStage) -> set[str]:
    return {name for name, _ in stage.components()}


def pids(stage: EmbeddedStage, name: str) -> list[int]:
    return [pid for component, pid in stage.components() if component == name]


def await_loss(stage: EmbeddedStage) -> Loss:
    deadline = time.monotonic() + 10
    while not (losses := stage.lost()):
        assert time.monotonic() < deadline, "nothing was lost"
        time.sleep(0.01)
    (loss,) = losses
    return loss


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def on_record(stage: EmbeddedStage) -> set[int]:
    record = json.loads((stage.roster_path.parent / "stage.json").read_text())
    return {entry["pid"] for entry in record["processes"]}


def state(pid: int) -> str:
    """How a process is, as the kernel has it: `T` is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def hogs_beside(known: set[int]) -> set[int]:
    """Hogs that are none of `known`, and none of this process' descendants."""
    ours = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    found = set()
    for process in psutil.process_iter(["cmdline"]):
        if "until_s = time.monotonic()" in " ".join(process.info["cmdline"] or []):
            found.add(process.pid)
    return found - ours - known
