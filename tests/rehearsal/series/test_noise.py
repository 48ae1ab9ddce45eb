"""The noise of a build: as many runs as asked for, beside each other, and margins to paste."""

import json

import pytest

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.series import performances
from dress_rehearsal.reports.markdown import plain
from dress_rehearsal.reports.schema import Latency
from tests.rehearsal.verdicts import verdict_of
from tests.steps import PURCHASE

P99 = f"latency_ms[{PURCHASE}].p99"


@pytest.fixture
def performed(monkeypatch):
    """Runs that take no time; their p99 is their seed's, `doubts` are all runs'."""
    told = {"doubts": [], "broken": False}

    def rehearsed(plan, runs, *_, **__):
        if told["broken"]:
            raise RehearsalError("The stage could not be set.")
        run = RunDirectory.create(runs, plan)
        p99 = 100.0 + plan.seed * 7 % 10
        own = dict.fromkeys(Latency.model_fields, 0) | {"count": 20, "p50": p99 / 2, "p99": p99}
        latency = {PURCHASE: own}
        verdict = verdict_of(run.id, gates=[], latency_ms=latency, doubts=told["doubts"])
        run.write_json("environment.json", {"fingerprint": "f" * 12})
        run.write_text("verdict.json", verdict.text())
        return verdict

    monkeypatch.setattr(performances, "rehearse", rehearsed)
    return told


def noise(tmp_path, *options):
    settings = ["--set", "name=quick", "--set", "gates=[]", "--out", str(tmp_path)]
    return main(["noise", "smoke", *settings, *options])


def noise_in(tmp_path):
    (folder,) = tmp_path.glob("*-quick-noise-x*")
    return folder, json.loads((folder / "noise.json").read_text())


def test_ten_runs_with_seeds_counted_up_make_margins_to_paste(performed, tmp_path, capsys):
    assert noise(tmp_path, "--seed", "40") == 0
    folder, document = noise_in(tmp_path)
    assert len(document["runs"]) == 10 == len(list(folder.glob("*-*-*")))
    numbers = {each["metric"]: each for each in document["numbers"]}
    assert (numbers[P99]["least"], numbers[P99]["most"]) == (100.0, 109.0)
    shown = capsys.readouterr().out
    assert f'metric = "{P99}"' in shown
    assert f'regression = "{numbers[P99]["margins"]}"' in shown
    assert plain((folder / "noise.md").read_text()) in shown


def test_a_machine_that_was_disturbed_proposes_nothing(performed, tmp_path, capsys):
    performed["doubts"] = ["foreign_cpu"]
    assert noise(tmp_path) == 3
    assert (
        "0 of 10 runs count, 10 disturbed (other programs took the CPU)" in capsys.readouterr().out
    )
    assert noise_in(tmp_path)[1]["gates"] == []


def test_without_a_verdict_there_is_nothing_to_tell(performed, tmp_path, capsys):
    performed["broken"] = True
    assert noise(tmp_path) == 1
    assert "No run has a verdict" in capsys.readouterr().out


def test_repeats_that_are_there_tell_the_same_and_those_of_two_machines_nothing(
    performed, tmp_path, capsys
):
    noise(tmp_path)
    folder, document = noise_in(tmp_path)
    (folder / "noise.json").unlink()
    assert main(["noise", str(folder)]) == 0
    again = noise_in(tmp_path)[1]
    assert (again["numbers"], again["gates"]) == (document["numbers"], document["gates"])
    assert sorted(again["runs"]) == sorted(document["runs"])
    facts = json.dumps({"fingerprint": "another"})
    (next(folder.glob("*-*-*")) / "environment.json").write_text(facts)
    assert main(["noise", str(folder)]) == 2
    assert "runs of several plans or machines" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["9", "0", "ten"])
def test_fewer_than_ten_runs_tell_no_margins(number, tmp_path, capsys):
    assert noise(tmp_path, "--runs", number) == 2
    assert "--runs: give a whole number from 10 to 1,000." in capsys.readouterr().err
