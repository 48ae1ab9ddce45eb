"""Repeats: a fresh stage and the next seed each, beside each other, and the worst run decides."""

import json
import os
import signal
from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.series import performances
from dress_rehearsal.rehearsal.series import repeat as repeating
from dress_rehearsal.rehearsal.series.repeat import repeat
from tests.rehearsal.commands import QUICK
from tests.rehearsal.verdicts import verdict_of

NO_GATES: dict[str, object] = {"gates": [], "latency_ms": {}}


@pytest.fixture
def quick_runs(monkeypatch):
    """Runs that take no time, each with the verdict of its seed: `quick_runs[7] = "fail"`.

    `quick_runs["given"]` is what each was told to differ in from the plan's file.
    """
    words, given, baselines = {}, {}, []

    def rehearsed(plan, runs, screen, roster, *, prometheus, overrides, baseline, **_):
        given[plan.seed] = list(overrides)
        baselines.append(baseline)
        word = words.get(plan.seed, "pass")
        if word == "stopped":
            raise KeyboardInterrupt
        if word == "broken":
            raise RehearsalError("The stage could not be set.")
        run = RunDirectory.create(runs, plan)
        if word == "interrupted":
            run.stamp("abort", "interrupted", reason="Somebody pressed Ctrl-C.")
            word = "inconclusive"
        return verdict_of(run.id, verdict=word, reasons=[f"Seed {plan.seed}."], **NO_GATES)

    monkeypatch.setattr(performances, "rehearse", rehearsed)
    words |= {"given": given, "baselines": baselines}
    return words


def plans(*seeds):
    return [Plan(name="quick", seed=seed) for seed in seeds]


def repeats_in(out):
    (folder,) = out.glob("*-quick-x*")
    return folder, json.loads((folder / "repeats.json").read_text())


def test_runs_stand_beside_each_other_with_one_page(quick_runs, tmp_path, capsys):
    assert repeat(plans(5, 6, 7), tmp_path) == 0
    folder, document = repeats_in(tmp_path)
    assert folder.name.endswith("-quick-x3")
    assert [run["seed"] for run in document["runs"]] == [5, 6, 7]
    assert {run["run"] for run in document["runs"]} == {path.name for path in folder.glob("*-*")}
    shown = capsys.readouterr().out
    assert "2 of 3: seed 6" in shown
    assert "Held in 3 of 3." in shown
    assert "repeats.html" in shown


@pytest.mark.parametrize(
    ("words", "code", "judged"),
    [
        ({6: "inconclusive"}, 3, 3),
        ({5: "inconclusive", 6: "fail"}, 99, 3),
        ({6: "broken"}, 3, 2),
        ({5: "fail", 6: "broken"}, 99, 2),
        ({6: "interrupted"}, 3, 2),
        ({5: "fail", 6: "interrupted"}, 99, 2),
        ({6: "stopped"}, 3, 1),
    ],
)
def test_the_worst_run_decides_and_an_interruption_ends_it(
    quick_runs, tmp_path, words, code, judged
):
    quick_runs.update(words)
    assert repeat(plans(5, 6, 7), tmp_path) == code
    _, document = repeats_in(tmp_path)
    assert (len(document["runs"]), document["planned"]) == (judged, 3)


def test_each_run_keeps_what_differs_from_the_plan_s_file(quick_runs, tmp_path):
    main(["run", "smoke", "--set", "app.workers=1", "--repeat", "2", "--out", str(tmp_path)])
    first, second = quick_runs["given"].items()
    assert first[1] == ["app.workers=1"]
    assert second[1] == ["app.workers=1", f"seed={second[0]}"]


@pytest.mark.parametrize(
    ("word", "held", "code"), [("pass", 0, 0), ("pass", 99, 99), ("fail", 3, 99), ("pass", 3, 3)]
)
def test_all_of_them_together_are_held_against_a_baseline(quick_runs, tmp_path, word, held, code):
    asked = []

    class Before:
        document = MappingProxyType({"numbers": {}})

        def hold(self, console, folder, runs):
            asked.append((folder.name, [run.plan().seed for run in runs]))
            return held

    quick_runs[6] = word
    assert repeat(plans(5, 6), tmp_path, baseline=Before()) == code
    folder, _ = repeats_in(tmp_path)
    assert asked == [(folder.name, [5, 6])]
    assert quick_runs["baselines"] == [Before.document] * 2


