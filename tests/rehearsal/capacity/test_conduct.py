"""A search is told before it begins, run by run, and in the end, whatever ends it."""

import os
import signal

import pytest

from dress_rehearsal.rehearsal.capacity import conduct
from dress_rehearsal.rehearsal.series import performances
from dress_rehearsal.rehearsal.series.bound import TimeBound


@pytest.fixture
def drawn():
    """Have a search draw its figure too, which takes most of its time here."""


def test_the_largest_load_that_passes_is_found_and_told(searched, oracle, drawn):
    code, found, _, folder = searched(lambda people: "pass" if people <= 500 else "fail")
    assert code == 0
    assert found["passes"]["people"] <= 500 < found["fails"]["people"]
    assert found["fails"]["people"] <= found["passes"]["people"] * 1.1
    assert [each["passes"] for each in found["headroom"]] == ["pass", "pass"]
    assert found["breaks"].startswith(f"At {found['fails']['people']} students: census.failed is 7")
    runs = {path.name for path in folder.iterdir() if path.is_dir()}
    assert runs == {each["run"] for each in found["tries"]}
    page = (folder / "capacity.html").read_text()
    assert all(f'<a href="{run}/report.html">' in page for run in runs)
    assert (folder / "capacity.svg").read_text().startswith("<?xml")
    assert (folder / "capacity.md").read_text().startswith("# ✅ small: ")


def test_what_it_will_try_at_most_and_how_long_that_takes_is_told_before_it_begins(searched):
    _, found, said, _ = searched(lambda people: "pass" if people <= 500 else "fail")
    first = said.index("1 of at most ")
    assert "At most 14 runs of about 54 s each" in said[:first]
    assert "in all at most" in said[:first]
    assert found["most_tries"] == 14
    assert len(found["tries"]) <= 14
    assert "from 18 students to 4,800 students (16 times the plan's own)" in said[:first]
    assert "Now at most " in said[first:], "told anew once a run is measured"
    assert ": pass, p99 300 ms; the edge is above 300 students." in said


def test_every_run_has_its_own_seed_and_keeps_what_was_set(searched, oracle):
    searched(lambda people: "pass" if people <= 400 else "fail", "--set", "app.workers=1")
    seeds = [plan.seed for plan in oracle.ran]
    assert seeds == [2026 + turn for turn in range(len(seeds))]
    for plan, overrides in zip(oracle.ran, oracle.overrides, strict=True):
        assert overrides[:2] == ["name=small", "app.workers=1"]
        assert f"event.students={plan.event.students}" in overrides
        assert plan.event.tickets == -(-120 * plan.event.students // 300)


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (lambda people: "fail", 99),
        (lambda people: "pass" if people < 200 else "fail", 99),
        (lambda people: "undecided" if people >= 300 else "pass", 3),
        (lambda people: "limited" if people >= 300 else "pass", 3),
        (lambda people: "limited" if people > 300 else "pass", 0),
        (lambda people: "pass", 0),
    ],
)
def test_the_exit_code_says_whether_the_plan_s_own_number_passes(searched, says, code):
    assert searched(says)[0] == code


def test_where_the_generator_ends_the_search_that_is_said(searched):
    _, found, said, _ = searched(lambda people: "pass" if people <= 700 else "limited")
    assert "the generator, or the machine it runs on, ends the search, not the system" in said
    assert found["breaks"] is None
    assert "Nothing was seen to break." in said
    assert found["above"]["standing"] == "limited"


def test_an_interruption_ends_it_and_tells_what_was_tried(searched, oracle):
    for word in ("stopped", "interrupted"):
        code, found, said, folder = searched(
            lambda people, word=word: word if len(oracle.ran) >= 2 else "pass"
        )
        assert code == 0, "the plan's own number passed before"
        assert len(found["tries"]) == 2
        assert "The search was interrupted; what was tried until then is told." in said
        assert (folder / "capacity.html").exists()


@pytest.mark.parametrize(
    ("module", "name"), [(conduct, "read_evidence"), (performances, "print_verdict")]
)
def test_an_interruption_while_a_run_is_taken_down_loses_no_run(
    searched, oracle, monkeypatch, module, name
):
    meant = getattr(module, name)

    def pressed(*arguments):
        if len(oracle.ran) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return meant(*arguments)

    monkeypatch.setattr(module, name, pressed)
    _, found, said, _ = searched(lambda people: "pass")
    assert len(found["tries"]) == len(oracle.ran) == 2
    assert "The search was interrupted" in said


