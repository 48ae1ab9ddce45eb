"""A stage that does not come up in time: a busy machine is named, and the run keeps why."""

from contextlib import ExitStack, contextmanager

import pytest

from dress_rehearsal.compose import ProcessFailedError, StageError, StageNotReadyError
from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.timeline import STAGE_FAILED
from dress_rehearsal.rehearsal.preflight.bystanders import Busy
from dress_rehearsal.rehearsal.run import entered
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.verdict import judge

LINES = ['{"message":"Spawning worker-1"}']
NOT_READY = StageNotReadyError("app", 25, "logs/app.jsonl", LINES)
ENDED = ProcessFailedError("app", "ended with exit code 1", "logs/app.jsonl", ["No module."])


class Others:
    """What other programs take, as it is read; what ended with the stage is read first."""

    def __init__(self, cores):
        self._reads = [Busy(9.9, 2, ()), Busy(cores, 2, (("python", cores),))]

    def busy(self):
        return self._reads.pop(0)


@pytest.fixture
def failing(tmp_path):
    """Set a stage that fails; return the error's words and the run."""

    def fail(error, cores):
        @contextmanager
        def setting():
            raise error
            yield

        plan = Plan.model_validate({"name": "small", "event": {"students": 30, "tickets": 10}})
        run = RunDirectory.create(tmp_path, plan)
        run.stamp("phase", "stage_starting")
        with pytest.raises(StageError) as failure, ExitStack() as stack:
            entered(setting(), stack, plan, run, Others(cores))
        return str(failure.value), run

    return fail


def test_other_programs_are_named_that_take_the_cpu(failing):
    said, run = failing(NOT_READY, 1.7)
    assert said.startswith(
        "The stage is not set: app was not ready after 25 s. Other programs take 1.7 of 2 cores "
        "(python 1.7); the load average is "
    )
    assert ": stop them (`rehearse doctor` names them) and rehearse again. The end of " in said
    assert said.endswith(f"logs/app.jsonl may say more:\n  {LINES[0]}")
    reason = judge(read_evidence(run)).reasons[0]
    assert reason.startswith("The run never began, and nobody came. The stage is not set: app")
    assert "Other programs take 1.7 of 2 cores" in reason
    assert "Spawning" not in reason


def test_on_a_quiet_machine_the_log_is_all_there_is(failing):
    said, run = failing(NOT_READY, 0.1)
    assert said == (
        "The stage is not set: app was not ready after 25 s; the end of logs/app.jsonl may say "
        f"why:\n  {LINES[0]}"
    )
    (event,) = (each for each in run.timeline() if each.name == STAGE_FAILED)
    assert event.detail["error"] == "The stage is not set: app was not ready after 25 s."


def test_what_ended_says_why_in_its_log_whoever_else_is_busy(failing):
    said, run = failing(ENDED, 1.7)
    assert said.endswith(
        "ended with exit code 1; the end of logs/app.jsonl says why:\n  No module."
    )
    assert "app ended with exit code 1." in judge(read_evidence(run)).reasons[0]
