"""`rehearse compare` and `--baseline` from the command line: exit codes, files and sentences."""

import dataclasses
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.reports.comparison import Side, output
from dress_rehearsal.reports.comparison.output import beside
from tests.reports.comparison.conftest import (  # noqa: F401 - fixtures
    MARGINS,
    P99,
    run_of,
    side_of,
    written,
)
from tests.reports.conftest import (  # noqa: F401 - fixtures
    build_run,
    evidence_of,
    undrawn,
    verdict_of,
)

QUIET = [100.0, 101.0, 102.0, 103.0, 104.0]
SLOW = [value * 2 for value in QUIET]


@pytest.fixture
def folders(side_of, written, tmp_path):  # noqa: F811
    """Folders of repeats by name: `folders(old=[100.0, …], new=[…])`."""

    def make(changed=None, **p99s):
        made = []
        for name, values in p99s.items():
            side = side_of(name, values, **(changed or {}).get(name, {}))
            for run in side.runs:
                own = run.verdict.model_copy(update={"run": f"{name}-{run.verdict.run}"})
                written(tmp_path / name, Side(name, (dataclasses.replace(run, verdict=own),)))
            made.append(str(tmp_path / name))
        return made

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    ("after", "code", "word"),
    [(QUIET, 0, "No worse"), (SLOW, 99, "Worse"), (SLOW[:4], 3, "Undecided")],
)
def test_the_exit_code_says_what_came_of_it(folders, capsys, tmp_path, after, code, word):
    out = tmp_path / "told"
    assert main(["compare", *folders(old=QUIET, new=after), "--out", str(out)]) == code
    shown = capsys.readouterr().out
    assert shown.startswith(f"{word}: new against old")
    assert "| number | base | here | difference | 95% interval | held |" in shown
    assert sorted(path.name for path in out.iterdir()) == [
        "comparison.html",
        "comparison.json",
        "comparison.md",
    ]
    assert json.loads((out / "comparison.json").read_text())["regressions"][0]["margins"] == MARGINS


def test_without_out_it_is_written_into_a_new_folder_beside_the_runs(folders, tmp_path):
    old, new = folders(old=QUIET, new=QUIET)
    assert main(["compare", old, new]) == 0
    (found,) = tmp_path.glob("comparison-*")
    assert (found / "comparison.html").is_file()
    assert not list((tmp_path / "old").glob("comparison*"))


def test_a_second_one_in_the_same_second_takes_none_of_the_first(tmp_path, monkeypatch):
    moment = datetime(2026, 12, 1, tzinfo=UTC)
    monkeypatch.setattr(output, "datetime", SimpleNamespace(now=lambda _: moment))
    first = beside(tmp_path / "run")
    assert first.name == "comparison-20261201T000000Z"
    first.mkdir()
    second = beside(tmp_path / "run")
    assert second != first
    assert second.name.startswith(f"{first.name}-")


@pytest.mark.slow
def test_other_machines_are_refused_with_2_and_decide_nothing_anyway(folders, capsys, tmp_path):
    paths = folders({"new": {"machine": {"fingerprint": "77"}}}, old=QUIET, new=QUIET)
    assert main(["compare", *paths]) == 2
    assert "not made on one machine" in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.glob("comparison-*"))
    assert main(["compare", *paths, "--anyway", "--out", str(tmp_path / "told")]) == 3


@pytest.mark.slow
def test_a_machine_that_was_itself_slower_is_undecided_and_anyway_worse(folders, capsys, tmp_path):
    fast, slow = (
        {"machine": {"calculation_ms": {"before": {"best": took, "median": took}}}}
        for took in (20.0, 40.0)
    )
    paths = folders({"old": fast, "new": slow}, old=QUIET, new=[2 * value for value in QUIET])
    assert main(["compare", *paths, "--out", str(tmp_path / "told")]) == 3
    assert "machine itself was 2 times slower" in " ".join(capsys.readouterr().out.split())
    assert main(["compare", *paths, "--anyway", "--out", str(tmp_path / "anyway")]) == 99


