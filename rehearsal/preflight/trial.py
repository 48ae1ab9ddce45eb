"""The trial of a scenario: imported once before anything is started, reset or awaited for it."""

import json
import queue
from typing import Final

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.environment_variables import child_environment
from dress_rehearsal.rehearsal.errors import ScenarioRefusedError
from dress_rehearsal.rehearsal.generator_process import of_the_scenario
from dress_rehearsal.rehearsal.led_process import LedProcess

_WITHIN_S: Final = 20.0
"""What an import may take here; one that takes longer is left to the generator."""


def check_importable(plan: Plan, run: RunDirectory) -> None:
    """Check that the file of a plan's scenario can be imported, in a process of its own.

    Only where something would have been done for it by the time that the generator imports it; a
    file that asks the app meanwhile, which is not up, is not held against it.

    Raises:
        ScenarioRefusedError: it cannot.
    """
    target = plan.target
    awaited = target.opening is not None and target.opening.at is not None
    done_for_it = target.starts_something or target.reset is not None or awaited
    if plan.bundled or not done_for_it:
        return
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    log = run.logs / "trial.log"
    process = LedProcess(
        "dress_rehearsal.scenarios.trial",
        [str(run.path), target.url or ""],
        child_environment(of_the_scenario(plan)),
        log,
        lines.put,
    )
    try:
        line = lines.get(timeout=_WITHIN_S)
    except queue.Empty:
        line = None
    finally:
        process.end()
    told = {} if line is None else json.loads(line)
    if told.get("kind") == "error":
        raise ScenarioRefusedError(str(told["message"]))
    log.unlink(missing_ok=True)  # the generator's own log has it all again
