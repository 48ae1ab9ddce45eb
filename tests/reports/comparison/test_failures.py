"""What failed is told apart: a base that failed by the way hides nothing, and a new limit accuses
nobody."""

import dataclasses

import pytest

from dress_rehearsal.reports.comparison import Side, compare
from dress_rehearsal.reports.comparison.failures import _chance, _failures
from dress_rehearsal.reports.schema import GateResult
from tests.reports.comparison.conftest import P99

QUIET = [100.0, 101.0, 102.0, 103.0, 104.0]


def gate(limit="<= 3s", status="pass"):
    return GateResult(
        metric=P99, limit=limit, value=3001.0, low=None, high=None, baseline=None, status=status
    )


def slow_reason(limit="<= 3s"):
    return f"Gate broken: {P99} is 3,001 ms, the limit is {limit}."


@pytest.fixture
def sides(side_of, run_of):
    """A side, `failing` of whose runs differ as told: `sides("new", 5, oversold=3)`."""

    def build(
        name,
        failing,
        *,
        oversold=None,
        words=(),
        gates=None,
        reason="Something failed.",
        machine=None,
    ):
        side = side_of(name, QUIET, machine=machine or {})
        runs = []
        for place, run in enumerate(side.runs):
            own = run.verdict
            update = {"gates": (*own.gates, *(gates or [gate()]))}
            if place < failing:
                update |= {"verdict": "fail", "reasons": (reason,), "failures": words}
                if oversold:
                    update["audit"] = own.audit.model_copy(update={"oversold": oversold})
            elif gates:
                update["gates"] = (*own.gates, gate(gates[0].limit))
            runs.append(dataclasses.replace(run, verdict=own.model_copy(update=update)))
        return dataclasses.replace(side, runs=tuple(runs))

    return build


def told(*given):
    comparison = compare(given)
    return comparison.outcome, " ".join(comparison.reasons)


def test_a_base_that_failed_otherwise_hides_no_failure(sides):
    flaky = sides("old", 1, gates=[gate(status="fail")], reason=slow_reason(), words=("gates",))
    wronged = sides("new", 5, oversold=240, reason="Oversold: 240.", words=("audit",))
    found, said = told(flaky, wronged)
    assert found == "worse"
    assert said.startswith("Worse: 5 of 5 in new failed, and none before: Oversold: 240.")
    lost = sides("new", 2, words=("lost",), reason="Lost: the app.")
    found, said = told(flaky, lost)
    assert (found, "2 of 5 in new failed, and none before: Lost: the app." in said) == (
        "worse",
        True,
    )


def test_who_fails_as_the_base_did_is_neither_worse_nor_no_worse(sides):
    broken = {"gates": [gate(status="fail")], "reason": slow_reason(), "words": ("gates",)}
    found, said = told(sides("old", 2, **broken), sides("new", 5, **broken))
    assert found == "undecided"
    assert f"5 of 5 in new failed ({P99} <= 3s), but so did 2 of 5 before, so repeat" in said
    assert told(sides("old", 1, **broken), sides("new", 0))[0] == "no_worse"
    wronged = {"oversold": 3, "reason": "Oversold: 3.", "words": ("audit",)}
    found, said = told(sides("old", 1, **wronged), sides("new", 5, **wronged))
    assert (found, "but so did 1 of 5 before: Oversold: 3." in said) == ("undecided", True)


@pytest.mark.parametrize(
    ("before", "here", "outcome"),
    [
        ((0, 5), (5, 5), "worse"),
        ((0, 5), (4, 5), "worse"),  # 1 in 42
        ((0, 5), (3, 5), "undecided"),  # 1 in 12
        ((0, 5), (1, 5), "undecided"),
        ((0, 1), (1, 1), "undecided"),
        ((1, 5), (5, 5), "worse"),
        ((2, 5), (5, 5), "undecided"),
        ((1, 20), (20, 20), "worse"),
        ((10, 20), (11, 20), "undecided"),
        ((3, 5), (0, 5), "no_worse"),
    ],
)
def test_a_limit_that_chance_breaks_now_and_then_is_no_proof(run_of, before, here, outcome):
    def side(name, broken, number):
        runs = []
        for place in range(number):
            failed = {"verdict": "fail", "failures": ("gates",), "reasons": (slow_reason(),)}
            verdict = {"gates": (gate(status="fail"),), **failed} if place < broken else {}
            runs.append(run_of(100.0, place + 1, verdict={"gates": (gate(),), **verdict}))
        return Side(name, tuple(runs))

    comparison = compare([side("old", *before), side("new", *here)])
    told_of = [each for each in comparison.reasons if "failed" in each]
    assert bool(told_of) == (outcome != "no_worse")
    assert not told_of or told_of[0].lower().startswith(outcome)