def test_without_a_verdict_there_is_nothing_to_tell(searched):
    code, found, said, _ = searched(lambda people: "broken")
    assert (code, found) == (1, None)
    assert said.count("No verdict of ") == 2
    code, found, said, _ = searched(lambda people: "stopped")
    assert (code, found) == (1, None)


def test_one_run_without_a_verdict_is_tried_again(searched, oracle):
    _, found, said, _ = searched(
        lambda people: "broken" if len(oracle.ran) == 1 else "pass" if people < 500 else "fail"
    )
    assert said.count("No verdict of ") == 1
    assert found["fails"] is not None
    assert "2 of at most 14" in said, "it took one of the runs that were told"


def test_a_load_that_the_plan_does_not_allow_has_no_verdict(searched, oracle, monkeypatch):
    from dress_rehearsal.plans import PlanError
    from dress_rehearsal.rehearsal.commands import capacity

    allowed = capacity.planned

    def planned(options, *more):
        if "event.students=600" in more and any(text.startswith("seed=") for text in more):
            raise PlanError("So many do not fit the sale.")
        return allowed(options, *more)

    monkeypatch.setattr(capacity, "planned", planned)
    code, found, said, _ = searched(lambda people: "pass")
    assert code == 3, "of three runs a load there was one"
    assert said.count("600 students cannot be rehearsed: So many do not fit the sale.") == 2
    assert [each["people"] for each in found["tries"]] == [300]


def test_no_run_is_begun_that_would_end_too_late(searched, monkeypatch):
    monkeypatch.setattr(TimeBound, "each_s", property(lambda bound: 60.0 * bool(bound.took_s) + 1))
    code, found, said, _ = searched(lambda people: "pass", "--at-most", "50s")
    assert (code, len(found["tries"])) == (3, 1)
    assert "is not settled: by one run it passes; larger was not tried" in said
    assert "ended because another run would have taken longer than the time that was told" in said


def test_the_roster_bounds_what_is_tried_and_that_is_told(searched, tmp_path, oracle):
    people = ["student,pin,enrolled", *(f"{number},1234,yes" for number in range(450))]
    roster = tmp_path / "people.csv"
    roster.write_text("\n".join(people) + "\n")
    _, found, said, _ = searched(lambda people: "pass", "--roster", str(roster))
    assert max(plan.event.students for plan in oracle.ran) == 450
    assert found["most"] == 450
    assert "Nothing larger was to be tried: the roster holds no more than 450 people." in said


def test_bounds_of_the_user_s_own_are_kept_to(searched, oracle):
    _, found, _, _ = searched(lambda people: "pass", "--from", "200", "--to", "1000")
    assert found["most"] == 1_000
    assert max(plan.event.students for plan in oracle.ran) == 1_000


def test_what_does_not_fit_this_machine_is_not_tried(searched, oracle, monkeypatch):
    from dress_rehearsal.rehearsal.preflight import doctor

    def fits(plan, runs):
        return "Open files: too few." if plan.event.students > 700 else None

    monkeypatch.setattr(doctor, "fits", fits)
    _, _, said, _ = searched(lambda people: "pass")
    assert 690 <= max(plan.event.students for plan in oracle.ran) <= 700
    assert "more do not fit: Open files: too few" in said


def test_a_plan_whose_students_come_by_rates_is_searched_over_the_rate(searched, oracle):
    code, found, said, _ = searched(
        lambda people: "pass" if people <= 5_000 else "fail", plan="steps"
    )
    assert code == 0
    assert found["over"] == "arrivals"
    assert found["own"]["load"] == 120
    assert "120 arrivals a second" in said
    assert {plan.students.late_over for plan in oracle.ran} == {60.0}


def test_a_locust_file_is_searched_over_its_users(searched, oracle, tmp_path):
    file = tmp_path / "shop.py"
    file.write_text("import locust\n\nclass Visitor(locust.HttpUser):\n    pass\n")
    target = ("--host", "http://127.0.0.1:8000", "--users", "20", "--spawn-rate", "10")
    reset = ("--run-time", "10s", "--set", "target.reset.command=['true']")
    code, found, said, _ = searched(
        lambda people: "pass" if people <= 50 else "fail", *target, *reset, plan=str(file)
    )
    assert code == 0
    assert found["over"] == "load.users"
    assert found["passes"]["people"] <= 50 < found["fails"]["people"]
    assert "1 of at most" in said
    for plan in oracle.ran:
        assert plan.load.users / plan.load.spawn_rate == pytest.approx(2.0)
