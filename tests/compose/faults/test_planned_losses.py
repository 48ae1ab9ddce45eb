"""Only what a fault does is planned: where it did not come about, who ends is lost as ever."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dress_rehearsal.compose.errors import StageError, TargetRefusedError, UndecidedError
from dress_rehearsal.compose.faults.stage_faults import StageFaults
from dress_rehearsal.compose.losses import Losses
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.stage import Loss
from tests.compose.faults.faulting import fault

KILL = fault("kill_after_grant")


class Workers:
    """The workers of an app that has two."""

    def __init__(self) -> None:
        self.alive = {11, 12}

    def below(self, _: object) -> set[int]:
        return set(self.alive)

    watched = below

    def loss(self, pid: int) -> Loss:
        return Loss("app", pid, None, "It ended though nobody stopped it.")


class Stage:
    """A stage whose app answers a switch with yes, or with an error."""

    def __init__(self) -> None:
        self.workers = Workers()
        self.answers: StageError | None = None
        app = SimpleNamespace(pid=1, name="app", label="app", exit_code=None, asked_to_stop=False)
        self.group = ProcessGroup.__new__(ProcessGroup)
        self.group._members = [cast("Any", app)]
        self.group._workers = cast("Any", self.workers)
        self.group._losses = Losses(lambda: self.group._members, cast("Any", self.workers))
        self.group.lost()  # takes note of the workers
        services = SimpleNamespace(
            processes=self.group, admin=SimpleNamespace(switch=self._switch), calm=lambda: None
        )
        self.faults = StageFaults(cast("Any", services))

    def _switch(self, *_: object) -> None:
        if self.answers is not None:
            raise self.answers

    def a_worker_ends(self) -> bool:
        """Return whether that was planned."""
        self.workers.alive.discard(11)
        (loss,) = self.group.lost()
        return loss.planned


def test_a_fault_that_was_refused_excuses_nobody() -> None:
    stage = Stage()
    stage.answers = TargetRefusedError("no")
    with pytest.raises(TargetRefusedError):
        stage.faults.strike(KILL)
    assert not stage.a_worker_ends()


def test_a_fault_that_may_be_on_excuses_one_until_it_is_over() -> None:
    stage = Stage()
    stage.answers = UndecidedError("no answer")
    with pytest.raises(UndecidedError):
        stage.faults.strike(KILL)
    assert stage.a_worker_ends()


@pytest.mark.parametrize("answers", [None, UndecidedError("no answer"), TargetRefusedError("no")])
def test_after_its_end_it_excuses_nobody(answers: StageError | None) -> None:
    stage = Stage()
    stage.faults.strike(KILL)
    stage.answers = answers
    if answers is None:
        stage.faults.relieve(KILL)
    else:
        with pytest.raises(type(answers)):
            stage.faults.relieve(KILL)
    assert not stage.a_worker_ends()


@pytest.mark.parametrize("permitted", [True, False])
def test_a_worker_that_may_not_be_killed_is_lost_when_it_dies(
    monkeypatch: pytest.MonkeyPatch, permitted: bool
) -> None:
    def signal(*_: object) -> None:
        if not permitted:
            raise PermissionError

    monkeypatch.setattr(ProcessId, "signal", signal)
    monkeypatch.setattr(ProcessId, "of", lambda pid: ProcessId(pid, 1))
    stage = Stage()
    if permitted:
        stage.faults.strike(fault("worker_crash"))
    else:
        with pytest.raises(StageError, match="another user"):
            stage.faults.strike(fault("worker_crash"))
    assert stage.a_worker_ends() == permitted


def test_a_process_that_nobody_reaped_is_none() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        identity = ProcessId.of(process.pid)
        assert identity is None or identity.wait(10)
        assert ProcessId.of(process.pid) is None
