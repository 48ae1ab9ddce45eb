"""What is on record of a stage, as a conductor writes it, and as one leaves it that was killed."""

import os
from pathlib import Path

from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.stage_record import RecordedProcess


def on_record(running: ProcessId, name: str = "app", ends_itself_s: float = 0.0) -> RecordedProcess:
    return RecordedProcess(name, running.pid, running.started, ("SIGTERM",), ends_itself_s, 2.0)


def left_behind(*recorded: RecordedProcess) -> Path:
    """Make a folder as a conductor leaves it that was killed together with its guardian."""
    folder = StageFolder.create()
    for one in recorded:
        folder.record(one)
    os.close(folder.lock)
    return folder.path
