"""Base and head by turns: a slower head is caught, the same build is not."""

import json
import os
import signal
from pathlib import Path

import pytest

from dress_rehearsal.plans import Plan, PlanError, read_plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.series import gate as gating
from dress_rehearsal.rehearsal.series import performances
from dress_rehearsal.rehearsal.series.gate import check_gateable
from dress_rehearsal.reports.schema import Latency
from tests.rehearsal.series.repository import git, make_repository
from tests.rehearsal.verdicts import verdict_of
from tests.steps import PURCHASE

P99 = f"latency_ms[{PURCHASE}].p99"
FACTS = {"fingerprint": "f" * 12}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository whose app takes 100 ms in the base and 150 ms in the head, entered."""
    plan = {"python": "python", "port": 8765, "metric": P99}
    folder = make_repository(tmp_path / "repository", "100", "150", **plan)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(gating, "check_usage", lambda *_, **__: None)
    return folder


@pytest.fixture
def performed(monkeypatch):
    """Runs that take no time, each as slow as the app where it would be started says."""
    order = []

    def rehearsed(plan, runs, screen, roster, *, kept, app_python, **_):
        side = runs.name
        order.append((side, plan.seed, kept.build))
        speed = Path(plan.target.folder, "shop.py").read_text()
        p99 = float(speed) + plan.seed % 10
        if "stop" in order:
            raise KeyboardInterrupt
        run = RunDirectory.create(runs, plan)
        own = dict.fromkeys(Latency.model_fields, 0) | {"count": 20, "p99": p99}
        verdict = verdict_of(
            run.id,
            verdict="pass",
            gates=[],
            latency_ms={PURCHASE: own},
            doubts=[],
            regressions=[{"metric": P99, "margins": "< 10% and < 20 ms", "value": p99}],
        )
        run.write_json("environment.json", FACTS)
        run.write_text("verdict.json", verdict.text())
        return verdict

    monkeypatch.setattr(performances, "rehearse", rehearsed)
    return order


def gate(*options):
    return main(["gate", "shop.toml", "--base", "base", "--out", "runs", *options])


@pytest.mark.slow
def test_a_slower_head_is_worse_and_each_side_is_of_its_own_build(repository, performed, capsys):
    assert gate() == 99
    (folder,) = (repository / "runs").glob("*-shop-gate-x5")
    assert [len(list((folder / side).iterdir())) for side in ("base", "head")] == [5, 5]
    comparison = json.loads((folder / "comparison.json").read_text())
    assert comparison["outcome"] == "worse"
    assert [side["name"] for side in comparison["sides"]] == ["base", "head"]
    assert "Worse: " in capsys.readouterr().out
    builds = {side: build for side, _, build in performed}
    assert builds["base"] == git(repository, "rev-parse", "base")[:10]
    assert builds["head"] == git(repository, "rev-parse", "HEAD")[:10]
    assert len(git(repository, "worktree", "list").splitlines()) == 1


@pytest.mark.slow
def test_they_come_by_turns_with_the_same_seeds(repository, performed):
    gate("--seed", "7")
    sides = [side for side, _, _ in performed]
    assert sides == ["base", "head", "head", "base", "base", "head", "head", "base", "base", "head"]
    assert [seed for _, seed, _ in performed] == [7, 7, 8, 8, 9, 9, 10, 10, 11, 11]


@pytest.mark.slow
def test_a_head_that_is_the_same_is_no_worse(repository, performed):
    (repository / "app" / "shop.py").write_text("100")
    assert gate() == 0


def test_ctrl_c_leaves_what_was_judged_undecided_and_no_worktree(repository, performed):
    performed.append("stop")
    assert gate() == 1
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_ctrl_c_once_all_is_judged_does_not_take_the_comparison(
    repository, performed, monkeypatch, capsys
):
    compared = gating.compare
    monkeypatch.setattr(
        gating, "compare", lambda sides: os.kill(os.getpid(), signal.SIGINT) or compared(sides)
    )
    assert gate() == 99
    assert "worse" in capsys.readouterr().out


@pytest.mark.parametrize("number", ["4", "0", "five"])
def test_fewer_than_five_could_decide_nothing(repository, number, capsys):
    assert gate("--repeat", number) == 2
    assert "--repeat: give a whole number from 5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            {"command": None, "environment": {}, "folder": None},
            "The plan's target is only an address",
        ),
        ({"folder": "/"}, "target.folder lies outside of this repository"),
    ],
)
def test_a_target_that_cannot_be_there_twice_is_refused(repository, target, said):
    plan = read_plan(repository / "shop.toml")
    plan = plan.model_copy(update={"target": plan.target.model_copy(update=target)})
    with pytest.raises(PlanError, match=said):
        check_gateable(plan, repository)


def test_a_plan_that_holds_nothing_is_refused_before_anything_is_made(repository, capsys):
    plan = (repository / "shop.toml").read_text().partition("[[gates]]")[0]
    (repository / "shop.toml").write_text(plan)
    assert gate() == 2
    assert "No gate of the plan says how much worse" in capsys.readouterr().err
    assert not (repository / "runs").exists()


def test_the_app_of_ours_has_no_base_in_another_repository(repository):
    gates = [{"metric": P99, "regression": "< 10%"}]
    with pytest.raises(PlanError, match="comes with Dress Rehearsal"):
        check_gateable(Plan(name="quick", gates=gates), repository)
    docker = {"stage": "docker"}
    with pytest.raises(PlanError, match="cannot both be in containers"):
        check_gateable(Plan(name="quick", gates=gates, target=docker), repository)


def test_a_variable_that_leads_into_the_repository_is_refused_and_not_shown(
    repository, monkeypatch
):
    plan = read_plan(repository / "shop.toml")
    target = plan.target.model_copy(update={"environment": {"DATA": "env:SHOP_DATA"}})
    plan = plan.model_copy(update={"target": target})
    monkeypatch.setenv("SHOP_DATA", "/var/lib/shop")
    check_gateable(plan, repository)
    monkeypatch.setenv("SHOP_DATA", f"{repository}/data")
    with pytest.raises(PlanError, match=r"target\.environment\.DATA is") as refused:
        check_gateable(plan, repository)
    assert str(repository) not in str(refused.value)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "has no .venv/bin/python: have it made, with --install 'make setup'"),
        ("echo /elsewhere/target_app/__init__.py", "does not run the base's own app"),
        ("exit 1", "does not run the base's own app"),
    ],
)
def test_a_base_of_ours_that_would_run_another_app_is_refused(tmp_path, script, said):
    write_python(tmp_path, script)
    with pytest.raises(RehearsalError, match=said):
        gating._python_of(tmp_path)


def test_the_base_of_ours_is_run_by_its_own_python(tmp_path):
    write_python(tmp_path, f"echo {tmp_path}/target_app/__init__.py")
    assert gating._python_of(tmp_path) == tmp_path / ".venv" / "bin" / "python"


def write_python(folder, script):
    if script is not None:
        python = folder / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
