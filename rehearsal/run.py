"""The run: sets the stage, has the students perform, clears up, and has it judged."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dress_rehearsal.compose import (
    DockerStage,
    EmbeddedStage,
    ExternalStage,
    Stage,
    StageError,
    StageNotReadyError,
    raise_file_limit,
)
from dress_rehearsal.compose.servers.binaries import redis_binary, redis_version
from dress_rehearsal.compose.servers.prometheus import prometheus_binary
from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.plans.overrides import in_effect
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.baseline import FILE as BASELINE
from dress_rehearsal.records.environment import RUN, SPEED
from dress_rehearsal.records.machine import environment
from dress_rehearsal.records.machine_speed import keep_after, measured_ms
from dress_rehearsal.records.timeline import STAGE_FAILED
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.generator_process import GeneratorProcess
from dress_rehearsal.rehearsal.history import Kept
from dress_rehearsal.rehearsal.incidents import stamp_interruption
from dress_rehearsal.rehearsal.monitoring import Monitoring, monitored
from dress_rehearsal.rehearsal.preflight.bystanders import Bystanders, others_than
from dress_rehearsal.rehearsal.preflight.checks import check_usage, notes_before
from dress_rehearsal.rehearsal.preflight.containers import check_daemon
from dress_rehearsal.rehearsal.preflight.external_target import (
    await_setup,
    check_ledgers,
    remarks_on,
)
from dress_rehearsal.rehearsal.preflight.trial import check_importable
from dress_rehearsal.rehearsal.rush import Rush
from dress_rehearsal.rehearsal.signals import interruptible, uninterruptible
from dress_rehearsal.rehearsal.terminal.screen import Screen
from dress_rehearsal.reports.capacity.beside import keep_headroom
from dress_rehearsal.reports.page.headroom import AHEAD
from dress_rehearsal.reports.report import write_report
from dress_rehearsal.reports.schema import Verdict


def rehearse(
    plan: Plan,
    runs: Path,
    screen: Screen,
    roster: Path | None = None,
    *,
    prometheus: bool | None = None,
    overrides: Sequence[str] = (),
    baseline: Mapping[str, Any] | None = None,
    kept: Kept | None = None,
    app_python: Path | None = None,
) -> Verdict:
    """Perform a plan and judge it.

    Args:
        runs: the folder that gets the run directory.
        roster: who acts, for a target that has its own people; drawn from the seed otherwise.
        prometheus: whether to run one beside it; none: where the machine has one.
        overrides: what was set otherwise than in the plan's file, as it was given; what it came
            to is recorded.
        baseline: what it is rehearsed against, as the run keeps it.
        kept: which history the run is put into, and of which build of the target it is.
        app_python: the Python that the app of ours is run by; none: this one.

    Raises:
        RehearsalError, StageError, RecordError, PlanError: there is no verdict; the message is
            for the user. Nothing that was started is left.
    """
    if prometheus:
        prometheus_binary()
    raise_file_limit()
    stores = _stores(plan)
    people = check_usage(plan, runs, roster, performed=True)
    check_ledgers(plan)
    check_daemon(plan)
    run = RunDirectory.create(runs, plan)
    screen.begin(plan, run)
    kept = kept or Kept()
    told = {"overrides": in_effect(overrides, plan), RUN: run.id}
    machine = {**environment(), SPEED: {"before": measured_ms()}}
    run.write_json("environment.json", {**machine, **stores, **kept.facts, **told})
    if baseline is not None:
        run.write_json(BASELINE, baseline)
    if kept.ahead is not None:
        run.write_text(AHEAD, kept.ahead.text())
    for note in notes_before(plan):
        screen.tell(note)
    try:
        check_importable(plan, run)
        return _recorded_and_judged(plan, run, people, screen, prometheus, kept, app_python)
    except (StageError, RehearsalError):
        run.remove_unused()
        raise


def _recorded_and_judged(
    plan: Plan,
    run: RunDirectory,
    people: list[Person],
    screen: Screen,
    prometheus: bool | None,
    kept: Kept,
    app_python: Path | None,
) -> Verdict:
    # Only the performance can be interrupted: to judge it takes seconds, and a report cut in two
    # helps nobody.
    with screen, monitored(plan, run, screen, prometheus) as monitoring, uninterruptible():
        try:
            with interruptible():
                _perform(plan, run, people, screen, monitoring, app_python)
        except KeyboardInterrupt:
            # While the stage was being set or cleared: whatever there is, is judged.
            stamp_interruption(run, screen)
        keep_after(run)
        screen.phase("judging")
        keep_headroom(run)
        verdict = write_report(run, kept.keeper(run, screen.note))
        monitoring.conclude(verdict)
        return verdict


def _stores(plan: Plan) -> dict[str, str]:
    """Return for `environment.json` which server the embedded stage's Redis is."""
    if plan.target.stage != "embedded":
        return {}
    return {"redis_server": redis_version(redis_binary())}


