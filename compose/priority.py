"""Priority: on one machine the stage steps back behind the generator.

A generator that is starved makes less load than planned and measures its own waiting; a target
that is starved is slower, which is what a rehearsal on a small machine is about to find out. So
where both want the same processor, the generator goes first.
"""

import os
from contextlib import suppress
from pathlib import Path

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
