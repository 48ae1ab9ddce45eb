"""The run directory: whole files, a readable past, and sentences when it cannot be used."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from dress_rehearsal.plans import read_plan
from dress_rehearsal.records import (
    RunDirectory,
    RunDirectoryUnreadableError,
    RunDirectoryUnusableError,
    tables,
)
from dress_rehearsal.records.damage import Damage


@pytest.fixture
def plan():
    return read_plan(Path("smoke"))


@pytest.fixture
def run(tmp_path, plan):
    return RunDirectory.create(tmp_path / "runs", plan)


def test_a_new_run_holds_its_whole_plan(run, plan):
    assert RunDirectory.open(run.path).plan() == plan
    assert "-smoke-" in run.id


def test_two_runs_of_a_second_do_not_meet(tmp_path, plan):
    ids = {RunDirectory.create(tmp_path, plan).id for _ in range(20)}
    assert len(ids) == 20


def test_the_timeline_reads_in_order_of_time(run):
    run.stamp("phase", "later", t_ns=20)
    run.stamp("t0", "open", t_ns=10, why="because")
    assert [(e.t_ns, e.kind, e.detail) for e in run.timeline()] == [
        (10, "t0", {"why": "because"}),
        (20, "phase", {}),
    ]


def test_what_a_target_puts_into_words_is_shown_in_the_timeline(run):
    evil = "\x1b]0;owned\x07\x9b\u202e\u2028\ud800\nforged"
    event = run.stamp("alert", evil, message=evil, others=[{evil: evil}])
    (line,) = (run.path / "timeline.jsonl").read_bytes().decode().split("\n")[:-1]
    assert line.isprintable()
    assert run.timeline() == [event]
    assert event.name == r"\x1b]0;owned\x07\x9b\u202e\u2028\ud800\nforged"


def test_a_line_cut_by_a_crash_is_left_out(run):
    run.stamp("phase", "whole", t_ns=1)
    with (run.path / "timeline.jsonl").open("a") as file:
        file.write('{"t_ns": 2, "kind": "pha')
    assert [event.name for event in run.timeline()] == ["whole"]


def test_parts_of_a_table_read_as_one(run):
    for number, name in enumerate(["a", "b"]):
        row = {"t_ns": [number], "source": ["s"], "name": [name], "labels": ["{}"], "value": [1.0]}
        run.write_table(f"metrics.parquet/{number}.parquet", pa.table(row, schema=tables.METRICS))
    assert run.metric_table()["name"].to_pylist() == ["a", "b"]


def test_a_run_that_died_early_has_empty_tables(run):
    assert run.timeline() == []
    assert run.environment() == {}
    for table, schema in (
        (run.request_table(), tables.REQUESTS),
        (run.metric_table(), tables.METRICS),
        (run.student_table(), tables.STUDENTS),
        (run.ledger_table(), tables.LEDGER),
    ):
        assert table.num_rows == 0
        assert table.schema == schema


def test_students_of_an_older_run_read_with_nulls_for_what_was_not_kept_then(run):
    rows = tables.STUDENTS.empty_table().drop_columns(["more_tickets", "open_tickets"])
    one = {name: pa.nulls(1, rows.schema.field(name).type) for name in rows.column_names}
    run.write_table("students.parquet", pa.table({**one, "student": pa.array([7], pa.int32())}))
    (row,) = run.student_table().to_pylist()
    assert (row["student"], row["more_tickets"], row["open_tickets"]) == (7, None, None)
    assert run.student_table().schema == tables.STUDENTS


def test_json_is_written_whole(run):
    run.write_json("environment.json", {"cpu": "ä"})
    assert run.environment() == {"cpu": "ä"}
    assert json.loads((run.path / "environment.json").read_text(encoding="utf-8"))["cpu"] == "ä"


def test_a_folder_that_is_no_run_is_a_sentence(tmp_path):
    with pytest.raises(RunDirectoryUnreadableError, match="is not a run directory"):
        RunDirectory.open(tmp_path)


def test_a_damaged_table_is_a_sentence(run):
    (run.path / "students.parquet").write_bytes(b"not parquet")
    with pytest.raises(RunDirectoryUnreadableError, match=r"students\.parquet: it cannot be read"):
        run.student_table()


def test_what_a_damaged_file_puts_into_a_sentence_is_shown():
    said = Damage("ledger.parquet", "it cannot be read (don't know what type: \x0f)")
    assert said.sentence == r"ledger.parquet: it cannot be read (don't know what type: \x0f)."


def test_a_damaged_environment_is_a_sentence(run):
    (run.path / "environment.json").write_text("{")
    with pytest.raises(RunDirectoryUnreadableError, match=r"json: it is not a JSON object"):
        run.environment()


def test_a_plan_of_another_version_is_a_sentence(run):
    (run.path / "plan.toml").write_text("future = 1\n")
    with pytest.raises(RunDirectoryUnreadableError, match="not a plan this version understands"):
        run.plan()


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path, plan):
    (tmp_path / "runs").write_text("a file, not a folder")
    with pytest.raises(RunDirectoryUnusableError, match="choose another folder with --out"):
        RunDirectory.create(tmp_path / "runs", plan)


@pytest.mark.parametrize("write", ["text", "table", "stamp"])
def test_what_cannot_be_written_later_is_a_sentence(run, write):
    (run.path / "plan.toml").unlink()
    for folder in (run.requests, run.metrics, run.logs, run.figures):
        folder.rmdir()
    run.path.rmdir()
    with pytest.raises(RunDirectoryUnusableError, match="cannot be written"):
        match write:
            case "text":
                run.write_text("summary.md", "x")
            case "table":
                run.write_table("ledger.parquet", tables.LEDGER.empty_table())
            case "stamp":
                run.stamp("phase", "x")


def test_a_refusal_leaves_nothing_behind(run):
    run.write_json("environment.json", {})
    run.stamp("phase", "stage_starting")
    (run.logs / "guardian.log").touch()
    run.remove_unused()
    assert not run.path.exists()


def test_what_a_component_said_before_it_failed_is_kept(run):
    (run.logs / "initdb.log").write_text("no such locale")
    run.remove_unused()
    assert run.path.exists()


def test_a_run_directory_that_was_deleted_is_told_as_that(run):
    shutil.rmtree(run.path)
    with pytest.raises(RunDirectoryUnusableError, match="was deleted meanwhile"):
        run.stamp("phase", "x")


def test_a_name_longer_than_the_system_allows_is_a_sentence(tmp_path, plan):
    with pytest.raises(RunDirectoryUnusableError, match="longer than the system allows: choose"):
        RunDirectory.create(tmp_path / ("a" * 300), plan)


def test_a_deleted_working_folder_is_a_sentence(tmp_path, plan, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(RunDirectoryUnusableError, match="has been deleted; change into one"):
        RunDirectory.create(Path("runs"), plan)
    monkeypatch.chdir(tmp_path)


def test_a_link_to_another_folder_is_followed(tmp_path, plan):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs").symlink_to("elsewhere")
    run = RunDirectory.create(tmp_path / "runs", plan)
    assert run.path.parent == (tmp_path / "elsewhere").resolve()
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(RunDirectoryUnusableError):
        RunDirectory.create(tmp_path / "circle", plan)
