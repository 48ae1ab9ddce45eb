"""A sweep rehearses a plan once a value, goes on when one is caught, and compares them."""

import json
import re
from types import SimpleNamespace

import pytest

from dress_rehearsal.compose import StageNotReadyError
from dress_rehearsal.plans import STRATEGIES, Plan, PlanError
from dress_rehearsal.plans.files import check_new_file
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.series import performances
from dress_rehearsal.rehearsal.series import sweep as sweeping
from dress_rehearsal.rehearsal.series.performances import Planned
from dress_rehearsal.rehearsal.series.sweep import (
    check_given_once,
    label_of,
    sweep,
    values_of,
)
from tests.rehearsal.commands import QUICK
from tests.rehearsal.verdicts import verdict_of

CROWDED = (
    "event.students=240",
    "event.tickets=120",
    "students.typing=100ms",
    "students.late_mean=100ms",
    "students.login_at_open=200ms",
    "students.click_spread=20ms",
)
"""So many at once that who reads and then writes sells too many, whatever else the machine does."""


def test_written_values_are_taken_as_they_are():
    assert values_of("app.workers=1, 2,4") == ("app.workers", ["1", "2", "4"])


def test_a_key_with_a_fixed_set_of_values_has_all_of_them():
    assert values_of("app.allocation") == ("app.allocation", list(STRATEGIES))


@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        ("app.workers", "--over app.workers: write the values too, as KEY=a,b"),
        ("app.workerz", "--over app.workerz: the plan has no such key"),
        ("event", "write the values too"),
    ],
)
def test_other_keys_need_their_values(over, sentence):
    with pytest.raises(PlanError, match=sentence):
        values_of(over)


@pytest.mark.parametrize(
    ("key", "option", "other"),
    [
        ("event.students", "--students 70", "event.students"),
        ("seed", "--seed 3", "seed=3"),
        ("app.workers", "--set app.workers=3", "app.workers=3"),
        ("app.workers", "--set app={workers=3}", "app={workers=3}"),
    ],
)
def test_a_swept_key_is_given_once(key, option, other):
    with pytest.raises(PlanError, match=f"--over {key} and {option} both give {key}"):
        check_given_once(key, [("--set name=x", "name=x"), (option, other)])
    check_given_once(key, [("--set app.workers_max=3", "app.workers_max=3")])


def test_a_value_that_is_no_word_is_named_by_its_key():
    assert label_of("app.allocation", "naive") == "naive"
    assert label_of("event.students", "60") == "students=60"
    assert label_of("x.y", "true") == "y=true"


def test_files_are_tried_before_the_first_run(tmp_path):
    kept, new = tmp_path / "kept.md", tmp_path / "new.svg"
    kept.write_text("before")
    check_new_file(kept)
    check_new_file(new)
    assert kept.read_text() == "before"
    assert not new.exists()
    for wrong in (tmp_path, tmp_path / "none" / "x.md"):
        with pytest.raises(PlanError, match="cannot be written"):
            sweep([Planned("a", Plan(name="never"))], tmp_path / "runs", wrong)
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def quick_runs(monkeypatch):
    """Runs that take no time; those with the seed 9 are interrupted.

    `given` is what each was told to differ in from the plan's file.
    """
    given = []

    def rehearsed(plan, runs, screen, roster, *, prometheus, overrides, baseline, **_):
        assert prometheus is False
        given.append(list(overrides))
        run = RunDirectory.create(runs, plan)
        if plan.seed == 9:
            run.stamp("abort", "interrupted", reason="Somebody pressed Ctrl-C.")
        if roster is not None:
            run.write_text("roster.txt", str(roster))
        return verdict_of(run.id, verdict="pass", reasons=["It held."])

    monkeypatch.setattr(performances, "rehearse", rehearsed)
    compared = []
    monkeypatch.setattr(sweeping, "side_of", lambda name, _: name)
    monkeypatch.setattr(sweeping, "compare", lambda sides: compared.append(sides) or sides)
    monkeypatch.setattr(sweeping, "overview", lambda _, missing: str(missing or "the table"))
    monkeypatch.setattr(
        sweeping, "comparison_figure", lambda _, missing: f"the figure{missing or ''}"
    )
    return SimpleNamespace(compared=compared, given=given)


