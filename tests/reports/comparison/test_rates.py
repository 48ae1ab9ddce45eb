"""How often a comparison is wrong: sets of runs drawn from a seed, as those of a rehearsal spread.

Runs of one plan on one machine spread by some per cent, and the machine itself drifts between sets.
"""

from itertools import combinations

import numpy as np
import pytest

from dress_rehearsal.plans import Gate
from dress_rehearsal.reports.comparison import compare
from tests.reports.comparison.conftest import P99

SETS, RUNS = 20, 5
SPREAD, DRIFT = 0.04, 0.01


@pytest.fixture(scope="module")
def drawn():
    """Twenty sets of five times each, in ms."""
    rng = np.random.default_rng(2026)
    drift = rng.normal(0, DRIFT, (SETS, 1))
    return 200.0 * np.exp(rng.normal(0, SPREAD, (SETS, RUNS)) + drift)


def outcomes(side_of, pairs, margins="< 10% and < 5 ms"):
    gates = {"gates": (Gate(metric=P99, regression=margins),)}
    return [
        compare(
            [side_of(f"{name}", values, plan=gates) for name, values in enumerate(pair)]
        ).outcome
        for pair in pairs
    ]


@pytest.mark.slow
def test_the_same_compared_with_itself_hardly_ever_seems_worse(side_of, drawn):
    found = outcomes(side_of, combinations(drawn, 2))
    assert len(found) == 190
    assert found.count("worse") <= 1


@pytest.mark.parametrize(("slower", "margins"), [(1.15, "< 5% and < 5 ms"), (1.3, "< 10%")])
def test_a_planted_slow_down_is_caught(side_of, drawn, slower, margins):
    pairs = [(one, other * slower) for one, other in zip(drawn, np.roll(drawn, 1, 0), strict=True)]
    found = outcomes(side_of, pairs, margins)
    assert found.count("worse") >= 19
