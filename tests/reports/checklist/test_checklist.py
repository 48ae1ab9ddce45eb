"""The checklist says what speaks for going ahead and what against, and never decides."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from dress_rehearsal.plans import read_plan
from dress_rehearsal.reports.capacity.result import capacity_of
from dress_rehearsal.reports.checklist.checklist import age_words, checklist_of
from dress_rehearsal.reports.checklist.recovery import SwitchTried
from dress_rehearsal.reports.page.headroom import Ahead
from dress_rehearsal.reports.trust.belief import STANDS
from tests.reports.capacity.conftest import one, sought
from tests.reports.checklist.conftest import NOW, rehearsed

BROKEN = {
    **dict.fromkeys(("low", "high", "baseline")),
    "metric": "census.failed",
    "limit": "== 0",
    "value": 7,
    "status": "fail",
}


def capacity(*tries, own=400, ended="found"):
    made = [one(people, word, number) for number, (people, word) in enumerate(tries)]
    return capacity_of(sought(own=own), made, step="POST /tickets", ended=ended, took_s=60.0)


def checked(*runs, capacities=(), **more):
    return checklist_of(runs, capacities, NOW, **more)


def against(*runs, **more):
    return " ".join(checked(*runs, **more).speaks_against)


def test_runs_that_passed_speak_for_it_and_what_nobody_did_against():
    found = checked(*(rehearsed(number) for number in range(3)))
    assert found.speaks_for[:2] == (
        "3 of 3 runs passed, the largest with 400 of 400 expected.",
        "Nobody was wronged in any of them, by what could be checked.",
    )
    said = " ".join(found.speaks_against)
    assert "How much more it would bear was not searched." in said
    assert "All of it was on a stage of our own, none of it where the app will run." in said
    assert "No fault and no kill switch was flipped." in said
    assert "assumed, and measured by nobody" in said
    assert "go" not in " ".join(found.speaks_for).lower().split()


def test_runs_that_cannot_be_believed_wholly_speak_against_it():
    stands = f"Without the late sends {STANDS} (a: the system's part is 9 s, the limit <= 8s). So."
    late = f"not wholly (2 more on the page): The generator was late. {stands}"
    doubted = rehearsed(1, "fail", said={"belief": late})
    said = against(rehearsed(0), doubted)
    assert "1 of 2 runs cannot be believed wholly: The generator was late." in said
    assert STANDS not in said, "which of them is meant is not told"
    other = rehearsed(2, "inconclusive", said={"belief": "not wholly: The clock was set."})
    said = against(rehearsed(0), doubted, other)
    assert "2 of 3 runs cannot be believed wholly, one of them for this: The " in said
    assert "believed wholly" not in against(rehearsed(0))


def test_a_wrong_speaks_against_it_until_a_later_run_passed():
    wrong = rehearsed(
        1, "fail", said={"audit": rehearsed().verdict.audit.model_dump() | {"oversold": 3}}
    )
    assert "In 1 run a wrong was found, and no later run clears it: oversold: 3." in against(wrong)
    later = rehearsed(2, age=timedelta(hours=1))
    found = checked(wrong, later)
    assert "a wrong was found" not in " ".join(found.speaks_against)
    assert found.findings[0].later == later.run
    smaller = rehearsed(2, age=timedelta(hours=1), plan={"event": {"students": 10, "tickets": 5}})
    assert "a wrong was found" in against(wrong, smaller), "fewer people prove nothing"


@pytest.mark.parametrize(
    ("plan", "clears"),
    [
        ({"seed": 7}, True),
        ({"event": {"students": 800, "tickets": 100}}, True),
        ({"app": {"allocation": "row_lock"}}, False),
        ({"gates": [{"metric": "census.failed", "limit": "< 50%"}]}, False),
        ({"faults": [{"name": "leak", "at": "T+1s"}]}, False),
        ({"schedule": {"sale": "20s"}}, False),
    ],
)
def test_only_a_run_that_asked_for_the_same_clears_what_was_found(plan, clears):
    broken = rehearsed(1, "fail", said={"gates": [BROKEN]})
    later = rehearsed(2, age=timedelta(hours=1), plan=plan)
    assert ("a gate was broken" not in against(broken, later)) == clears


def test_a_lucky_pass_of_the_same_series_clears_nothing():
    broken = rehearsed(1, "fail", said={"gates": [BROKEN]}, series="runs/a-capacity")
    luck = rehearsed(2, age=timedelta(hours=2), series="runs/a-capacity")
    assert "a gate was broken, and no later run clears it" in against(broken, luck)
    mended = rehearsed(3, age=timedelta(hours=1), series="runs/b-x3")
    assert "a gate was broken" not in against(broken, luck, mended)


def test_what_seems_a_wrong_in_a_run_that_decides_nothing_is_no_accusation():
    audit = rehearsed().verdict.audit.model_dump() | {"oversold": 3}
    found = checked(rehearsed(1, "inconclusive", said={"audit": audit}))
    assert [each.kind for each in found.findings] == ["undecided"]
    assert "1 of 1 run decided nothing." in found.speaks_against


def test_broken_gates_and_unchecked_claims_are_open():
    found = checked(
        rehearsed(1, "fail", said={"gates": [BROKEN], "unchecked": {"reserved": 4}}),
        rehearsed(2, "fail", said={"reasons": ["The app was lost."]}),
    )
    assert {(each.kind, each.says) for each in found.findings} == {
        ("broken gate", "census.failed is 7, the limit is == 0"),
        ("broken gate", "The app was lost."),
        ("unchecked", "4 answers said reserved, which no check knows"),
    }


def test_fewer_people_than_are_expected_speak_against_it():
    found = checked(rehearsed(), expected=12_000)
    assert "No run that decides had more than 400 of the 12,000 who are expected." in (
        found.speaks_against
    )
    assert found.covered[0].not_rehearsed == "11,600 more students at once"
    undecided = checked(rehearsed(0, "inconclusive"))
    assert undecided.covered[0].rehearsed == "no run decides anything"


def test_of_a_bundled_plan_as_many_are_expected_as_it_has():
    small = rehearsed(plan={"name": "festival"})
    assert checked(small).expected == 12_000


@pytest.mark.parametrize(
    ("tries", "for_it", "against_it"),
    [
        ([(400, "pass"), (800, "pass"), (900, "fail")], "800 students pass", ""),
        (
            [(400, "pass"), (500, "fail")] * 2,
            "400 students pass",
            "1.5 × what is expected was not",
        ),
        ([(400, "fail"), (200, "pass")] * 2, "", "of 400 expected only 200 pass"),
        ([(400, "fail")], "", "No load is known to pass: the smallest"),
        (
            [(400, "pass"), (500, "fail")],
            "",
            "whether the 400 expected pass is not settled: by one run it passes",
        ),
        ([(400, "fail"), (200, "pass")], "", "expected pass is not settled: by one run it does"),
        (
            [(400, "pass"), (600, "pass"), (601, "fail")],
            "600 students pass",
            "whether 1.5 × what is expected passes is not settled",
        ),
    ],
)
def test_headroom_speaks_for_what_it_shows_and_against_what_it_does_not(tries, for_it, against_it):
    found = checked(rehearsed(), capacities=[capacity(*tries)])
    assert for_it in " ".join(found.speaks_for)
    assert against_it in " ".join(found.speaks_against)
    assert "was not searched" not in " ".join(found.speaks_against)
    if not for_it:
        assert "festival:" not in " ".join(found.speaks_for)


def test_of_a_search_whose_larger_runs_had_no_verdict_it_is_not_said_that_none_was_tried():
    for ended, larger in (("broken", "nothing larger has a verdict"), ("time", "was not tried")):
        search = capacity((400, "pass"), ended=ended)
        said = " ".join(checked(rehearsed(), capacities=[search]).speaks_against)
        assert larger in said
        assert larger in search.headroom[0].says
        assert ("broken" in json.loads(search.text())) == search.broken == (ended == "broken")


def test_loads_beyond_the_plan_s_own_are_no_findings():
    broke = rehearsed(5, "fail", said={"gates": [BROKEN]}, beyond=True)
    found = checked(rehearsed(), broke, capacities=[capacity((400, "pass"), (800, "fail"))])
    assert found.findings == ()
    assert found.beyond == 1
    assert [run.run for run in found.runs] == [rehearsed().run]


def test_what_the_app_recovered_from_and_what_not():
    back = SwitchTried("run", "pause (Redis)", "yes", "at once: of 90 requests …")
    down = SwitchTried("run", "kill (PostgreSQL)", "no", "40% of the 90 requests … failed")
    unknown = SwitchTried("run", "leak", "not known", "it lasted to the end")
    found = checked(rehearsed(switches=(back, down, unknown)))
    assert "The app answered again after pause (Redis)." in found.speaks_for
    said = " ".join(found.speaks_against)
    assert "not seen to recover from kill (PostgreSQL): 40%" in said
    assert "leak" not in said
    assert "No fault" not in said


def test_age_commit_machine_and_plan_are_told_where_they_differ():
    runs = (
        rehearsed(1, age=timedelta(days=20), commit="abc"),
        rehearsed(2, age=timedelta(days=9), commit="def", fingerprint="b4r"),
        rehearsed(3, age=timedelta(days=9), commit=None, plan={"app": {"workers": 1}}),
    )
    found = checked(*runs)
    said = " ".join(found.same)
    assert "The oldest run is 20 days old, the newest 9 days." in said
    assert "Of 1 the commit is not known." in said
    assert "They are of 2 commits" in said
    assert "They are of 2 machines" in said
    assert "They are of 2 plans that differ in more than the seed." in said
    assert "The newest run is 9 days old." in found.speaks_against
    assert "old." not in against(rehearsed(age=timedelta(hours=2)))


def test_three_of_one_plan_are_repeats_whatever_their_seed():
    runs = [rehearsed(number, plan={"seed": number}) for number in range(3)]
    assert "No plan was rehearsed 3 times" not in against(*runs)
    assert "No plan was rehearsed 3 times" in against(*runs[:2])


def test_what_was_done_and_what_not_is_told_subject_by_subject():
    found = checked(
        rehearsed(1, plan={"students": {"bots": "5%"}, "app": {"waiting_room": "poll"}}),
        rehearsed(2, plan={"app": {"allocation": "row_lock"}}),
    )
    subjects = {each.subject: each for each in found.covered}
    assert "programs in students' names" in subjects["What students do besides"].rehearsed
    assert "reload the page" in subjects["What students do besides"].not_rehearsed
    assert subjects["How tickets are handed out"].rehearsed == "redis_writeback, row_lock"
    assert subjects["Waiting room"].not_rehearsed == "sse"
    assert subjects["Steps"].rehearsed == "POST /events/{event}/tickets"
    assert "POST /login" in subjects["Steps"].not_rehearsed


def test_a_search_is_advised_of_a_plan_that_can_be_named():
    festival = read_plan(Path("festival"))
    same = rehearsed(plan=festival.model_copy(update={"seed": 3}).model_dump(exclude_unset=True))
    assert "`rehearse capacity festival`" in checked(same).headroom[0]
    set_otherwise = festival.model_copy(update={"seed": 3}).model_dump(exclude_unset=True)
    set_otherwise["app"] = {**set_otherwise.get("app", {}), "workers": 4}
    changed = rehearsed(plan=set_otherwise, overrides=("app.workers=4", "seed=3"))
    assert "`rehearse capacity festival --set app.workers=4`" in checked(changed).headroom[0]
    own = rehearsed(plan={"name": "festival"})
    for run in (own, rehearsed(), rehearsed(plan=set_otherwise)):
        assert "`rehearse capacity PLAN`" in checked(run).headroom[0]


def test_how_long_a_search_would_take_is_told_where_the_run_knows_it():
    ahead = Ahead(takes="at most 14 runs of about 54 s each", ends=("It tries no more than 9.",))
    first, *ends = checked(rehearsed(1, ahead=ahead)).headroom
    assert first.endswith("load that passes, in at most 14 runs of about 54 s each.")
    assert ends == ["It tries no more than 9."]
    (alone,) = checked(rehearsed(1)).headroom
    assert alone.endswith("searches the largest load that passes.")


def test_users_of_a_locust_file_are_told_as_users(tmp_path):
    (tmp_path / "locustfile.py").write_text("import locust\n")
    document = {
        "event": {},
        "scenario": {"file": str(tmp_path / "locustfile.py")},
        "target": {"stage": "external", "url": "http://127.0.0.1:8000"},
        "load": {"users": 50, "run_time": "30s"},
    }
    found = checked(rehearsed(plan=document))
    subjects = [each.subject for each in found.covered]
    assert found.covered[0].rehearsed == "up to 50 users in a run that decides (100%)"
    assert "What students do besides" not in subjects
    assert "of the audit" not in " ".join(found.speaks_against)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(minutes=5), "less than an hour"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=30), "30 hours"),
        (timedelta(days=3, hours=5), "3 days"),
        (timedelta(hours=-3), "less than an hour"),
    ],
)
def test_how_old_something_is(age, words):
    assert age_words(age) == words