def _perform(
    plan: Plan,
    run: RunDirectory,
    people: list[Person],
    screen: Screen,
    monitoring: Monitoring,
    app_python: Path | None,
) -> None:
    """Perform between setting and clearing the stage, and leave a run directory to be judged."""
    await_setup(plan, screen)
    run.stamp("phase", "stage_starting")
    screen.phase("setting the stage")
    setting = _set(plan, run, people, screen, app_python)
    with others_than(plan) as bystanders, ExitStack() as left:
        stage, generator = entered(setting, left, plan, run, bystanders)
        run.stamp("phase", "stage_ready")
        for remark in remarks_on(stage):
            screen.note(remark)
        _tell_of_others(plan, bystanders, screen)
        try:
            monitoring.await_targets(stage.targets_dir)
            Rush(plan, run, people, stage, screen, monitoring=monitoring).perform(generator)
        finally:
            monitoring.performed()
        screen.phase("clearing the stage")
    for loss in stage.unclean_stops:
        screen.note(loss.what)
    run.stamp("phase", "torn_down", unclean=[loss.what for loss in stage.unclean_stops])


def entered(
    setting: AbstractContextManager[tuple[Stage, GeneratorProcess]],
    left: ExitStack,
    plan: Plan,
    run: RunDirectory,
    bystanders: Bystanders,
) -> tuple[Stage, GeneratorProcess]:
    """Return the stage and the generator; where there is none, the run keeps why.

    Raises:
        StageError: the stage could not be set; where something of it was waited for in vain,
            other programs are named that take the CPU.
    """
    try:
        return left.enter_context(setting)
    except StageError as error:
        said = error
        if isinstance(error, StageNotReadyError):
            bystanders.busy()  # what ended with the stage counts as anybody's until the next look
            busy = bystanders.busy()
            if busy is not None and busy.cores > plan.generator.max_foreign_cpu:
                said = error.beside(f"{busy.words}; the load average is {os.getloadavg()[0]:.1f}")
        run.stamp("phase", STAGE_FAILED, error=said.short)
        raise said from (None if said is error else error)


@contextmanager
def _set(
    plan: Plan,
    run: RunDirectory,
    people: list[Person],
    screen: Screen,
    app_python: Path | None,
) -> Iterator[tuple[Stage, GeneratorProcess]]:
    """Set the stage and start the generator; neither is left outside.

    Raises:
        StageError: the stage could not be set, or something of it is left.
    """
    if plan.target.stage == "external":
        with (
            ExternalStage(plan, run, people) as external,
            GeneratorProcess(run, external) as generator,
        ):
            yield external, generator
        return
    stage = (
        DockerStage(plan, run, people, screen.phase)
        if plan.target.stage == "docker"
        else EmbeddedStage(plan, run, people, python=app_python)
    )
    stage.set_stores()
    try:
        # The generator's students need as long to come up as the app does.
        with GeneratorProcess(run, stage) as generator:
            stage.start_service()
            yield stage, generator
    finally:
        stage.clear()


def _tell_of_others(plan: Plan, bystanders: Bystanders, screen: Screen) -> None:
    busy = bystanders.busy()
    if busy is not None and busy.cores > plan.generator.max_foreign_cpu:
        screen.tell(
            f"Other programs take {busy.words} now. Stop them: what is slow "
            f"while they run may be their doing, and then this run decides nothing."
        )