@pytest.mark.parametrize("arguments", [[], ["/nowhere", "/nowhere/else"]])
def test_bad_usage_is_2(arguments, capsys):
    assert main(["compare", *arguments]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.fixture
def run_with_gates(build_run, undrawn):  # noqa: F811
    """A recorded run whose plan has a regression gate on buying, and whose page no figures."""
    from dress_rehearsal.plans import Gate, plan_toml

    run = build_run(students=60, tickets=20)
    gates = (Gate(metric=P99, limit="<= 3s", regression=MARGINS),)
    run.write_text("plan.toml", plan_toml(run.plan().model_copy(update={"gates": gates})))
    run.write_json("environment.json", {**run.environment(), "fingerprint": "3f2a"})
    return run


@pytest.mark.slow
def test_a_run_is_not_held_against_itself(run_with_gates, folders, capsys):
    (old,) = folders(old=QUIET)
    main(["report", str(run_with_gates.path)])
    shutil.copytree(run_with_gates.path, Path(old) / "itself")
    plan = (run_with_gates.path / "plan.toml").read_bytes()
    for run in Path(old).iterdir():
        (run / "plan.toml").write_bytes(plan)
    assert main(["report", str(run_with_gates.path), "--baseline", old]) == 2
    assert "is there 2 times" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_a_report_with_a_baseline_keeps_it_and_compares(run_with_gates, folders, capsys):
    (old,) = folders(old=QUIET)
    alone = main(["report", str(run_with_gates.path)])
    assert "Not held by this run" in " ".join(capsys.readouterr().out.split())
    assert main(["report", str(run_with_gates.path), "--baseline", old]) == max(alone, 3)
    kept = json.loads((run_with_gates.path / "baseline.json").read_text())
    assert kept["numbers"][P99] == 102
    assert len(kept["runs"]) == 5
    verdict = json.loads((run_with_gates.path / "verdict.json").read_text())
    assert {gate["baseline"] for gate in verdict["gates"] if gate["metric"] == P99} == {102}
    assert verdict["regressions"][0]["baseline"] == 102
    assert (run_with_gates.path / "comparison.html").is_file()
    shown = " ".join(capsys.readouterr().out.split())
    assert "has 1 run of the 5 that it takes, 4 are missing" in shown
    before = (run_with_gates.path / "verdict.json").read_bytes()
    main(["report", str(run_with_gates.path)])
    assert (run_with_gates.path / "verdict.json").read_bytes() == before, "its files alone say so"


def test_a_baseline_that_nothing_is_held_against_is_refused(build_run, folders, capsys):  # noqa: F811
    run = build_run(students=60, tickets=20)
    assert main(["report", str(run.path), "--baseline", *folders(old=QUIET)]) == 2
    assert "no gate of the plan says how much worse" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_a_damaged_baseline_is_told_and_makes_no_number(run_with_gates, capsys):
    run_with_gates.write_text("baseline.json", "{")
    main(["report", str(run_with_gates.path)])
    assert "baseline.json" in capsys.readouterr().out
    verdict = json.loads((run_with_gates.path / "verdict.json").read_text())
    assert verdict["regressions"][0]["baseline"] is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("p99", "word", "code"), [(102.0, "pass", 3), (102.0, "fail", 99), (900.0, "pass", 3)]
)
def test_a_run_with_a_baseline_says_what_is_missing_and_the_worse_decides(
    folders,
    run_of,  # noqa: F811
    monkeypatch,
    capsys,
    tmp_path,
    p99,
    word,
    code,
):
    (old,) = folders(old=QUIET)
    own = run_of(p99).verdict
    kept = []

    def rehearsed(plan, runs, screen, roster, *, baseline, **_):
        run = RunDirectory.create(runs, plan)
        verdict = own.model_copy(update={"run": run.id, "verdict": word})
        run.write_text("verdict.json", verdict.text())
        run.write_json("environment.json", {"fingerprint": "3f2a"})
        kept.append(baseline)
        return verdict

    monkeypatch.setattr("dress_rehearsal.rehearsal.run.rehearse", rehearsed)
    gates = f'gates=[{{metric="{P99}", regression="{MARGINS}"}}]'
    out = tmp_path / "out"
    found = main(["run", "smoke", "--set", gates, "--baseline", old, "--out", str(out)])
    shown = " ".join(capsys.readouterr().out.split())
    assert found == code
    assert shown.index("There will be 1 run, and it takes 5 a side") < shown.index("against old")
    assert kept[0]["numbers"][P99] == 102
    assert len(list(out.glob("*/comparison.md"))) == 1
