"""The margins that are proposed make no alarm of the same build, and still find a change."""

import dataclasses
import tomllib
from itertools import pairwise

import numpy as np
import pytest

from dress_rehearsal.plans import Gate
from dress_rehearsal.plans.sections.margins import parse_margins
from dress_rehearsal.reports.comparison import compare
from dress_rehearsal.reports.comparison.noise import noise_markdown, noise_of
from tests.reports.comparison.conftest import P99


def drawn(spread, number, seed=3):
    return (200 * np.exp(np.random.default_rng(seed).normal(0, spread, number))).tolist()


def noise_on(side, metric=P99):
    return next((each for each in noise_of(side) if each.metric == metric), None)


@pytest.mark.parametrize("spread", [0.02, 0.06])
def test_what_is_proposed_is_no_alarm_for_the_same_and_finds_what_it_says(side_of, spread):
    found = noise_on(side_of("here", drawn(spread, 20)))
    assert found.spread == pytest.approx(spread, rel=0.5)
    gates = {"gates": (Gate(metric=P99, regression=found.regression),)}
    sets = [drawn(spread, 5, seed) for seed in range(100, 141)]
    same = [
        compare([side_of(str(n), own, plan=gates) for n, own in enumerate(pair)]).outcome
        for pair in pairwise(sets)
    ]
    assert same.count("worse") <= 1
    slower = [
        compare(
            [
                side_of("old", one, plan=gates),
                side_of("new", [v * (1 + 1.3 * found.found_from) for v in other], plan=gates),
            ]
        ).outcome
        for one, other in pairwise(sets)
    ]
    assert slower.count("worse") >= 36


def test_a_noisier_machine_gets_wider_margins(side_of):
    quiet, noisy = (
        parse_margins(noise_on(side_of("x", drawn(spread, 20))).regression)
        for spread in (0.01, 0.1)
    )
    assert quiet.relative < noisy.relative
    assert quiet.absolute.value < noisy.absolute.value


def test_fewer_tickets_a_second_are_what_is_looked_for(side_of, run_of):
    side = side_of("x", [100.0] * 20)
    sale = run_of(100.0).verdict.sale
    runs = tuple(
        dataclasses.replace(
            run,
            verdict=run.verdict.model_copy(
                update={
                    "sale": sale.model_copy(update={"tickets_per_s": 900.0 + number}),
                    "regressions": run_of(1.0).verdict.regressions,
                    "gates": (
                        run.verdict.gates[0].model_copy(update={"metric": "sale.tickets_per_s"}),
                    ),
                }
            ),
        )
        for number, run in enumerate(side.runs)
    )
    found = noise_on(dataclasses.replace(side, runs=runs), "sale.tickets_per_s")
    assert found.found_from < 0.3
    assert "/s" not in found.regression


def test_of_too_few_runs_or_a_number_that_never_differs_nothing_is_proposed(side_of):
    assert noise_on(side_of("x", drawn(0.05, 9))) is None
    assert noise_on(side_of("x", [100.0] * 20)) is None
    disturbed = {"doubts": ("foreign_cpu",)}
    assert noise_on(side_of("x", drawn(0.05, 20), verdict=disturbed)) is None


def test_the_gates_that_are_proposed_are_a_plan_s(side_of):
    found = list(noise_of(side_of("x", drawn(0.05, 20))))
    toml = noise_markdown("x", found).partition("```toml\n")[2].partition("```")[0]
    gates = [Gate(**each) for each in tomllib.loads(toml)["gates"]]
    assert [gate.path for gate in gates] == [each.metric for each in found]
