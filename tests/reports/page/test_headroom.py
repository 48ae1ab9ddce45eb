"""What the first screen says of headroom: what a search came to, or how to search."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import Plan, read_plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.page.headroom import AHEAD, FILE, Ahead, Headroom, Searched
from dress_rehearsal.reports.page.headroom import headroom as headroom_of
from dress_rehearsal.reports.schema import Census, GateResult, Verdict

SMOKE = read_plan(Path("smoke"))


SLOW = ("latency_ms[POST /login].p99", "<= 3s")


def verdict(
    word: str,
    *failures: str,
    doubts: tuple[str, ...] = (),
    broken: tuple[tuple[str, str], ...] = (SLOW,),
    ticket: int = 60,
) -> Verdict:
    """Return what headroom asks of a verdict, and nothing else."""
    return Verdict.model_construct(
        verdict=word,
        failures=failures,
        doubts=doubts,
        census=Census.model_construct(students=300, ticket=ticket, sold_out=0, refused=0),
        gates=tuple(
            GateResult.model_construct(metric=metric, limit=limit, status="fail")
            for metric, limit in broken
        ),
    )


def headroom(run: RunDirectory, plan: Plan) -> Headroom:
    """Return what is said beside a run that held."""
    return headroom_of(run, plan, verdict("pass"))


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path)


def test_a_search_is_told_as_it_can_be_pasted_where_the_plan_is_a_bundled_one(
    run: RunDirectory,
) -> None:
    own = SMOKE.model_copy(update={"name": "mine"})
    changed = read_plan(Path("smoke"), ["event.students=77"])
    assert "not searched. `rehearse capacity smoke` searches" in headroom(run, SMOKE).words
    for each in (own, changed):
        assert "`rehearse capacity PLAN`, of your plan's file" in headroom(run, each).words
    run.write_json("environment.json", {"overrides": ["event.students=77", "seed=2026"]})
    said = headroom(run, changed).words
    assert "`rehearse capacity smoke --set event.students=77` searches" in said
    assert "`rehearse capacity PLAN`" in headroom(run, own).words
    run.write_json("environment.json", {"overrides": {"of": "another version"}})
    assert "`rehearse capacity PLAN`" in headroom(run, changed).words


def test_of_a_target_that_nobody_resets_no_search_is_advised(run: RunDirectory) -> None:
    values = ["target.stage=external", "target.url=http://127.0.0.1:1"]
    said = headroom(run, read_plan(Path("smoke"), values))
    assert said.words.startswith("not searched. A search repeats the rehearsal, so it needs `[targ")
    assert said.more == ()
    reset = [*values, 'target.reset.command=["true"]']
    assert "rehearse capacity" in headroom(run, read_plan(Path("smoke"), reset)).words


def test_what_a_search_came_to_is_told_with_the_way_to_it(run: RunDirectory) -> None:
    told = Searched(search="s", page="../s/capacity.html", says=("60 students pass.", "So."))
    run.write_text(FILE, told.text())
    said = headroom(run, SMOKE)
    assert said.words == "60 students pass. So."
    assert said.href == "../s/capacity.html"


def test_a_search_of_another_build_says_so(run: RunDirectory) -> None:
    told = Searched(search="s", page="s", says=("60 students pass.",), builds=("v2", "v1"))
    run.write_text(FILE, told.text())
    assert "another build of the target: v1, this run is v2." in headroom(run, SMOKE).words


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 2}', "\x00"])
def test_a_damaged_file_is_named_and_nothing_is_said_by_it(run: RunDirectory, content: str) -> None:
    run.write_text(FILE, content)
    said = headroom(run, SMOKE)
    assert said.words.startswith("not known: headroom.json is damaged")
    assert said.href is None


def test_a_folder_in_its_place_is_named(run: RunDirectory) -> None:
    (run.path / FILE).mkdir()
    assert "cannot be read (it is a folder, not a file)" in headroom(run, SMOKE).words


def test_how_long_a_search_takes_and_where_the_machine_ends_it_is_told(run: RunDirectory) -> None:
    assert headroom(run, SMOKE).more[0] == "It tells first how long it takes."
    ahead = Ahead(takes="at most 14 runs of about 54 s each", ends=("It tries no more than 9.",))
    run.write_text(AHEAD, ahead.text())
    said = headroom(run, SMOKE)
    assert said.words.endswith("searches for the largest load that passes.")
    takes, ends, where = said.more
    assert takes == "It takes at most 14 runs of about 54 s each."
    assert ends == "It tries no more than 9."
    assert "`rehearse report`" in where
    run.write_text(FILE, Searched(search="s", page="s", says=("60 students pass.",)).text())
    assert headroom(run, SMOKE) == Headroom("60 students pass.", "s")


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 2, "takes": ""}', "\x00"])
def test_what_cannot_be_read_of_it_is_left_to_the_search(run: RunDirectory, content: str) -> None:
    run.write_text(AHEAD, content)
    assert headroom(run, SMOKE).more[0] == "It tells first how long it takes."


def test_a_run_that_fails_is_itself_a_bound_unless_something_else_may_be_why(
    run: RunDirectory,
) -> None:
    failed = headroom_of(run, SMOKE, verdict("fail", "gates")).words
    assert failed.startswith(
        "none here: this run fails with 300 students (one run, on this machine); the largest load "
        "that passes was not searched. `rehearse capacity smoke` searches"
    )
    doubted = verdict("fail", "gates", doubts=("late_sends",))  # what is decided all the same
    assert headroom_of(run, SMOKE, doubted).words == failed
    for other in (verdict("pass"), verdict("inconclusive"), verdict("fail", "aborted")):
        assert headroom_of(run, SMOKE, other).words.startswith("not searched.")
    faulty = read_plan(Path("smoke"), ['faults=[{name="worker_crash", at="T+2s"}]'])
    assert headroom_of(run, faulty, verdict("fail", "gates")).words.startswith("not searched.")


@pytest.mark.parametrize(
    ("failures", "broken", "ticket"),
    [
        pytest.param(("audit",), (("audit.oversold", "== 0"),), 60, id="a naive allocation"),
        pytest.param(("audit", "gates"), (SLOW,), 60, id="wrong owners, though slow too"),
        pytest.param(("leaked",), (), 60, id="a leak"),
        pytest.param(("gates",), (("pools[redis].leaked", "<= 0"),), 60, id="a leak by its gate"),
        pytest.param(("gates",), (("census.failed", "<= 1%"),), 0, id="a login that fails for all"),
        pytest.param(("gates",), (("census.failed", "== 0"),), 0, id="a purchase that does, too"),
        pytest.param(("gates", "unanswered"), (SLOW,), 60, id="whoever was not answered"),
        pytest.param(("gates",), (SLOW, ("sale.granted", ">= 60")), 60, id="what was sold"),
        pytest.param(("gates",), (("census.ticket", ">= 60"),), 40, id="who got a ticket"),
        pytest.param(("gates",), (("latency_ms[POST /login].p99", ">= 1s"),), 60, id="too fast"),
    ],
)
def test_what_fewer_students_would_not_mend_is_no_bound(
    run: RunDirectory, failures, broken, ticket
) -> None:
    failed = verdict("fail", *failures, broken=broken, ticket=ticket)
    assert headroom_of(run, SMOKE, failed).words.startswith("not searched.")


@pytest.mark.parametrize(
    "broken",
    [
        ("pools[shop.HikariPool-1].wait_mean_ms", "< 30ms"),
        ("census.failed", "<= 1%"),
        ("census.failed", "== 0"),
    ],
)
def test_waits_and_bad_ends_beyond_their_limits_are_a_bound(run: RunDirectory, broken) -> None:
    said = headroom_of(run, SMOKE, verdict("fail", "gates", broken=(SLOW, broken))).words
    assert said.startswith("none here: this run fails with 300 students")


def test_what_a_search_there_is_worth_needs_no_click(run: RunDirectory) -> None:
    ahead = Ahead(takes="at most 2 runs", ends=("It ends.",), worth=("450 do not fit.", "CPUs."))
    run.write_text(AHEAD, ahead.text())
    said = headroom(run, SMOKE)
    assert said.words.endswith("the largest load that passes. 450 do not fit. CPUs.")
    assert said.more[1] == "It ends."