@pytest.mark.parametrize(("failing", "outcome"), [(1, "undecided"), (5, "worse")])
def test_tickets_that_were_left_in_one_run_of_five_may_be_chance(sides, failing, outcome):
    left = sides("new", failing, words=("unsold",), reason="Tickets were left: 3 students gave up.")
    found, said = told(sides("old", 0), left)
    assert (found, f"{failing} of 5 in new failed" in said) == (outcome, True)


@pytest.mark.parametrize(("failing", "outcome"), [(1, "undecided"), (5, "worse")])
@pytest.mark.parametrize("word", ["load", "aborted"])
def test_a_load_that_failed_or_was_stopped_by_a_limit_once_may_be_chance(
    sides, word, failing, outcome
):
    """A Locust file without gates fails by a single request, and `[abort]` has limits, too."""
    new = sides("new", failing, words=(word,), reason="1 of 20,000 requests failed.")
    found, said = told(sides("old", 0), new)
    assert (found, f"{failing} of 5 in new failed" in said) == (outcome, True)


def test_chance_is_fishers():
    stats = pytest.importorskip("scipy.stats")
    for already, before, failing, here in [
        (0, 5, 4, 5),
        (1, 20, 20, 20),
        (3, 9, 5, 7),
        (0, 1, 1, 1),
    ]:
        table = [[failing, here - failing], [already, before - already]]
        own = stats.fisher_exact(table, alternative="greater").pvalue
        assert _chance(already, before, failing, here) == pytest.approx(own)


def test_a_base_that_was_cut_short_held_nothing_and_a_disturbed_one_not_what_it_excuses(
    side_of, run_of
):
    def held(doubt, word):
        odd = {"verdict": "inconclusive", "doubts": (doubt,), "failures": ()}
        failing = {"verdict": "fail", "failures": (word,), "reasons": (f"It was {word}.",)}
        new = side_of("new", QUIET)
        runs = (run_of(100.0, 1, verdict=failing), *new.runs[1:])
        return told(side_of("old", QUIET, verdict=odd), dataclasses.replace(new, runs=runs))[1]

    for doubt, word in [
        ("cut_short", "lost"),
        ("cut_short", "unanswered"),
        ("foreign_cpu", "overtaken"),
    ]:
        assert "not held to that (5 of them cut short or disturbed)" in held(doubt, word)
    assert "Worse: 1 of 5 in new failed, and none before: It was lost." in held(
        "foreign_cpu", "lost"
    )


def test_what_another_plan_fails_by_is_no_builds_doing(sides, side_of):
    twice = side_of("new", QUIET).plan
    event = twice.event.model_copy(update={"students": twice.event.students * 2})
    wronged = sides("new", 5, oversold=3, reason="Oversold: 3.", words=("audit",))
    runs = tuple(
        dataclasses.replace(run, plan=run.plan.model_copy(update={"event": event}))
        for run in wronged.runs
    )
    found, said = told(sides("old", 0), dataclasses.replace(wronged, runs=runs))
    assert found == "undecided"
    assert "audit.oversold == 0), but the plans differ in event.students" in said


def test_a_limit_that_the_base_was_not_held_to_accuses_nobody(sides):
    tighter = {"gates": [gate("<= 2s", "fail")], "reason": slow_reason("<= 2s")}
    found, said = told(sides("old", 0), sides("new", 5, words=("gates",), **tighter))
    assert found == "undecided"
    assert "5 runs before were not held to that" in said
    same = {"gates": [gate(status="fail")], "reason": slow_reason()}
    assert told(sides("old", 0), sides("new", 5, words=("gates",), **same))[0] == "worse"


def test_of_another_machine_no_failure_is_held_against_a_build(sides):
    wronged = {"oversold": 3, "reason": "Oversold: 3.", "words": ("audit",)}
    found, said = told(sides("old", 0), sides("new", 5, machine={"fingerprint": "77"}, **wronged))
    assert (found, "were not made on one machine" in said) == ("undecided", True)


