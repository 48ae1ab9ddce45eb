"""The limit on open files: 12,000 students need more than the 1,024 a shell usually grants."""

import os
import resource
from contextlib import suppress
from pathlib import Path


def raise_file_limit() -> tuple[int, int]:
    """Raise this process's soft limit to its hard one; children started later inherit it.

    Returns:
        The soft and the hard limit now in force.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)


_NICENESS = 5


def step_back(pid: int) -> None:
    """Lower the priority of a process just started, and with it of all that it starts.

    Linux shares processors out by session first, where sessions are autogroups (sched(7)):
    niceness alone would count only against the process's own children.
    """
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)
    # Absent where the kernel has no autogroups or the process has ended; refused where another
    # user's: then the niceness has to do.
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(_NICENESS), encoding="ascii")
