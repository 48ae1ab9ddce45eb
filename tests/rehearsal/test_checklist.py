"""`rehearse checklist` finds the runs it is given, and writes what speaks for and against."""

import json
import shutil

import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.timeline import STAGE_FAILED
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.reports.capacity.result import capacity_of
from dress_rehearsal.reports.report import write_report
from tests.reports import synthetic_run
from tests.reports.capacity.conftest import one, sought
from tests.reports.conftest import undrawn

__all__ = ["undrawn"]

SMALL = {"students": 60, "tickets": 20}


@pytest.fixture(scope="session")
def judged(tmp_path_factory):
    """Build a run that was judged; the same one for the same arguments, which nobody changes."""
    known = {}

    def build(**arguments):
        key = repr(sorted(arguments.items()))
        if key not in known:
            made = synthetic_run.build_run(tmp_path_factory.mktemp("judged"), **arguments)
            write_report(made)
            known[key] = made
        return known[key]

    return build


@pytest.fixture
def run(tmp_path, judged, undrawn):
    """Put a run that was judged into a folder of the test's: `run("runs", seed=8)`.

    A checklist links to its page, and looks into none.
    """

    def build(folder="runs", **arguments) -> RunDirectory:
        made = judged(**(SMALL | arguments))
        copied = shutil.copytree(made.path, tmp_path / folder / made.id)
        return RunDirectory(copied)

    return build


@pytest.fixture
def checklist(tmp_path, capsys):
    """Write a checklist; return exit code, Markdown, and what was said."""

    def write(*arguments):
        code = main(["checklist", *map(str, arguments), "--out", str(tmp_path / "out")])
        said = capsys.readouterr()
        file = tmp_path / "out" / "checklist.md"
        return code, file.read_text() if file.exists() else "", said.out + said.err

    return write


@pytest.mark.slow
def test_runs_are_found_one_by_one_and_in_folders(run, checklist, tmp_path):
    single, repeated = run("single"), run("runs/20261120T-small-x2", seed=8)
    code, text, said = checklist(single.path, tmp_path / "runs", single.path)
    assert code == 0
    assert "Of 2 runs, " in text
    assert single.id in text
    assert repeated.id in text
    assert "2 of 2 runs passed, the largest with 60 of 60 expected." in said
    page = (tmp_path / "out" / "checklist.html").read_text()
    assert f'href="../single/{single.id}/report.html"' in page
    assert (tmp_path / "single" / single.id / "report.html").exists()


@pytest.mark.parametrize(
    "folder",
    [
        "runs/cap/20261130T052929Z-small-capacity",
        "runs/20261130T052929Z-small-gate-x5/base",
        "runs/sw/20261130T052929Z-small-gate-x5/head",
        "runs/sw",
    ],
)
def test_a_series_is_found_wherever_single_runs_are(run, checklist, tmp_path, folder):
    own = run(folder)
    if folder.endswith("-capacity"):
        tries = [one(60, "pass", run=own.id)]
        capacity = capacity_of(sought(own=60), tries, step=None, ended="found", took_s=1.0)
        (tmp_path / folder / "capacity.json").write_text(capacity.text())
    code, text, _ = checklist(tmp_path / "runs")
    assert (code, own.id in text) == (0, True)
    assert ("was not searched" not in text) == folder.endswith("-capacity")


def test_folders_are_not_looked_through_without_an_end(run, checklist, tmp_path):
    run("runs/20261130T052929Z-small-x2/a/b")
    (tmp_path / "runs" / "20261130T052929Z-small-x2" / "20261130T052930Z-around").symlink_to(
        tmp_path / "runs"
    )
    assert checklist(tmp_path / "runs")[0] == 2


