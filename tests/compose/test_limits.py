"""12,000 students need as many open files as the system grants."""

import resource
import subprocess
import sys

from dress_rehearsal.compose import raise_file_limit


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
