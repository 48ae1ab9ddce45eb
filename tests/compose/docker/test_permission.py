"""Where this user may not signal what runs in a container, a fault says so and is not done."""

from typing import Any, cast

import pytest

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.faults.stage_faults import StageFaults, StruckServices
from dress_rehearsal.plans import Fault


class AnothersProcesses:
    """The services of a stage whose processes are another user's."""

    @property
    def processes(self) -> "AnothersProcesses":
        return self

    def kill_worker(self, why: str) -> None:
        raise PermissionError(1, why)

    def worker(self) -> Any:
        raise PermissionError(1, "not permitted")


@pytest.mark.parametrize("name", ["worker_crash", "worker_stopped"])
def test_a_signal_that_is_not_permitted_is_a_sentence(name: str) -> None:
    faults = StageFaults(cast("StruckServices", AnothersProcesses()))
    fault = Fault.model_validate({"name": name, "at": "T+1s"})
    with pytest.raises(StageUnusableError, match=f"{name} sends a signal .* rehearse as root"):
        faults.strike(fault)
