"""What is known of several numbers of which some are lower bounds: what larger ones change not."""

import dataclasses
import itertools
import json
import statistics

import pytest

from dress_rehearsal.plans import Gate
from dress_rehearsal.reports.lower_bounds import (
    RunNumber,
    difference_extremes,
    is_lower_bound,
    over_runs,
)
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.verdict import judge
from tests.reports.gating import BUYING
from tests.reports.test_given_up import SMALL, timed_out

P90 = f"{BUYING}.p90"


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_rank_is_a_bound_exactly_where_larger_numbers_behind_the_bounds_change_it(size):
    ranks = {"median": statistics.median, "least": min, "most": max}
    values = range(1, size + 1)
    for bounds in itertools.product([False, True], repeat=size):
        told = over_runs([RunNumber(*each) for each in zip(values, bounds, strict=True)])
        raised = [1_000 if bound else each for each, bound in zip(values, bounds, strict=True)]
        assert told[:3] == tuple(rank(values) for rank in ranks.values())
        changed = {name for name, rank in ranks.items() if rank(raised) != rank(values)}
        assert set(told.at_least) == changed


def test_of_two_that_are_equal_the_one_that_is_known_decides():
    told = over_runs([RunNumber(5.0, at_least=True), RunNumber(5.0)])
    assert (told.least, told.at_least) == (5.0, ("median", "most"))


def test_the_extremes_of_a_difference_hold_whatever_the_numbers_really_are():
    before, after = [RunNumber(3.0), RunNumber(4.0, at_least=True)], [RunNumber(9.0)]
    apart = difference_extremes(before, after, lambda old, new: min(new) - max(old))
    assert apart == (float("-inf"), 5.0)


def test_a_verdict_says_which_of_its_numbers_are_bounds_also_within_a_window(evidence_of):
    windowed = Gate(metric=P90, window="T+0s..T+60s", regression="< 10%")
    told = []
    for given_up in (30, 0):
        evidence = timed_out(evidence_of(**SMALL), [], given_up)
        plan = evidence.plan.model_copy(update={"gates": (windowed,)})
        verdict = judge(dataclasses.replace(evidence, plan=plan))
        told.append([is_lower_bound(verdict, P90, window) for window in (None, windowed.span)])
        assert (verdict.regressions[0].given_up is None) == (given_up == 0)
        assert not is_lower_bound(verdict, f"{BUYING}.good_p99", None)
        assert not is_lower_bound(verdict, "census.failed", None)
    assert told == [[True, True], [False, False]]


def test_a_window_of_which_an_older_version_did_not_say_it_is_taken_for_a_bound(evidence_of):
    windowed = Gate(metric=f"{BUYING}.p50", window="T+0s..T+60s", regression="< 10%")
    good = Gate(metric=f"{BUYING}.good_p99", window="T+0s..T+60s", regression="< 10%")
    told = []
    for given_up in (3, 0):
        evidence = timed_out(evidence_of(**SMALL), [], given_up)
        plan = evidence.plan.model_copy(update={"gates": (windowed, good)})
        document = judge(dataclasses.replace(evidence, plan=plan)).document()
        for older in (False, True):
            if older:
                for each in document["regressions"]:
                    each.pop("given_up", None)
            read = Verdict.model_validate_json(json.dumps(document))
            told.append([is_lower_bound(read, gate.path, gate.span) for gate in (windowed, good)])
    assert told == [[False, False], [True, False], [False, False], [False, False]]


def test_a_verdict_without_bounds_holds_nothing_that_versions_without_them_refuse(evidence_of):
    windowed = Gate(metric=P90, window="T+0s..T+60s", regression="< 10%")
    evidence = timed_out(evidence_of(**SMALL), [(P90, "<= 8s")], 0)
    gates = (*evidence.plan.gates, windowed)
    plan = evidence.plan.model_copy(update={"gates": gates})
    verdict = judge(dataclasses.replace(evidence, plan=plan))
    document = verdict.document()
    assert not any("baseline_at_least" in each for each in document["gates"])
    assert set(document["regressions"][0]) == {"metric", "window", "margins", "value", "baseline"}
    assert Verdict.model_validate(document) == verdict
    bounds = tuple(
        each.model_copy(update={"baseline_at_least": True}) for each in verdict.regressions
    )
    kept = verdict.model_copy(update={"regressions": bounds}).document()
    assert kept["regressions"][0]["baseline_at_least"]