def test_without_a_verdict_there_is_nothing_to_tell(quick_runs, tmp_path, capsys):
    quick_runs.update({5: "broken", 6: "stopped"})
    assert repeat(plans(5, 6), tmp_path) == 1
    assert "No repeat has a verdict" in capsys.readouterr().out


def test_the_worst_verdict_is_the_one_that_is_posted(quick_runs, tmp_path, monkeypatch):
    posted = []
    monkeypatch.setattr(repeating, "notify", lambda *said: posted.append(said))
    quick_runs.update({6: "fail", 7: "inconclusive"})
    url = {"reports_url": "https://ci.example/reports"}
    repeat([Plan(name="quick", seed=seed, notify=url) for seed in (5, 6, 7)], tmp_path)
    ((plan, verdict),) = posted
    assert verdict.reasons == ("Seed 6.",)
    folder, _ = repeats_in(tmp_path)
    assert plan.notify.reports_url == f"https://ci.example/reports/{folder.name}"


def test_series_that_begin_in_the_same_second_have_a_folder_each(tmp_path, monkeypatch):
    class OneMoment:
        @staticmethod
        def now(_):
            return datetime(2026, 12, 1, 3, tzinfo=UTC)

    monkeypatch.setattr(performances, "datetime", OneMoment)
    folders = {performances.series_folder(tmp_path / "new", "quick-x3") for _ in range(3)}
    assert len(folders) == 3
    assert set((tmp_path / "new").glob("20261201T030000Z-*quick-x3")) == folders
    assert tmp_path / "new" / "20261201T030000Z-quick-x3" in folders


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RehearsalError, match="cannot be made"):
        repeat(plans(1, 2), tmp_path / "file")


def test_seeds_are_counted_up_from_the_plan_s(quick_runs, tmp_path, monkeypatch):
    arguments = ["run", "smoke", "--set", "name=quick", "--seed", "41", "--out", str(tmp_path)]
    assert main([*arguments, "--repeat", "2"]) == 0
    _, document = repeats_in(tmp_path)
    assert [run["seed"] for run in document["runs"]] == [41, 42]


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_how_often_is_a_whole_number_of_at_least_one(number, capsys):
    assert main(["run", "smoke", "--repeat", number]) == 2
    assert "--repeat: give a whole number from 1 to 1,000." in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.rehearsal
def test_two_rehearsals_are_told_together(rehearse):
    settings = [word for text in (*QUICK, "name=quick") for word in ("--set", text)]
    command = rehearse(command=["run", "smoke", *settings, "--no-prometheus", "--repeat", 2])
    code = command.ended(110)
    folder, document = repeats_in(command.out)
    assert code == {"pass": 0, "fail": 99, "inconclusive": 3}[document["verdict"]]
    assert [run["seed"] for run in document["runs"]] == [2026, 2027]
    verdicts = [json.loads((path / "verdict.json").read_text()) for path in folder.glob("*-*-*")]
    assert {verdict["run"] for verdict in verdicts} == {run["run"] for run in document["runs"]}
    (buying,) = [
        number
        for number in document["numbers"]
        if number["metric"] == "latency_ms[POST /events/{event}/tickets].p99"
    ]
    p99s = [v["latency_ms"]["POST /events/{event}/tickets"]["p99"] for v in verdicts]
    assert (buying["least"], buying["most"]) == (min(p99s), max(p99s))
    command.await_nothing_left(10)


@pytest.mark.long
@pytest.mark.rehearsal
def test_ctrl_c_ends_it_with_the_run_in_hand_and_tells_of_that(rehearse):
    settings = [word for text in (*QUICK, "name=quick") for word in ("--set", text)]
    command = rehearse(command=["run", "smoke", *settings, "--no-prometheus", "--repeat", 3])
    until_listening(command)
    os.kill(command.process.pid, signal.SIGINT)
    assert command.ended(60) == 3
    _, document = repeats_in(command.out)
    assert (len(document["runs"]), document["planned"]) == (1, 3)
    assert document["runs"][0]["reason"].startswith("The run was interrupted")
    command.await_nothing_left(10)


def until_listening(command):
    """Wait until the first run's students act."""
    command.await_process("dress_rehearsal.scenarios")


def test_a_dry_run_says_how_long_all_of_it_takes(tmp_path, capsys):
    options = ["--repeat", "10", "--dry-run", "--out", str(tmp_path / "runs")]
    assert main(["run", "smoke", *options]) == 0
    assert "All of it 10 times, with seeds counted up: 10 runs of about " in capsys.readouterr().out
    assert main(["run", "smoke", *options[2:]]) == 0
    assert "All of it" not in capsys.readouterr().out
