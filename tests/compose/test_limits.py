"""As many open files as the system grants, and the processor after the generator."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable

from dress_rehearsal.compose.limits import lower_priority, raise_file_limit


def test_the_soft_limit_becomes_the_hard_one_and_children_inherit_it() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        soft, hard = raise_file_limit()
        assert soft == hard == before[1]
        code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert int(child.stdout) == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_process_of_the_stage_steps_back_and_one_that_has_ended_is_no_error(
    sleeper: Callable[..., "subprocess.Popen[bytes]"],
) -> None:
    process = sleeper(start_new_session=True)
    lower_priority(process.pid)
    own = os.getpriority(os.PRIO_PROCESS, 0)  # these tests may be run under `nice`
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == max(10, own)
    process.kill()
    process.wait()
    lower_priority(process.pid)
