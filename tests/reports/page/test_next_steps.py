"""What the first screen proposes can be pasted, and asks nobody for workers that are not ours."""

from pathlib import Path

from dress_rehearsal.plans import read_plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.reports.page.next_steps import next_steps

SMOKE = read_plan(Path("smoke"))


def test_each_question_has_a_command_with_this_plan_and_this_run(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "20261130T120000Z-smoke-abc")
    commands = [step.command for step in next_steps(run, SMOKE)]
    assert "rehearse compare EARLIER_RUN 20261130T120000Z-smoke-abc" in commands
    assert "rehearse run smoke --repeat 5" in commands
    shown = next(each for each in commands if each.startswith("rehearse plan show"))
    assert main(shown.split()[1:]) == 0
    own = SMOKE.model_copy(update={"name": "mine"})
    assert "rehearse run PLAN --repeat 5" in [step.command for step in next_steps(run, own)]


def test_nobody_is_asked_for_workers_of_an_app_that_is_somebody_else_s(tmp_path: Path) -> None:
    values = ["target.stage=external", "target.url=http://127.0.0.1:1"]
    foreign = read_plan(Path("smoke"), values)
    steps = next_steps(RunDirectory(tmp_path), foreign)
    said = " ".join(step.command for step in steps)
    assert "rehearse checklist" in said
    assert "app.workers" not in said
    assert "--repeat" not in said, "it is not reset"
    reset = read_plan(Path("smoke"), [*values, 'target.reset.command=["true"]'])
    assert "--repeat" in " ".join(
        step.command for step in next_steps(RunDirectory(tmp_path), reset)
    )
