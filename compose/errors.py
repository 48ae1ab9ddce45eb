"""What can go wrong with a stage.

StageError
├── StageUnusableError   the machine does not allow one (temporary folder, system user, binary)
│   ├── ServerUnfitError the server that the user named is none that can be used
│   ├── DaemonLostError  Docker's daemon does not answer
│   └── ContainersLeftError  something of a stage's containers cannot be removed
├── ProcessFailedError   a component ended while it was awaited
├── StageNotReadyError   a component runs but never answered
├── HostNotAllowedError  load may not be sent to that host
└── TargetRefusedError   the target does not answer, or answers something else than expected
    └── UndecidedError   it did not answer in time, and may have done what was asked all the same
"""

import signal
from collections.abc import Sequence


class StageError(Exception):
    """A stage cannot be set, used or cleared; the message says what, where and what to do."""


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
        super().__init__(f"The stage is not set: {name} {how}; " + log_sentence(log, last_lines))


class StageNotReadyError(StageError):
    """A component runs but did not become ready in time."""

    def __init__(self, name: str, waited_s: float, log: str, last_lines: Sequence[str]) -> None:
        self.name = name
        super().__init__(
            f"The stage is not set: {name} was not ready after {waited_s:.0f} s; "
            + log_sentence(log, last_lines)
        )


class HostNotAllowedError(StageError):
    """The plan names a target that it does not allow load to be sent to."""


class TargetRefusedError(StageError):
    """The target does not answer, or answers something else than the contract says."""


class UndecidedError(TargetRefusedError):
    """The target did not answer in time: it may have done what was asked, or do it yet."""


def describe_exit(exit_code: int) -> str:
    """Return how a process ended, in words: `ended with exit code 1`, `was killed by SIGKILL`."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"


def log_sentence(log: str, last_lines: Sequence[str]) -> str:
    """Return the end of a sentence that says why something does not work: its log's last lines."""
    if not last_lines:
        return f"it wrote nothing to {log}."
    return f"the end of {log} says why:\n" + "\n".join(f"  {line}" for line in last_lines)
