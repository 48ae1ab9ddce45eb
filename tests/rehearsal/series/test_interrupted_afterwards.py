"""Ctrl-C or SIGTERM once something is judged: that stands, is told, and decides the exit code."""

import json
import os
import signal
from types import MappingProxyType

import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal import run as running
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.commands import run as run_command
from dress_rehearsal.rehearsal.series import noise, performances, sweep
from dress_rehearsal.rehearsal.series import repeat as repeating
from dress_rehearsal.rehearsal.series.repeat import repeat
from dress_rehearsal.rehearsal.signals import interruptible
from tests.rehearsal.verdicts import verdict_of


@pytest.fixture
def quick(monkeypatch):
    """Runs that take no time and pass; their seeds, as they were performed."""
    seeds = []

    def rehearsed(plan, runs, *_, **__):
        seeds.append(plan.seed)
        run = RunDirectory.create(runs, plan)
        verdict = verdict_of(run.id, verdict="pass", gates=[], latency_ms={})
        run.write_json("environment.json", {"fingerprint": "f" * 12})
        run.write_text("verdict.json", verdict.text())
        return verdict

    monkeypatch.setattr(performances, "rehearse", rehearsed)
    monkeypatch.setattr(running, "rehearse", rehearsed)
    return seeds


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def pressed(monkeypatch, request):
    """Have somebody press it whenever a function is called: `pressed(module, "its_name")`."""

    def press(module, name, *, only=None):
        meant, calls = getattr(module, name), []

        def called(*arguments, **options):
            calls.append(name)
            if only in (None, len(calls)):
                os.kill(os.getpid(), request.param)
            return meant(*arguments, **options)

        monkeypatch.setattr(module, name, called)

    return press


class Before:
    """A baseline that the runs are worse than."""

    document = MappingProxyType({"numbers": {}})

    def hold(self, console, folder, runs):
        console.print(f"{len(runs)} held.")
        return 99


def test_a_single_run_is_still_held_against_its_baseline(
    quick, pressed, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(run_command, "_baseline", lambda *_: Before())
    pressed(Before, "hold")
    assert main(["run", "smoke", "--out", str(tmp_path)]) == 99
    assert "1 held." in capsys.readouterr().out


@pytest.mark.parametrize("name", ["repeats_of", "write_repeats", "notify"])
def test_repeats_are_told_and_held(quick, pressed, tmp_path, name, capsys):
    pressed(repeating, name)
    with interruptible():
        code = repeat(
            [Plan(name="quick", seed=seed) for seed in (1, 2)], tmp_path, baseline=Before()
        )
    assert code == 99
    assert "2 held." in capsys.readouterr().out
    (folder,) = tmp_path.glob("*-quick-x2*")
    assert len(json.loads((folder / "repeats.json").read_text())["runs"]) == 2


def test_the_noise_is_told(quick, pressed, tmp_path, capsys):
    pressed(noise, "noise_of")
    options = ["--set", "name=quick", "--set", "gates=[]", "--out", str(tmp_path)]
    assert main(["noise", "smoke", *options]) in (0, 3)
    assert "noise.md" in capsys.readouterr().out


def test_a_sweep_is_compared_and_its_table_written(quick, pressed, tmp_path):
    pressed(sweep, "compare")
    table = tmp_path / "table.md"
    options = ["--over", "app.workers=1,2", "--out", str(tmp_path / "runs"), "--table", str(table)]
    assert main(["sweep", "smoke", *options]) == 0
    assert "workers=2" in table.read_text()


@pytest.mark.parametrize(("at", "judged", "code"), [(1, 1, 3), (2, 2, 3), (3, 3, 0)])
def test_the_run_in_hand_is_not_lost_and_the_series_ends_with_it(
    quick, pressed, tmp_path, at, judged, code
):
    pressed(performances, "print_verdict", only=at)
    with interruptible():
        found = repeat([Plan(name="quick", seed=seed) for seed in (1, 2, 3)], tmp_path)
    assert found == code
    assert quick == [1, 2, 3][:judged]
    (folder,) = tmp_path.glob("*-quick-x3*")
    assert [
        run["seed"] for run in json.loads((folder / "repeats.json").read_text())["runs"]
    ] == quick


def test_nobody_pressing_anything_all_are_performed(quick, tmp_path):
    assert repeat([Plan(name="quick", seed=seed) for seed in (1, 2, 3)], tmp_path) == 0
    assert quick == [1, 2, 3]
