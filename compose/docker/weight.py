"""How much the containers of a stage weigh against everything else that wants a processor.

As the processes of the embedded stage, they stand back behind the generator: one that is late
measures nothing. Docker knows weights among containers only, so a stage's are put into a control
group of their own, which then weighs less. That takes root, and Docker's driver `cgroupfs`; without
them the containers weigh what Docker has them weigh.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import docker

from dress_rehearsal.compose.docker.daemon import doing

_ROOT: Final = Path("/sys/fs/cgroup")
_SHARES: Final = 110
"""What a process of niceness 10 weighs; one of niceness 0 and a control group weigh 1024."""
_WEIGHT: Final = 11
"""The same in version 2, where a group weighs 100."""


def parent_group(client: docker.DockerClient, stage: str) -> str | None:
    """Return the control group that a stage's containers are to be in; None: Docker's usual one.

    Raises:
        StageUnusableError: the daemon does not answer.
    """
    with doing("the stage is not set: Docker's daemon cannot be asked"):
        driver = client.info().get("CgroupDriver")
    if driver != "cgroupfs" or os.geteuid() != 0:
        return None
    return f"/{stage}"


def lower(stage: str) -> None:
    """Have a stage's control group weigh less, once its first container has made it."""
    for name, weight in (("cpu.shares", _SHARES), ("cpu.weight", _WEIGHT)):
        for group in _groups(stage):
            with suppress(OSError):  # not a tree of the processors
                if (group / name).exists():
                    (group / name).write_text(f"{weight}\n", encoding="ascii")


def remove_group(stage: str) -> None:
    """Remove a stage's control group, which Docker leaves behind empty."""
    for group in _groups(stage):
        with suppress(OSError):  # somebody is in it, who is none of ours
            group.rmdir()


def _groups(stage: str) -> Iterator[Path]:
    """Return the stage's folder in each tree of control groups: one in version 2."""
    seen: set[tuple[int, int]] = set()
    for tree in (_ROOT, *(path for path in _ROOT.glob("*") if path.is_dir())):
        group = tree / stage
        if not group.is_dir():
            continue
        found = group.stat()
        if (found.st_dev, found.st_ino) not in seen:  # cpu and cpuacct may be one tree
            seen.add((found.st_dev, found.st_ino))
            yield group
