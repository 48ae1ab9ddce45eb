"""What can go wrong with a stage.

StageError
├── StageUnusableError   the machine does not allow one (temporary folder, system user, binary)
│   ├── ServerUnfitError the server that the user named is none that can be used
│   ├── DaemonLostError  Docker's daemon does not answer
│   └── ContainersLeftError  something of a stage's containers cannot be removed
├── ProcessFailedError   a component ended while it was awaited
├── StageNotReadyError   a component runs but never answered
├── HostNotAllowedError  load may not be sent to that host
├── TargetRefusedError   the target does not answer, or answers something else than expected
└── UndecidedError       no answer came in time: what was asked may have been done all the same
"""

import signal
from collections.abc import Sequence
from typing import Final

_NOT_SET: Final = "The stage is not set: "


class StageError(Exception):
    """A stage cannot be set, used or cleared; the message says what, where and what to do."""

    @property
    def short(self) -> str:
        """What went wrong, without the lines of a log."""
        return str(self).partition("\n")[0]


class StageUnusableError(StageError):
    """This machine does not allow a stage to be set."""


class ServerUnfitError(StageUnusableError):
    """`REDIS_SERVER` names something that cannot serve; the message says what and why."""


class DaemonLostError(StageUnusableError):
    """Docker's daemon does not answer; what it has of a stage cannot be asked for or removed."""


class ContainersLeftError(StageUnusableError):
    """Containers of an earlier stage, or what belongs to them, cannot be removed now."""


class ProcessFailedError(StageError):
    """A component of the stage ended while the stage waited for it.

    Args:
        name: the component, such as `app` or `postgres`.
        how: how it ended, in words.
        log: where its whole log is.
        last_lines: the end of that log.
    """

    def __init__(self, name: str, how: str, log: str, last_lines: Sequence[str]) -> None:
        self.name = name
        self._what = f"{_NOT_SET}{name} {how}"
        super().__init__(f"{self._what}; {log_sentence(log, last_lines)}")

    @property
    def short(self) -> str:
        """What went wrong, without the lines of a log."""
        return f"{self._what}."


class StageNotReadyError(StageError):
    """A component runs but did not become ready in time.

    Args:
        name: the component, such as `app` or `postgres`.
        log: where its whole log is; `last_lines` are its end.
        others: what other programs take of the machine, in words; "": nothing is known of them,
            or it is little.
    """

    def __init__(
        self, name: str, waited_s: float, log: str, last_lines: Sequence[str], others: str = ""
    ) -> None:
        self.name = name
        self._own = (name, waited_s, log, last_lines)
        self._what = f"{_NOT_SET}{name} was not ready after {waited_s:.0f} s"
        if others:
            self._what += (
                f". Other programs take {others}: stop them (`rehearse doctor` names them) and "
                f"rehearse again"
            )
        said = log_sentence(log, last_lines, "may say more" if others else "may say why")
        joined = f". {said[:1].upper()}{said[1:]}" if others else f"; {said}"
        super().__init__(f"{self._what}{joined}")

    @property
    def short(self) -> str:
        """What went wrong, without the lines of a log."""
        return f"{self._what}."

    def beside(self, others: str) -> "StageNotReadyError":
        """Return the same with what other programs take of the machine."""
        return StageNotReadyError(*self._own, others)


class HostNotAllowedError(StageError):
    """The plan names a target that it does not allow load to be sent to."""


class TargetRefusedError(StageError):
    """The target does not answer, or answers something else than the contract says."""


class UndecidedError(StageError):
    """No answer came in time: what was asked may have been done all the same, or be done yet."""


def describe_exit(exit_code: int) -> str:
    """Return how a process ended, in words: `ended with exit code 1`, `was killed by SIGKILL`."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"


def log_sentence(log: str, last_lines: Sequence[str], says: str = "says why") -> str:
    """Return the end of a sentence that says why something does not work: its log's last lines."""
    if not last_lines:
        return f"it wrote nothing to {log}."
    return f"the end of {log} {says}:\n" + "\n".join(f"  {line}" for line in last_lines)
