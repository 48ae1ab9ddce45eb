"""Sides are read from what runs left behind; a folder of several plans is a side for each."""

import dataclasses
import json
import shutil

import pytest

from dress_rehearsal.plans import PlanError
from dress_rehearsal.records.errors import RunDirectoryUnreadableError
from dress_rehearsal.reports.comparison import check_comparable, compare, read_sides
from dress_rehearsal.reports.errors import ComparisonRefusedError
from dress_rehearsal.reports.report import write_report


def test_a_run_is_a_side_and_so_is_a_folder_of_repeats(side_of, written, tmp_path):
    side = side_of("x", [100.0, 101.0, 102.0])
    folder = written(tmp_path / "yesterday-x3", side)
    (folder / "repeats.json").write_text("{}")
    for path, runs in ((folder, 3), (folder / "run-2", 1)):
        (found,) = read_sides([path])
        assert (found.name, len(found.runs)) == (path.name, runs)
    assert [run.verdict for run in read_sides([folder])[0].runs] == [r.verdict for r in side.runs]


def test_a_folder_of_a_sweep_is_a_side_for_each_value(side_of, written, run_of, tmp_path):
    app = run_of(1.0).plan.app
    for number, workers in enumerate((1, 2, 4), start=1):
        plan = {"app": app.model_copy(update={"workers": workers})}
        side = side_of("x", [100.0], plan=plan, verdict={"run": f"run-{number}"})
        written(tmp_path, side)
    sides = read_sides([tmp_path])
    assert [side.name for side in sides] == ["workers 1", "workers 2", "workers 4"]
    assert len(compare(sides).sides) == 3


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_a_run_without_a_verdict_is_judged(build_run, tmp_path):
    run = build_run(students=60, tickets=20)
    (side,) = read_sides([run.path])
    verdict = write_report(run)
    assert side.runs[0].verdict == verdict
    assert read_sides([run.path])[0].runs[0].verdict == verdict


def test_folders_of_one_name_are_told_apart(side_of, written, tmp_path):
    paths = [tmp_path / build / "runs" for build in ("base", "head")]
    for path in paths:
        written(path, side_of("x", [100.0], verdict={"run": path.parent.name}))
    assert [side.name for side in read_sides(paths)] == [str(path) for path in paths]


def test_sides_of_one_name_are_told_apart_by_their_folders(side_of, written, run_of, tmp_path):
    app = run_of(1.0).plan.app
    for build in ("base", "head"):
        for workers in (1, 2):
            plan = {"app": app.model_copy(update={"workers": workers})}
            side = side_of("x", [100.0], plan=plan, verdict={"run": f"{build}-{workers}"})
            written(tmp_path / build, side)
    sides = read_sides([tmp_path / "base", tmp_path / "head"])
    assert [side.name for side in sides] == [
        f"{build}: workers {workers}" for build in ("base", "head") for workers in (1, 2)
    ]
    same = compare([side_of("runs", [100.0]), side_of("runs", [100.0])])
    assert [side.name for side in same.sides] == ["runs", "runs (2)"]


def test_a_run_counts_once_however_often_it_is_there(side_of, written, tmp_path):
    folder = written(tmp_path / "old", side_of("x", [100.0, 101.0]))
    (folder / "again").symlink_to(folder / "run-1")
    with pytest.raises(ComparisonRefusedError, match="The run run-1 is there 2 times"):
        read_sides([folder])
    (folder / "again").unlink()
    shutil.copytree(folder / "run-2", tmp_path / "new" / "other")
    with pytest.raises(ComparisonRefusedError, match="The run run-2 is there 2 times"):
        read_sides([folder, tmp_path / "new"])
    assert len(read_sides([folder])[0].runs) == 2


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), None])
def test_what_is_no_number_and_a_verdict_without_a_reason_are_refused(
    side_of, written, tmp_path, wrong
):
    folder = written(tmp_path, side_of("x", [100.0]))
    path = folder / "run-1" / "verdict.json"
    document = json.loads(path.read_text())
    assert len(read_sides([folder])) == 1
    if wrong is None:
        document["reasons"] = []
    else:
        document["sale"]["tickets_per_s"] = wrong
    path.write_text(json.dumps(document))
    with pytest.raises(RunDirectoryUnreadableError, match=r"it is damaged.*rehearse report"):
        read_sides([folder])


def test_what_cannot_be_compared_is_refused_in_a_sentence(side_of, written, tmp_path):
    folder = written(tmp_path / "runs", side_of("x", [100.0, 101.0]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(PlanError, match="no run is in it; give a run directory"):
        read_sides([tmp_path / "empty"])
    with pytest.raises(PlanError, match="it is not there"):
        read_sides([tmp_path / "gone"])
    with pytest.raises(ComparisonRefusedError, match="is given twice"):
        read_sides([folder, tmp_path / "empty" / ".." / "runs"])
    with pytest.raises(ComparisonRefusedError, match="nothing to compare runs with"):
        check_comparable(read_sides([folder]))


def test_other_machines_are_refused_unless_anyway_and_then_said(side_of):
    sides = [side_of("old", [1.0]), side_of("new", [1.0], machine={"fingerprint": "77"})]
    with pytest.raises(ComparisonRefusedError, match=r"old: 3f2a; new: 77.*--anyway"):
        check_comparable(sides)
    check_comparable(sides, anyway=True)
    assert "compared anyway" in compare(sides).notes[0]
    mixed = dataclasses.replace(sides[0], runs=(*sides[0].runs, *sides[1].runs))
    with pytest.raises(ComparisonRefusedError, match="old: 3f2a, 77"):
        check_comparable([mixed, sides[0]])


@pytest.mark.parametrize("content", ["", "{}", '{"schema": 1}', "\x00"])
def test_a_verdict_that_cannot_be_read_says_how_to_have_another(
    side_of, written, tmp_path, content
):
    folder = written(tmp_path, side_of("x", [100.0]))
    (folder / "run-1" / "verdict.json").write_text(content)
    with pytest.raises(RunDirectoryUnreadableError, match="rehearse report"):
        read_sides([folder])
    shutil.rmtree(folder / "run-1")
