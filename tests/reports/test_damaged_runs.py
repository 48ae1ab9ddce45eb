"""A damaged run directory: what of it cannot be read is said, and the rest is judged."""

import os
import shutil
from pathlib import Path

import pytest

from dress_rehearsal.records import RunDirectory, RunDirectoryUnreadableError
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.report import write_report
from dress_rehearsal.reports.trust import judge_trust
from dress_rehearsal.reports.verdict import judge
from tests.reports import synthetic_run
from tests.reports.damaging import DAMAGE, added, changed, shard, zeroed

pytestmark = pytest.mark.slow

SMALL = {"students": 60, "tickets": 20}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return synthetic_run.build_run(tmp_path_factory.mktemp("sound"), **SMALL)


@pytest.fixture
def run(sound, tmp_path):
    shutil.copytree(sound.path, tmp_path / sound.id)
    return RunDirectory(tmp_path / sound.id)


def test_of_a_sound_run_no_damage_is_told(sound):
    evidence = read_evidence(sound)
    assert evidence.damage == ()
    assert judge(evidence).verdict == "pass"


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_said_and_decides_nothing(run, name):
    said, damaging = DAMAGE[name]
    damaging(run)
    evidence = read_evidence(run)
    verdict = judge(evidence)
    assert any(said in each.sentence for each in evidence.damage), evidence.damage
    assert verdict.verdict == "inconclusive", verdict.reasons
    assert "damage" in judge_trust(evidence).findings
    assert {each.sentence for each in evidence.damage} <= set(verdict.reasons)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["a timeline of zeros"], id="no time"),
        pytest.param(["zeros in a shard", "students in zeros", "samples of zeros"], id="no rows"),
    ],
)
def test_a_damaged_run_has_a_whole_report(run, names):
    for name in names:
        DAMAGE[name][1](run)
    assert write_report(run).exit_code == 3
    assert "it is left out" in (run.path / "report.html").read_text(encoding="utf-8")


def test_the_rest_of_a_damaged_run_is_judged(run):
    shards = sorted(run.requests.iterdir())
    zeroed(shards[0])
    evidence = read_evidence(run)
    assert 0 < len(evidence.requests) < len(read_evidence(run).students) * 100
    assert judge(evidence).census.students == SMALL["students"]


def test_zeros_in_a_shard_blame_nobody(run):
    before = judge(read_evidence(run))
    zeroed(shard(run))
    after = judge(read_evidence(run))
    assert after.generator.limited == before.generator.limited is False
    assert not [reason for reason in after.reasons if reason.startswith("Gate broken")]


def test_a_wrong_is_still_found_where_something_else_is_damaged(tmp_path):
    run = synthetic_run.build_run(tmp_path, **SMALL, oversell=3)
    (run.path / "environment.json").write_text("null")
    verdict = judge(read_evidence(run))
    assert verdict.verdict == "fail"
    assert verdict.audit.oversold == 3
    assert any(reason.startswith("environment.json: ") for reason in verdict.reasons)


def test_a_third_store_in_the_ledger_is_no_row_of_the_others(run):
    changed(run.path / "ledger.parquet", "source", "etcd")
    assert judge(read_evidence(run)).verdict != "pass"


def test_a_third_store_on_the_timeline_is_one_that_was_read(run):
    moment = run.timeline()[-1].t_ns
    run.stamp("ledger", "etcd", t_ns=moment, tickets=0)
    assert judge(read_evidence(run)).exit_code in (0, 3, 99)


def test_negative_latencies_are_judged(run):
    changed(shard(run), "done_ns", read_evidence(run).t0_ns - 10**12, rows=50)
    assert judge(read_evidence(run)).exit_code in (3, 99)


def test_foreign_files_beside_the_parts_are_nobodys(run):
    (run.metrics / "notes.txt").write_text("mine")
    (run.metrics / ".hidden.parquet").write_text("half")
    assert judge(read_evidence(run)).verdict == "pass"


@pytest.mark.parametrize("folder", ["requests", "metrics.parquet", "students.parquet"])
def test_what_nobody_may_read_is_told(run, folder, monkeypatch):
    refused = run.path / folder

    def may(path, real):
        if Path(path) == refused:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    for name in ("stat", "iterdir"):
        real = getattr(Path, name)
        monkeypatch.setattr(Path, name, lambda path, *_, real=real, **__: may(path, real))
    (damage,) = {each for each in read_evidence(run).damage if each.file == folder}
    assert "Permission denied" in damage.what


PLANS = {
    "empty": b"",
    "cut": b'name = "x',
    "of another version": b"future = 1\n",
    "sections that are none": b"generator = 3\nevent = 7\n",
    "of wrong types": b"[event]\nstudents = 'many'\n",
    "nested deep": b"x = " + b"[" * 5000,
    "not UTF-8": b'name = "\xff"\n',
    "of many digits": b"seed = " + b"1" * 5000,
}


@pytest.mark.parametrize("content", PLANS.values(), ids=PLANS)
def test_without_its_plan_a_run_cannot_be_judged(run, content, capsys):
    (run.path / "plan.toml").write_bytes(content)
    assert main(["report", str(run.path)]) == 1
    said = capsys.readouterr().err
    assert "plan.toml" in said
    assert "Traceback" not in said


def test_a_folder_or_a_pipe_in_the_plans_place_is_a_sentence(run):
    (run.path / "plan.toml").unlink()
    os.mkfifo(run.path / "plan.toml")
    with pytest.raises(RunDirectoryUnreadableError, match="it is a pipe or a device"):
        run.plan()


def test_a_plan_that_was_cut_is_told(run):
    text = (run.path / "plan.toml").read_text()
    for cut in (text.rstrip("\n"), text[: text.index("[app]")]):
        (run.path / "plan.toml").write_text(cut)
        with pytest.raises(RunDirectoryUnreadableError, match="was cut"):
            run.plan()


def test_a_verdict_that_is_damaged_is_written_anew(run, undrawn):
    (run.path / "verdict.json").write_bytes(b"\xff{")
    assert write_report(run).document() == judge(read_evidence(run)).document()


def test_words_that_no_file_can_hold_are_reported(run):
    moment = run.timeline()[0].t_ns
    added(run, b'{"t_ns": %d, "kind": "alert", "name": "a\xe2\x80\xa8b", "detail": {}}' % moment)
    evidence = read_evidence(run)
    assert (evidence.damage, judge(evidence).verdict) == ((), "pass")