def test_every_planned_value_has_a_row_also_one_without_a_verdict(monkeypatch, tmp_path, capsys):
    """A table that leaves out what could not be staged looks as if nobody had asked for it."""

    def rehearsed(plan, runs, *_, **__):
        if plan.seed == 2:
            raise StageNotReadyError("app", 25, "app.jsonl", ["{}"], "1.7 of 2 cores")
        raise KeyboardInterrupt

    monkeypatch.setattr(performances, "rehearse", rehearsed)
    assert sweep(plans(2, 3, 4), tmp_path) == 1
    shown = capsys.readouterr().out
    rows = [line for line in shown.splitlines() if line.startswith("| seed")]
    assert [row.split("|")[1].strip() for row in rows] == ["seed=2", "seed=3", "seed=4"]
    assert "— no verdict: The stage is not set: app was not ready after 25 s. Other prog" in rows[0]
    assert "app.jsonl" not in rows[0]
    assert "— no verdict: interrupted before it was judged" in rows[1]


def test_rows_without_a_verdict_stand_where_they_were_planned(quick_runs, monkeypatch, tmp_path):
    real = performances.rehearse

    def rehearsed(plan, *arguments, **more):
        if plan.seed == 1:
            raise RehearsalError("No space left.")
        return real(plan, *arguments, **more)

    monkeypatch.setattr(performances, "rehearse", rehearsed)
    table, figure = tmp_path / "t.md", tmp_path / "f.svg"
    assert sweep(plans(1, 2), tmp_path / "runs", table, figure) == 1
    assert table.read_text() == "{0: ('seed=1', 'No space left')}\n"
    assert figure.read_text() == "the figure{0: ('seed=1', 'No space left')}"


def test_how_long_it_takes_is_told_before_the_first_run_and_how_far_it_is_after_each(
    quick_runs, tmp_path, capsys
):
    assert sweep(plans(1, 2, 3), tmp_path) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.index("3 runs of about ") < shown.index("1 of 3: seed=1")
    assert "assumed for the stage and the judging): " in shown
    assert shown.index("1 of 3 done, after ") < shown.index("2 of 3: seed=2")
    assert "2 of 3 done, after 0 s; the last takes about 0 s." in shown
    assert "3 of 3 done" not in shown


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--over", "app.postgres_pool=10,20"],
            "No purchase waits for the PostgreSQL pool: redis_writeback writes rows behind the",
        ),
        (
            ["--over", "app.postgres_pool=10", "--over", "app.allocation"],
            "In 3 of 10 runs: No purchase waits for the PostgreSQL pool",
        ),
        (["--over", "app.enrolment_limit=5,10"], "No purchase asks the enrolment API"),
        (["--over", "app.redis_pool=16,32"], None),
        (["--set", "app.allocation=row_lock", "--over", "app.postgres_pool=10,20"], None),
    ],
)
def test_a_pool_that_no_purchase_waits_for_is_swept_with_a_warning(
    quick_runs, tmp_path, capsys, options, sentence
):
    main(["sweep", "smoke", *options, "--out", str(tmp_path)])
    shown = " ".join(capsys.readouterr().out.split())
    if sentence is None:
        assert "No purchase" not in shown
        return
    assert sentence in shown
    assert shown.index(sentence) < shown.index("1 of ")


def plans(*seeds):
    return [
        Planned(f"seed={seed}", Plan(name="quick", seed=seed), ["app.workers=1", f"seed={seed}"])
        for seed in seeds
    ]


@pytest.mark.parametrize("seeds", [(9,), (1, 9), (1, 9, 2)])
def test_an_interrupted_sweep_ends_with_1_and_leaves_its_files_alone(
    quick_runs, tmp_path, capsys, seeds
):
    table, figure = tmp_path / "t.md", tmp_path / "f.svg"
    table.write_text("before")
    assert sweep(plans(*seeds), tmp_path / "runs", table, figure) == 1
    assert table.read_text() == "before"
    assert not figure.exists()
    assert quick_runs.compared[0][-1] == "seed=9 (interrupted)"
    assert f"{table} is not written: the sweep was interrupted." in " ".join(
        capsys.readouterr().out.split()
    )


