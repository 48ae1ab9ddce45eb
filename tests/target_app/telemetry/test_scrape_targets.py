"""The announcement of a process that has ended is taken away, reaped or not."""

import os
import subprocess
import sys
from pathlib import Path

from dress_rehearsal.target_app.telemetry.scrape_targets import _machine, remove_dead_targets


def announce(folder: Path, pid: int) -> Path:
    path = folder / f"app-{_machine()}-{pid}.json"
    path.write_text("[]")
    return path


def test_of_those_announced_only_who_runs_stays(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as ended:
        assert ended.stdout is not None
        ended.stdout.read()  # it has ended
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # and is left unreaped
        zombie, ours = announce(tmp_path, ended.pid), announce(tmp_path, os.getpid())
        remove_dead_targets(tmp_path)
        assert not zombie.exists()
        assert ours.exists()
