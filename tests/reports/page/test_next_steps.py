"""What the first screen proposes can be pasted, and asks nobody for workers that are not ours."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import Plan, PlanError, read_plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.reports.page.next_steps import NextStep
from dress_rehearsal.reports.page.next_steps import next_steps as steps_of
from dress_rehearsal.reports.schema import Bottleneck, Pool, Verdict

SMOKE = read_plan(Path("smoke"))


def verdict(cause: str = "", *pools: str, doubts: tuple[str, ...] = ()) -> Verdict:
    """Return what is asked of a verdict: its cause, and pools that were waited for, in order."""
    return Verdict.model_construct(
        doubts=doubts,
        bottleneck=Bottleneck.model_construct(resource=cause) if cause else None,
        pools=tuple(
            Pool.model_construct(name=name, saturated_at_s=float(at))
            for at, name in enumerate(pools)
        ),
    )


def next_steps(run: RunDirectory, plan: Plan) -> list[NextStep]:
    """Return what comes after a run in which nothing was short."""
    return steps_of(run, plan, verdict())


def test_each_question_has_a_command_with_this_plan_and_this_run(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "20261130T120000Z-smoke-abc")
    commands = [step.command for step in next_steps(run, SMOKE)]
    assert "rehearse compare EARLIER_RUN 20261130T120000Z-smoke-abc" in commands
    assert "rehearse run smoke --repeat 5" in commands
    shown = next(each for each in commands if each.startswith("rehearse plan show"))
    assert main(shown.split()[1:]) == 0
    own = SMOKE.model_copy(update={"name": "mine"})
    assert "rehearse run PLAN --repeat 5" in [step.command for step in next_steps(run, own)]


def test_workers_that_were_set_for_the_run_are_not_given_twice(tmp_path: Path) -> None:
    """`rehearse sweep` refuses a key that is both swept and set."""
    run = RunDirectory(tmp_path)
    given = ["event.students=77", "app.workers=4", "seed=1"]
    run.write_json("environment.json", {"overrides": given})
    commands = [step.command for step in next_steps(run, read_plan(Path("smoke"), given))]
    assert "rehearse sweep smoke --set event.students=77 --over app.workers=4,6" in commands


def test_nobody_is_asked_for_more_workers_than_there_may_be(tmp_path: Path) -> None:
    """Ten workers of ten connections each are more than PostgreSQL takes."""
    most = read_plan(Path("hundred-thousand"))
    with pytest.raises(PlanError):
        read_plan(Path("hundred-thousand"), ["app.workers=10"])
    steps = next_steps(RunDirectory(tmp_path), most)
    assert steps and not [step for step in steps if "app.workers" in step.command]


def test_the_folder_of_a_run_is_named_as_a_shell_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a run of mine"
    folder.mkdir()
    monkeypatch.chdir(folder)
    commands = [step.command for step in next_steps(RunDirectory(Path()), SMOKE)]
    assert "rehearse compare EARLIER_RUN 'a run of mine'" in commands


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


def test_of_full_cpus_it_is_said_what_more_workers_and_a_larger_pool_cannot_do(
    tmp_path: Path,
) -> None:
    run = RunDirectory(tmp_path)
    short = {step.question: step for step in steps_of(run, SMOKE, verdict("cpu", "redis"))}
    workers = short["What would two more workers do, by calculation?"]
    assert workers.note.endswith("cannot help there; that says nothing of a larger machine.")
    pool = short["Which size for the Redis pool, of each worker?"]
    assert pool.note.startswith(
        "While all CPUs are busy, a larger pool only moves the waiting to the CPU."
    )
    spare = steps_of(run, SMOKE, verdict("redis", "redis"))
    assert spare[-1].question == pool.question
    assert not any(step.note for step in spare)


def test_the_size_of_the_pool_that_purchases_waited_for_is_swept_as_it_may_be(
    tmp_path: Path,
) -> None:
    run = RunDirectory(tmp_path)

    def swept(plan: Plan, waited: Verdict) -> list[str]:
        commands = [step.command for step in steps_of(run, plan, waited)]
        return [each for each in commands if "_pool=" in each.partition("--over")[2]]

    assert swept(SMOKE, verdict()) == []
    assert swept(SMOKE, verdict("", "accept_queue", "postgres")) == [], "it writes behind"
    assert swept(SMOKE, verdict("cpu", "postgres", "redis")) == [
        "rehearse sweep smoke --over app.redis_pool=32,64,128"
    ]
    atomic = ["app.allocation=atomic_update", "app.postgres_pool=40"]
    run.write_json("environment.json", {"overrides": atomic})
    rows = read_plan(Path("smoke"), atomic)
    (found,) = swept(rows, verdict("postgres", "redis", "postgres"))
    assert found == (
        "rehearse sweep smoke --set app.allocation=atomic_update --over app.postgres_pool=20,40"
    ), "80 of each worker do not fit PostgreSQL"
    values = ["target.stage=external", "target.url=http://127.0.0.1:1"]
    foreign = read_plan(Path("smoke"), values)
    assert swept(foreign, verdict("redis", "redis")) == []


def test_a_doubted_run_says_what_a_comparison_makes_of_it(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    _, compared, *others = steps_of(run, SMOKE, verdict(doubts=("late_sends",)))
    assert compared.note == (
        "A comparison with this run will mostly end undecided, because its requests were sent late."
    )
    assert not any(step.note for step in others)
    assert not any(step.note for step in next_steps(run, SMOKE))
