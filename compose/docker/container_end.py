"""How a container ended, as Docker's daemon tells it."""

import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import docker
import docker.errors
import psutil
import requests
from docker.models.containers import Container

from dress_rehearsal.compose.errors import describe_exit
from dress_rehearsal.plans.types import format_size

_SIGNALLED: Final = 128
"""A container that a signal ended has this added to its number for an exit code."""
_MOST_SIGNAL: Final = 64
"""The highest number of a signal on Linux; a program may end with any other code by itself."""
_TELLS_S: Final = 5.0
"""How long the daemon may take to tell how a process ended that is gone."""
_POLL_S: Final = 0.02
_UNIFIED: Final = Path("/sys/fs/cgroup/cgroup.controllers")
"""Is there where version 2 of cgroups is, and alone."""


@dataclass(frozen=True, slots=True)
class ContainerEnd:
    """The end of one.

    Attributes:
        exit_code: as `subprocess` has it: negative is a signal.
        out_of_memory: whether the kernel killed something in it for want of memory.
        memory_limit: what it could have at most then, as people read it; "": all the machine has.
    """

    exit_code: int
    out_of_memory: bool = False
    memory_limit: str = ""

    @property
    def words(self) -> str:
        """How it ended, and whose memory had run out where that was why."""
        words = describe_exit(self.exit_code)
        if not self.out_of_memory:
            return words
        # Docker hears of version 1 that a limit was used up, of version 2 only that somebody died.
        if self.memory_limit and not _UNIFIED.exists():
            return f"{words} for needing more memory than its limit of {self.memory_limit}"
        if self.memory_limit:
            return (
                f"{words} because memory had run out: its limit of {self.memory_limit} or the "
                f"whole machine's"
            )
        return f"{words} because the whole machine had no memory left"


def end_of(container: Container) -> ContainerEnd | None:
    """Return how a container ended; None: the daemon takes it for running.

    The daemon may learn of it a moment after its first process is gone. Where somebody removed the
    container, or the daemon does not answer, nobody can tell: then it counts as killed.
    """
    deadline = time.monotonic() + _TELLS_S
    while True:
        try:
            container.reload()
        except (docker.errors.DockerException, requests.RequestException):
            return ContainerEnd(-signal.SIGKILL)
        state = container.attrs["State"]
        if state["Status"] in ("exited", "dead"):
            code = int(state["ExitCode"])
            most = int(container.attrs["HostConfig"]["Memory"] or 0)
            limited = 0 < most < psutil.virtual_memory().total
            return ContainerEnd(
                _SIGNALLED - code if 0 < code - _SIGNALLED <= _MOST_SIGNAL else code,
                bool(state.get("OOMKilled")),
                format_size(most) if limited else "",
            )
        if time.monotonic() > deadline:
            return None
        time.sleep(_POLL_S)
