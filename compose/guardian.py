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

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.process import inherited_environment, python_module
from dress_rehearsal.compose.stage_folder import RecordedProcess, StageFolder, clear

_DONE = b"done\n"
_ENDS_ITSELF_S = 8.0


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
                    env=inherited_environment(),
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(folder.lock,),
                )
        except OSError as error:
            raise StageUnusableError(
                f"The stage is not set: its guardian cannot be started: "
                f"{error.filename or sys.executable}: {error.strerror or error}."
            ) from error
        return cls(folder, process)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

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
        """Tell it that the stage is cleared, and wait until it has ended."""
        with contextlib.suppress(BrokenPipeError):  # somebody killed it
            self._pipe.write(_DONE)
            self._pipe.flush()
        self._end()

    def take_over(self) -> None:
        """Leave the clearing to it, as if this process had died, and wait until it is done."""
        self._end()

    @property
    def _pipe(self) -> IO[bytes]:
        pipe = self._process.stdin
        if pipe is None:
            raise RuntimeError("the guardian was started without a pipe")
        return pipe

    def _end(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        self._process.wait()


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