def test_a_verdict_that_does_not_name_what_failed_is_worse_only_where_nothing_failed(sides):
    older = {"words": None, "reason": "Lost: the app."}
    assert told(sides("old", 0), sides("new", 1, **older))[0] == "worse"
    named = sides("new", 1, words=("lost",), reason="Lost: the app.")
    assert told(sides("old", 1, **older), named)[0] == "undecided"
    wronged = sides("new", 5, oversold=3, words=("audit",))
    assert told(sides("old", 1, **older), wronged)[0] == "worse", "the base's audit is clean"
    flaky = sides("old", 1, gates=[gate(status="fail")], reason=slow_reason(), words=("gates",))
    assert told(flaky, sides("new", 1, **older))[0] == "undecided"
    assert told(sides("old", 0), sides("new", 0))[0] == "no_worse"


def test_what_the_base_decided_and_the_other_side_does_not_is_no_pass(side_of):
    """Nobody knows whether tickets were oversold, or the app no longer tells of a pool."""
    pool = GateResult(
        metric="pools[postgres].wait_p99_ms",
        limit="<= 500ms",
        value=20.0,
        low=None,
        high=None,
        baseline=None,
        status="pass",
    )
    own = side_of("old", QUIET).runs[0].verdict
    gates = (*own.gates, pool)
    unread = tuple(
        each.model_copy(update={"value": None, "status": "inconclusive"})
        if each.metric in ("audit.oversold", pool.metric)
        else each
        for each in gates
    )
    base = side_of("old", QUIET, verdict={"gates": gates})
    why = {
        "gates": unread,
        "audit": own.audit.model_copy(update={"oversold": None}),
        "verdict": "inconclusive",
        "reasons": ("The ledger could not be read.",),
    }
    found, said = told(base, side_of("new", QUIET, verdict=why))
    assert found == "undecided"
    assert (
        "Undecided: 5 of 5 in new left open what was decided before (audit.oversold, "
        "pools[postgres].wait_p99_ms): The ledger could not be read."
    ) in said
    assert told(base, side_of("new", QUIET, verdict={"gates": gates}))[0] == "no_worse"
    untold = side_of("old", QUIET, verdict=why)
    assert told(untold, side_of("new", QUIET, verdict=why))[0] == "no_worse"


def test_why_a_limit_was_left_open_is_told_and_not_what_else_the_run_failed_by(side_of):
    undecided = f"Gate undecided: {P99} is 3,001 ms, too close to the limit <= 3s to call."
    why = {
        "gates": (gate(status="inconclusive"),),
        "verdict": "fail",
        "failures": ("lost",),
        "reasons": ("Lost: the app.", undecided),
    }
    base = side_of("old", QUIET, verdict={"gates": (gate(),)})
    said = compare([base, side_of("new", QUIET, verdict=why)]).reasons
    (open_,) = (each for each in said if "left open what was decided before" in each)
    assert open_.endswith(f"({P99}): {undecided}")


def test_a_disturbed_run_that_leaves_a_limit_open_is_left_out_as_its_times_are(side_of, run_of):
    late = {"gates": (gate(status="inconclusive"),), "doubts": ("foreign_cpu",)}
    base = side_of("old", QUIET, verdict={"gates": (gate(),)})
    new = side_of("new", QUIET, verdict={"gates": (gate(),)})
    disturbed = run_of(104.0, 6, verdict={**late, "verdict": "inconclusive"})
    with_it = dataclasses.replace(new, runs=(*new.runs, disturbed))
    assert told(base, with_it)[0] == "no_worse"
    quiet = run_of(104.0, 6, verdict={**late, "verdict": "inconclusive", "doubts": ()})
    assert told(base, dataclasses.replace(new, runs=(*new.runs, quiet)))[0] == "undecided"


def test_students_who_were_overtaken_are_one_failure_though_a_gate_says_so_too(sides):
    row = GateResult(
        metric="fairness.inversions",
        limit="== 0",
        value=3,
        low=None,
        high=None,
        baseline=None,
        status="fail",
    )
    said = "Not first come, first served: 3."
    new = sides("new", 5, gates=[row], words=("overtaken",), reason=said)
    for run in new.runs:
        assert list(_failures(run.verdict)) == [("overtaken", "")]
    without = run.verdict.model_copy(update={"failures": ("gates",)})
    assert ("fairness.inversions", "== 0") in _failures(without)