def test_a_run_whose_stage_was_not_ready_never_began_and_nobody_came(checklist, tmp_path):
    plan = Plan.model_validate({"name": "small", "event": {"students": 300, "tickets": 100}})
    started = RunDirectory.create(tmp_path / "runs", plan)
    started.stamp("phase", "stage_starting")
    said = "app was not ready after 25 s."
    told = RunDirectory.create(tmp_path / "runs", plan.model_copy(update={"seed": 9}))
    told.stamp("phase", "stage_starting")
    told.stamp("phase", STAGE_FAILED, error=f"The stage is not set: {said}")
    _, text, _ = checklist(tmp_path / "runs")
    rows = [line for line in text.splitlines() if line.startswith(("| 20",))]
    began = [row for row in rows if "The run never began, and nobody came" in row]
    assert len(began) == 2
    assert all("| 0 |" in row for row in began)
    assert sum(said in row for row in began) == 1
    assert "without saying why" not in text


@pytest.mark.slow
def test_a_run_without_a_verdict_of_this_version_is_judged_again(run, checklist):
    made = run()
    (made.path / "verdict.json").write_text(json.dumps({"schema": 1}))
    _, text, _ = checklist(made.path)
    assert "✅ pass" in text


@pytest.mark.slow
def test_a_search_tells_the_headroom_and_its_larger_loads_are_no_findings(run, checklist, tmp_path):
    own = run("found-capacity")
    larger = run("found-capacity", students=120, tickets=40, seed=9, oversell=3)
    tries = [
        one(60, "pass", run=own.id),
        one(120, "fail", run=larger.id),
    ]
    capacity = capacity_of(sought(own=60), tries, step=None, ended="found", took_s=1.0)
    (tmp_path / "found-capacity" / "capacity.json").write_text(capacity.text())
    _, text, _ = checklist(tmp_path / "found-capacity")
    assert "60 students pass, 120 students do not." in text
    assert "oversold" not in text.partition("## Open findings")[2].partition("##")[0]
    assert "1 further run went beyond the plan's own number" in text
    alone = checklist(larger.path.rename(tmp_path / larger.id))[1]
    assert "| wrong | oversold: 3 |" in alone


@pytest.mark.slow
def test_a_fault_is_told_with_whether_the_app_answered_again(run, checklist):
    made = run(faults=[("leak", 1.0, 2.0)])
    plan = made.path / "plan.toml"
    fault = '{ name = "leak", at = "T+1s", lasts = "1s", grade = "20%" }'
    plan.write_text(plan.read_text().replace("faults = []", f"faults = [{fault}]"))
    _, text, _ = checklist(made.path)
    switches = text.partition("## Kill switches")[2].partition("##")[0]
    assert "| leak | " in switches


def test_how_many_are_expected_can_be_said(run, checklist):
    _, text, said = checklist(run().path, "--expect", "12000")
    assert "12,000 people are expected (as --expect says)" in text
    assert "No run that decides had more than 60 of the 12,000" in said


def test_a_run_that_cannot_be_read_is_left_out_and_named(run, checklist):
    good, bad = run("good"), run("bad")
    (bad.path / "plan.toml").write_text("name = [")
    code, text, said = checklist(good.path, bad.path)
    assert code == 0
    assert "is left out" in said
    assert "Of 1 run, " in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere is not there, and there is no run in it"),
        (["."], "there is no run in it"),
        ([".", "--expect", "many"], "--expect: give a whole number"),
    ],
)
def test_what_is_no_run_is_refused(checklist, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    code, text, said = checklist(*arguments)
    assert (code, text) == (2, "")
    assert sentence in said


@pytest.mark.slow
def test_numbers_of_a_search_that_cannot_be_read_are_named(run, checklist):
    made = run("broken-capacity")
    (made.path.parent / "capacity.json").write_text('{"schema": 7}')
    other = run("broken-capacity", seed=9)
    for given in ([made.path], [made.path, other.path], [made.path.parent]):
        code, text, said = checklist(*given)
        assert code == 0
        assert " ".join(said.split()).count("cannot be read, or is of another version") == 1
        assert made.id in text
