"""The user's own app, where a plan has it started here: its whole tree, from readiness to its end.

No shell runs it. It gets the environment that is made for every child, the user's `HOME`, and what
the plan's `target.environment` names; what it prints goes to `logs/app.log`, the oldest of it given
up where that grows too long.
"""

import os
import signal
import socket
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.external.workers import REPLACED_S, SealedWorkers
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.process import KILLED_S, Managed, ProcessSpec, Spec
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.stage import Loss
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.target import Target
from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.secrets import resolved
from dress_rehearsal.records import http
from dress_rehearsal.records.environment_variables import child_environment, heeded

_SHORTEST: Final = 4
"""Characters of a secret; what is shorter stands in many a line by chance."""
_LONGEST_LOG: Final = 64 * 2**20
_KEPT_OF_LOG: Final = 2**20
_CUT: Final = b"[what came before was given up: the log had grown too long]\n"
_ENDS_S: Final = 10.0
_LOOK_S: Final = 0.25
"""How long the port may take to say whether anybody listens there; it is this machine's."""
_ASKED: Final = (-signal.SIGTERM, 128 + signal.SIGTERM)
"""How programs end that were asked to, as it is handed on by the kernel and by a shell."""
_PORTS: Final = {"http": 80, "https": 443}


class UserApp(ProcessGroup):
    """The processes of the user's commands: what resets the app, and the app itself.

    Its workers are those that were there when the sale was set to open.

    Args:
        tokens: what it is asked with beside what the plan names; its log is not shown with them.
    """

    def __init__(
        self,
        plan: Plan,
        folder: StageFolder,
        logs: Path,
        target: Target,
        tokens: tuple[str, ...] = (),
    ) -> None:
        self._sealed = SealedWorkers()
        super().__init__(folder, plan.target.ready_within_s, self._sealed)
        self._target_keys = plan.target
        self._named_variables = plan.named_variables
        self._tokens = tokens
        self._marker = folder.marker
        self._logs = logs
        self._target = target
        self._leaders: list[Managed] = []

    def reset(self) -> None:
        """Run the plan's command that puts the app back to where a sale begins.

        Raises:
            StageError: it cannot be started, did not end with 0, or not in time.
        """
        reset = self._target_keys.reset
        if reset is not None and reset.command is not None:
            self.run(self._spec("reset", reset.command), reset.within)

    def start_app(self) -> None:
        """Start the app where the plan says how, and wait until it is ready.

        Raises:
            StageError: its port is taken, it does not start, it ended, or takes too long.
        """
        command = self._target_keys.command
        if command is None:
            return
        host, port = self._address()
        if _is_listening(host, port):
            raise StageUnusableError(
                f"The stage is not set: something listens at {self._target.url} already, so the "
                f"app that target.command starts could not; end it, or choose another port."
            )
        self.restart_deadline()
        self.wait(self.start(self._spec("app", command)), self._is_ready)

    def seal(self) -> None:
        """Take whoever is below the app's main process now for its workers."""
        self._sealed.seal(self._members)
        self.lost()  # takes note of them

    def lost(self) -> list[Loss]:
        """List what ended since this was last asked though nobody stopped it; bound the log."""
        _bound(self._logs / "app.log")
        return super().lost()

    def lost_at_last(self) -> list[Loss]:
        """List what ended since this was last asked; who may still be replaced has its time."""
        found = self.lost()
        deadline = time.monotonic() + REPLACED_S
        while self._sealed.any_missed and time.monotonic() < deadline:
            time.sleep(_LOOK_S / 10)
            found += self.lost()
        return found + self.lost()

    def stop_all(self) -> list[Loss]:
        """Stop all with patience; return what stood still or had to be killed."""
        below = self._tree()
        try:
            found = super().stop_all()
        finally:
            self._end_rest(below)
        return [loss for loss in found if loss.exit_code not in _ASKED]

    def abandon(self) -> None:
        """Stop all at once and quickly."""
        below = self._tree()
        try:
            super().abandon()
        finally:
            self._end_rest(below)

    def _launch(self, spec: Spec, instead_of: int | None = None) -> Managed:
        process = super()._launch(spec, instead_of)
        self._leaders.append(process)
        return process

    def _spec(self, name: str, argv: tuple[str, ...]) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            argv=argv,
            environment=self._environment() | self._marker,
            log=self._logs / f"{name}.log",
            folder=Path(self._target_keys.folder or "."),
            stop_signals=((signal.SIGTERM, _ENDS_S),),
            secrets=self._secrets(),
        )

    def _environment(self) -> dict[str, str]:
        named = self._target_keys.environment
        values = {name: resolved(value) for name, value in named.items()}
        return child_environment({**heeded("HOME"), **values})

    def _secrets(self) -> tuple[str, ...]:
        """Return the values of all that the plan names, the longest first: one may hold another.

        Of its environment, of what every request to it carries, and whatever else it may be asked
        with: an app that logs what it is asked shows that too.
        """
        found = {*self._tokens, *(resolved(f"env:{name}") for name in self._named_variables)}
        return tuple(sorted((each for each in found if len(each) >= _SHORTEST), key=len)[::-1])

    def _address(self) -> tuple[str, int]:
        parts = urlsplit(self._target.url)
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)

    def _is_ready(self) -> bool:
        path = self._target_keys.ready
        if path is None:
            return _is_listening(*self._address())
        try:
            return 200 <= self._target.send("GET", path).status < 300
        except http.NoAnswerError:
            return False

    def _tree(self) -> set[ProcessId]:
        """Return who is below what runs now, or was when the sale was set to open.

        Once its parent has ended, one that has a session of its own and keeps nothing of its
        environment is not to be found any more.
        """
        running = [one.identity for one in self._all() if one.identity is not None]
        below = {each for identity in running for each in identity.descendants()}
        return below | self._sealed.identities

    def _end_rest(self, below: set[ProcessId]) -> None:
        """SIGKILL who is left of a tree, and of the sessions that were started here, whoever its
        parent is now."""
        sessions = {process.pid for process in self._leaders}
        for _ in range(5):  # one of them may be starting another right now
            left = [one for pid in psutil.pids() if (one := _in_session(pid, sessions)) is not None]
            left += [one for one in below if one.alive and one not in left]
            for process in left:
                process.signal(signal.SIGKILL)
            deadline = time.monotonic() + KILLED_S
            for process in left:
                process.wait(max(0.0, deadline - time.monotonic()))
            if not left:
                return


def _in_session(pid: int, sessions: set[int]) -> ProcessId | None:
    try:
        return ProcessId.of(pid) if os.getsid(pid) in sessions else None
    except OSError:
        return None  # ended meanwhile, or another user's, which none of ours is


def _is_listening(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_LOOK_S).close()
    except OSError:
        return False
    return True


def _bound(log: Path) -> None:
    """Give up all but the end of a log that has grown too long; its writer goes on behind it."""
    try:
        if log.stat().st_size <= _LONGEST_LOG:
            return
        with log.open("r+b") as file:
            file.seek(-_KEPT_OF_LOG, os.SEEK_END)
            end = file.read().partition(b"\n")[2]
            file.truncate(0)
        with log.open("ab") as file:  # as its writer does: whoever comes first stands first
            file.write(_CUT + end)
    except OSError:
        return  # there is none yet, or no space for it: its writer will find out
