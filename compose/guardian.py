"""The guardian: a small process that clears a stage when its conductor dies without doing so.

It holds the reading end of a pipe whose only writing end is the conductor's. When the conductor
is gone, however it went, the kernel closes that end, and the guardian stops everything on the
stage's record and deletes the folder.
"""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import psutil

from dress_rehearsal.compose.clearing import CLEARING_S, clear
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.pids import ProcessId, kill_remnants
from dress_rehearsal.compose.process import (
    KILLED_S,
    ended,
    python_module,
)
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.stage_record import RecordedProcess
from dress_rehearsal.records.environment_variables import child_environment
from dress_rehearsal.records.files import remedy

_DONE = b"done\n"
_ENDS_ITSELF_S = 8.0
_HEARS_S = 5.0
"""What it may take to hear that there is nothing to do, and to end."""
_CLEARS_S = CLEARING_S + 10.0
"""What it may take to clear a stage in the conductor's stead, and to end."""


class Guardian:
    """The conductor's side: starts the guardian, puts processes on record, releases it."""

    def __init__(self, folder: StageFolder, process: "subprocess.Popen[bytes]") -> None:
        self._folder = folder
        self._process = process

    @classmethod
    def start(cls, folder: StageFolder, log: Path) -> "Guardian":
        """Start the guardian of `folder`.

        Raises:
            StageUnusableError: it cannot be started.
        """
        try:
            with log.open("ab") as output:
                process = subprocess.Popen(
                    [*python_module("dress_rehearsal.compose.guardian"), str(folder.path)],
                    env=child_environment(),
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(folder.lock,),
                )
        except OSError as error:
            raise StageUnusableError(
                f"The stage is not set: its guardian cannot be started: "
                f"{error.filename or sys.executable}: {error.strerror or error}; "
                f"{remedy(error, 'see whether it can be run and written to')}."
            ) from error
        return cls(folder, process)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def trouble(self) -> str | None:
        """Why it could guard nothing any more, in a sentence; None while it can."""
        try:
            state = psutil.Process(self.pid).status()
        except psutil.NoSuchProcess:
            state = psutil.STATUS_DEAD
        words = {
            psutil.STATUS_ZOMBIE: "ended",
            psutil.STATUS_DEAD: "ended",
            psutil.STATUS_STOPPED: "was stopped",
        }
        if state not in words:
            return None
        return (
            f"guardian (pid {self.pid}) {words[state]} though nobody asked it to: had the "
            f"conductor died too, nobody would have cleared the stage until the next run."
        )

    def watch(self, name: str, pid: int) -> None:
        """Have a process stopped should the conductor die: the generator, for one.

        It gets 8 s to notice by itself, for its last records, before it is asked and killed.
        """
        identity = ProcessId.of(pid)
        if identity is not None:
            self._folder.record(
                RecordedProcess(
                    name,
                    identity.pid,
                    identity.started,
                    stop_signals=("SIGTERM",),
                    ends_itself_s=_ENDS_ITSELF_S,
                    patience_s=1.0,
                )
            )

    def forget(self, pid: int) -> None:
        """Stop caring about a process that has ended."""
        self._folder.forget(pid)

    def release(self) -> None:
        """Tell it that the stage is cleared, and see it end, by SIGKILL if need be."""
        with contextlib.suppress(BrokenPipeError):  # somebody killed it
            self._pipe.write(_DONE)
            self._pipe.flush()
        self._end(_HEARS_S)

    def take_over(self) -> None:
        """Leave the clearing to it, as if this process had died, and wait until it is done.

        One that does not get it done is killed, and the clearing done here.

        Raises:
            StageUnusableError: something of the stage's folder cannot be deleted.
        """
        if not self._end(_CLEARS_S) and self._folder.path.exists():
            clear(self._folder.path)

    @property
    def _pipe(self) -> IO[bytes]:
        pipe = self._process.stdin
        if pipe is None:
            raise RuntimeError("the guardian was started without a pipe")
        return pipe

    def _end(self, patience_s: float) -> bool:
        """Close the pipe and see it end; return whether it did so by itself, and well."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)  # stopped, it would hear of nothing
        code = ended(self._process, patience_s)
        if code is None:
            self._process.kill()
            ended(self._process, KILLED_S)
        return code == 0


def clear_guarded(folder: StageFolder, guardian: Guardian | None) -> None:
    """Kill what is left on a stage and delete its folder; the guardian then has nothing to do.

    Whatever comes between, Ctrl-C too, leaves the clearing to the guardian.
    """
    try:
        kill_remnants(folder.path)
        folder.remove()
    except BaseException:
        if guardian is not None:
            guardian.take_over()
        raise
    if guardian is not None:
        guardian.release()


def main() -> int:
    """Wait for the conductor to finish or to die; in the second case clear its stage."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    folder = Path(sys.argv[1])
    if sys.stdin.buffer.read() != _DONE:
        clear(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
