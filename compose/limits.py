"""What the system lets a process have: open files enough, and the processor after others.

Both are set for a process and inherited by what it starts. 12,000 students need more open files
than the 1,024 a shell usually grants. And on one machine the stage steps back behind the
generator: a generator that is starved makes less load than planned and measures its own waiting,
while a target that is starved is slower, which is what a rehearsal on a small machine is about to
find out. So where both want the same processor, the generator goes first.
"""

import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import Final

_NICENESS: Final = 10


def raise_file_limit() -> tuple[int, int]:
    """Raise this process's soft limit on open files to its hard one.

    Returns:
        The soft and the hard limit now in force.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def lower_priority(pid: int) -> None:
    """Lower the priority of a process just started, and with it of all that it starts.

    Linux shares processors out by session first, where sessions are autogroups (sched(7)):
    niceness alone would count only against the process's own children.
    """
    with suppress(ProcessLookupError):
        # Started under `nice`, it may stand back further already: only root could bring it forward.
        before = os.getpriority(os.PRIO_PROCESS, pid)
        os.setpriority(os.PRIO_PROCESS, pid, max(before, _NICENESS))
    # Absent where the kernel has no autogroups or the process has ended; refused where another
    # user's: then the niceness has to do.
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(_NICENESS), encoding="ascii")
