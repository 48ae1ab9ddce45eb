"""What a search would take is what the search itself tells, and where the machine ends it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from dress_rehearsal.plans import PlanError, read_plan
from dress_rehearsal.rehearsal import run
from dress_rehearsal.rehearsal.capacity import ahead
from dress_rehearsal.rehearsal.capacity.ahead import search_ahead
from dress_rehearsal.rehearsal.capacity.axis import axis_of
from dress_rehearsal.rehearsal.capacity.bounds import bounds_of
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.history import Kept
from dress_rehearsal.rehearsal.preflight import doctor
from dress_rehearsal.rehearsal.preflight.finding import Finding
from dress_rehearsal.reports.page.headroom import Ahead
from dress_rehearsal.reports.page.headroom import ahead_of as kept_ahead


def ahead_of(tmp_path, plan="smoke", roster=None, overrides=()):
    return search_ahead(lambda more: read_plan(Path(plan), [*overrides, *more]), tmp_path, roster)


@pytest.fixture
def machine(monkeypatch):
    """Have a machine on which so many fit, with so many cores too few or enough."""

    def have(most, cpus="ok"):
        def fits(plan, runs):
            return f"Open files: {most} only." if plan.event.students > most else None

        finding = Finding("CPUs", "2", "4 (generator, stores, app workers)", cpus, "", None)
        monkeypatch.setattr(doctor, "fits", fits)
        monkeypatch.setattr(ahead, "limit_findings", lambda plan, machine: [finding])

    return have


@pytest.mark.parametrize("most", [10**6, 700])
def test_it_is_word_for_word_what_the_search_tells_before_its_first_run(
    searched,
    machine,
    tmp_path,
    most,
):
    machine(most)
    _, _, said, _ = searched(lambda people: "pass")
    found = ahead_of(tmp_path)
    assert f"A{found.takes[1:]}. Ctrl-C ends it" in said
    assert " in all at most" in found.takes


def test_rates_that_last_no_time_keep_no_plan_from_being_rehearsed(machine, tmp_path):
    machine(10**6)
    assert ahead_of(tmp_path, "steps", overrides=["students.late_over=0s"]) is not None


def test_a_machine_that_is_large_enough_ends_nothing(machine, tmp_path):
    machine(10**6)
    assert ahead_of(tmp_path).ends == ahead_of(tmp_path).worth == ()


def test_where_more_do_not_fit_and_where_cores_are_shared_is_told(machine, tmp_path):
    machine(700, "warn")
    found = ahead_of(tmp_path)
    (files,) = found.ends
    assert files.startswith("It tries no more than 69") or "700 students" in files
    assert files.endswith("there: more do not fit: Open files: 700 only.")
    assert found.worth == (
        "CPUs there: 2, needed: 4 (generator, stores, app workers), so what it finds may be where "
        "that machine ends, not the app.",
    )


def test_that_what_headroom_asks_about_does_not_fit_decides_what_a_search_is_worth(
    machine, tmp_path
):
    machine(400)
    (small,) = ahead_of(tmp_path).worth
    assert small.startswith("1.5 times the plan's own, 450 students, do not fit that machine: it ")
    machine(700)
    assert ahead_of(tmp_path).worth == ()


def test_a_roster_ends_it_and_is_no_fault_of_the_machine(machine, tmp_path):
    machine(10**6)
    people = ["student,pin,enrolled", *(f"{number},1234,yes" for number in range(450))]
    roster = tmp_path / "people.csv"
    roster.write_text("\n".join(people) + "\n")
    assert ahead_of(tmp_path, roster=roster).ends == ()
    axis = axis_of(read_plan(Path("smoke")), None)
    bounds = bounds_of(axis, lambda people: None, on_roster=450)
    assert (bounds.most, bounds.by_machine) == (450, False)
    bounds = bounds_of(axis, lambda people: "No." if people > 400 else None, on_roster=450)
    assert 396 <= bounds.most <= 400
    assert bounds.by_machine


@pytest.mark.parametrize(
    "overrides",
    [
        ["target.stage=external", "target.url=http://127.0.0.1:9", "target.opening.already=true"],
        ["event.students=nobody"],
    ],
)
def test_of_a_plan_that_cannot_be_searched_nothing_is_told(machine, tmp_path, overrides):
    machine(10**6)
    assert ahead_of(tmp_path, overrides=overrides) is None


def test_where_not_even_the_plan_itself_fits_nothing_is_told(machine, tmp_path):
    machine(10)
    assert ahead_of(tmp_path) is None


def test_a_load_that_the_plan_refuses_ends_it_with_the_plans_own_words(machine, tmp_path):
    machine(10**6)

    def plan_of(more):
        plan = read_plan(Path("smoke"), more)
        if plan.event.students > 400:
            raise PlanError("So many do not fit the sale.")
        return plan

    (end,) = search_ahead(plan_of, tmp_path).ends
    assert end.endswith("there: more do not fit: So many do not fit the sale.")


@pytest.mark.parametrize("told", [None, Ahead(takes="at most 2 runs")])
def test_a_run_keeps_what_a_search_would_take_from_its_beginning(monkeypatch, tmp_path, told):
    runs = []
    monkeypatch.setattr(run, "_recorded_and_judged", lambda plan, of, *_: runs.append(of))
    screen = SimpleNamespace(begin=lambda *_: None, tell=lambda _: None)
    run.rehearse(read_plan(Path("smoke")), tmp_path, screen, kept=Kept(ahead=told))
    assert kept_ahead(runs[0]) == told
    assert (runs[0].path / "search.json").exists() == (told is not None)


@pytest.mark.parametrize("repeats", [1, 2])
def test_the_command_that_rehearses_reckons_it_once_for_all_runs(monkeypatch, tmp_path, repeats):
    from dress_rehearsal.rehearsal.series import repeat

    given = []

    def performed(*_, kept, **__):
        given.append(kept.ahead)
        raise PlanError("Enough.")

    monkeypatch.setattr(run, "rehearse", performed)
    monkeypatch.setattr(repeat, "repeat", performed)
    assert main(["run", "smoke", "--out", str(tmp_path), "--repeat", str(repeats)]) == 2
    assert len(given) == 1
    assert given[0].takes.startswith("at most 14 runs of about 54 s each")