def test_a_whole_sweep_writes_both_files_and_takes_a_roster(quick_runs, tmp_path):
    table, figure, out = tmp_path / "t.md", tmp_path / "f.svg", tmp_path / "runs"
    assert sweep(plans(1, 2), out, table, figure, tmp_path / "people.csv") == 0
    assert table.read_text() == "the table\n"
    assert figure.read_text() == "the figure"
    assert all((run / "roster.txt").read_text().endswith("people.csv") for run in out.glob("*-*"))


def test_each_run_of_a_sweep_differs_from_the_file_by_its_own_value_too(quick_runs, tmp_path):
    sweep(plans(1, 2), tmp_path)
    assert quick_runs.given == [["app.workers=1", "seed=1"], ["app.workers=1", "seed=2"]]
    quick_runs.given.clear()
    over = ["--over", "app.workers=1,4", "--seed", "5", "--set", "app.backlog=256"]
    assert main(["sweep", "smoke", *over, "--out", str(tmp_path)]) == 0
    given = ["app.backlog=256", "seed=5"]
    assert quick_runs.given == [[*given, "app.workers=1"], [*given, "app.workers=4"]]


def test_a_file_that_cannot_be_written_does_not_lose_the_other(quick_runs, monkeypatch, tmp_path):
    def full(_comparison, _missing):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sweeping, "comparison_figure", full)
    with pytest.raises(RehearsalError, match=r"figure .* cannot be written: No space left"):
        sweep(plans(1), tmp_path / "runs", tmp_path / "t.md", tmp_path / "f.svg")
    assert (tmp_path / "t.md").read_text() == "the table\n"


@pytest.fixture(scope="module")
def swept(rehearse, tmp_path_factory):
    """The sale that reads and then writes, and one transaction a ticket, compared."""
    folder = tmp_path_factory.mktemp("sweep")
    settings = [word for text in (*QUICK, *CROWDED) for word in ("--set", text)]
    over = ["--over", "app.allocation=naive,atomic_update"]
    files = ["--table", folder / "table.md", "--figure", folder / "figure.svg"]
    command = rehearse(command=["sweep", "smoke", *settings, *over, *files])
    command.ended(110)
    naive, atomic = [RunDirectory.open(path) for path in sorted(command.out.glob("*-*"))]
    return SimpleNamespace(command=command, folder=folder, naive=naive, atomic=atomic)


def written_verdict(run):
    return json.loads((run.path / "verdict.json").read_text())


@pytest.mark.rehearsal
@pytest.mark.xdist_group("a sweep")
def test_every_value_is_rehearsed_and_compared_even_when_one_is_wrong(swept):
    shown = swept.command.output()
    assert swept.command.exit_code == 0, shown
    table = (swept.folder / "table.md").read_text()
    naive, atomic = [
        line for line in table.splitlines() if line.startswith(("| naive", "| atomic"))
    ]
    assert "fail" in naive
    assert "pass" in atomic or "inconclusive" in atomic  # on a machine that has no time for it
    assert naive in shown
    assert table.startswith("| run | verdict | tickets/s | sold out after | purchase p99 |")
    assert (swept.folder / "figure.svg").read_text().startswith("<?xml")


@pytest.mark.rehearsal
@pytest.mark.xdist_group("a sweep")
def test_a_sale_that_reads_then_writes_is_caught(swept):
    verdict = written_verdict(swept.naive)
    assert verdict["verdict"] == "fail"
    audit = verdict["audit"]
    assert (audit["oversold"] or 0) + (audit["duplicate_students"] or 0) > 0
    first = verdict["reasons"][0]
    assert re.search(r"[Oo]versold|more than one ticket|duplicate", first), first
    summary = (swept.naive.path / "summary.md").read_text()
    assert summary.index(first.split(":")[0]) < 400


@pytest.mark.rehearsal
@pytest.mark.xdist_group("a sweep")
def test_one_transaction_a_ticket_is_sound_too(swept):
    verdict = written_verdict(swept.atomic)
    assert verdict["verdict"] != "fail", verdict["reasons"]
    assert verdict["audit"]["oversold"] == 0
    assert verdict["census"]["ticket"] == 120 or verdict["verdict"] == "inconclusive"
