"""What a rehearsal is held against says beforehand what will keep it from being decided."""

import dataclasses

import pytest

from dress_rehearsal.plans import Gate, PlanError
from dress_rehearsal.plans.sections.scenario import Scenario
from dress_rehearsal.reports.comparison.baseline import read_baseline, remarks_on, snapshot
from dress_rehearsal.reports.comparison.sides import Side
from dress_rehearsal.reports.errors import ComparisonRefusedError
from tests.reports.comparison.conftest import MACHINE, MARGINS, P99

QUIET = [100.0, 101.0, 102.0, 103.0, 104.0]
HERE = MACHINE["fingerprint"]


@pytest.mark.slow
def test_on_the_same_ground_with_enough_runs_nothing_is_remarked(side_of, run_of):
    base, plan = side_of("old", QUIET), run_of(1.0, seed=77).plan
    assert not list(remarks_on(base, plan, 5, HERE))
    assert not list(remarks_on(base, plan, 5, None)), "the machine is not known yet"


def test_each_obstacle_is_a_remark(side_of, run_of):
    plan = run_of(1.0).plan
    postgres = plan.postgres.model_copy(update={"max_connections": 50})
    other = plan.model_copy(update={"postgres": postgres})
    said = list(remarks_on(side_of("old", QUIET[:3]), other, 1, "77"))
    for words, sentence in zip(
        ("another plan (postgres.max_connections)", "not measured on this machine", "has 3 runs"),
        said,
        strict=False,
    ):
        assert words in sentence
    assert said[3].startswith("There will be 1 run, and it takes 5 a side")


def test_a_baseline_that_keeps_no_copy_of_its_scenario_is_told_of_beforehand(side_of, run_of):
    own = {"scenario": Scenario(file="/shop/scenario.py")}
    base, plan = side_of("old", QUIET, plan=own), run_of(1.0, plan=own).plan
    (said,) = remarks_on(base, plan, 5, HERE)
    assert said.startswith("The baseline has no copy of its scenario (scenario.py")
    kept = tuple(dataclasses.replace(run, scenario="12ab") for run in base.runs)
    assert not list(remarks_on(Side("old", kept), plan, 5, HERE))


def test_a_number_that_too_few_runs_of_the_baseline_have_is_named(side_of, run_of):
    plan = run_of(1.0).plan
    odd = [
        dataclasses.replace(run, verdict=run.verdict.model_copy(update={"doubts": ("steal",)}))
        for run in side_of("old", QUIET).runs[:3]
    ]
    disturbed = Side("old", (*odd, *side_of("old", QUIET).runs[3:]))
    (said,) = remarks_on(disturbed, plan, 5, HERE)
    assert said.startswith(f"Of {P99} the baseline has 2 numbers that count; it takes 5")
    early = Gate(metric=P99, window="T+0..T+10s", regression=MARGINS)
    windowed = plan.model_copy(update={"gates": (*plan.gates, early)})
    (said,) = remarks_on(side_of("old", QUIET), windowed, 5, HERE)
    assert said.startswith(f"Of {P99} in T+0s..T+10s the baseline has 0 numbers that count, and 5")


def test_the_snapshot_has_the_medians_of_what_counts(side_of):
    base = side_of("old", [*QUIET, 9_000.0], verdict={"doubts": ()})
    kept = snapshot(base)
    assert kept["numbers"][P99] == 102.5
    assert kept["numbers"]["audit.oversold"] == 0
    assert [run["seed"] for run in kept["runs"]] == [1, 2, 3, 4, 5, 6]
    disturbed = snapshot(side_of("old", QUIET, verdict={"doubts": ("foreign_cpu",)}))
    assert P99 not in disturbed["numbers"]


def test_a_baseline_is_runs_of_one_plan_and_a_plan_that_asks(side_of, written, run_of, tmp_path):
    plan = run_of(1.0).plan
    folder = written(tmp_path, side_of("x", QUIET))
    assert len(read_baseline(folder, plan).runs) == 5
    limits = plan.model_copy(update={"gates": (Gate(metric=P99, limit="<= 3s"),)})
    with pytest.raises(ComparisonRefusedError, match="--baseline: no gate"):
        read_baseline(folder, limits)
    with pytest.raises(PlanError, match="not there"):
        read_baseline(tmp_path / "gone", plan)
    app = plan.app.model_copy(update={"workers": 1})
    odd = side_of("y", [1.0], plan={"app": app}, verdict={"run": "odd"})
    written(folder, odd)
    with pytest.raises(ComparisonRefusedError, match="runs of 2 plans are in it"):
        read_baseline(folder, plan)
    assert MARGINS in str(plan.gates)
