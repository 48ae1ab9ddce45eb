"""Margins hold what a build differs from itself, and do not hold what they must catch."""

import dataclasses
import random
import statistics
import tomllib

import pytest

from dress_rehearsal.plans import Gate
from dress_rehearsal.plans.sections.margins import parse_margins
from dress_rehearsal.reports.comparison.sides import Side
from dress_rehearsal.reports.history.intervals import difference_interval
from dress_rehearsal.reports.schema import Regression
from dress_rehearsal.reports.several.noise import margins_of, noise_of, write_noise
from tests.reports.comparison.conftest import AT_LEAST, P99, run_of, side_of

__all__ = ["run_of", "side_of"]


def spread(runs, share, seed, level=100.0):
    drawn = random.Random(seed)
    return [drawn.gauss(level, share * level) for _ in range(runs)]


def is_worse(before, after, told):
    interval = difference_interval(before, after)
    apart = statistics.median(after) - statistics.median(before)
    far = apart >= told.relative * statistics.median(before) and apart >= told.absolute
    return far and interval[0] > 0


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_of_fresh_runs_of_the_same_build_hardly_any_comparison_alarms(share):
    alarms = pairs = 0
    for seed in range(40):
        told = margins_of(spread(10, share, seed), "more")
        for fresh in range(25):
            values = spread(10, share, 1000 + 25 * seed + fresh)
            alarms += is_worse(values[:5], values[5:], told)
            pairs += 1
    assert alarms <= pairs / 100


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_a_slow_down_of_what_they_are_said_to_catch_is_caught(share):
    caught = tries = 0
    for seed in range(40):
        told = margins_of(spread(10, share, seed), "more")
        values = spread(10, share, 5000 + seed)
        slower = [value * (1 + 1.5 * told.catches) for value in values[5:]]
        caught += is_worse(values[:5], slower, told)
        tries += 1
    assert caught >= 0.9 * tries


def test_the_noisier_the_wider_and_more_runs_make_it_surer():
    quiet, loud = (margins_of(spread(10, share, 3), "more") for share in (0.01, 0.2))
    assert quiet.relative < loud.relative
    assert quiet.absolute < loud.absolute
    assert quiet.catches < loud.catches
    many = [margins_of(spread(40, 0.2, seed), "more").relative for seed in range(8)]
    few = [margins_of(spread(10, 0.2, seed), "more").relative for seed in range(8)]
    assert statistics.mean(many) < statistics.mean(few)


def test_a_rate_is_worse_when_it_is_less():
    told = margins_of(spread(10, 0.05, 1, level=400.0), "less")
    assert 0 < told.relative < 0.5
    assert told.catches > told.relative / 2


def test_what_never_differs_has_the_smallest_margins():
    told = margins_of([100.0] * 10, "more")
    assert (told.relative, told.absolute) == (0.01, 1.0)


@pytest.mark.parametrize("values", [[100.0] * 9, [0.0, *[100.0] * 9]])
def test_too_few_runs_or_a_zero_have_none(values):
    assert margins_of(values, "more") is None


@pytest.mark.slow
def test_the_table_and_the_gates_to_paste(side_of, tmp_path):
    side = side_of("shop", spread(10, 0.05, 2))
    noise = noise_of(side, side.plan, 10)
    assert noise.verdict == "pass"
    assert noise.sentence == "10 of 10 runs count."
    buying = next(number for number in noise.numbers if number.metric == P99)
    assert (buying.counted, buying.least) == (10, min(spread(10, 0.05, 2)))
    assert buying.spread == pytest.approx(0.05, abs=0.03)
    gates = tomllib.loads("\n".join(noise.gates))["gates"]
    gate = next(each for each in gates if each["metric"] == P99)
    assert gate["limit"] == "<= 3s"
    assert gate["regression"] == buying.margins
    margins = parse_margins(gate["regression"])
    assert 0.02 < margins.relative < 0.4
    assert margins.absolute.unit == "ms"
    write_noise(tmp_path, noise)
    text = (tmp_path / "noise.md").read_text()
    assert "```toml\n[[gates]]" in text
    assert not any(each["metric"].endswith(".p50") for each in gates)


def test_a_machine_that_was_too_disturbed_is_said_to_be(side_of):
    side = side_of("shop", spread(12, 0.05, 2), verdict={"doubts": ("foreign_cpu",)})
    noise = noise_of(side, side.plan, 12)
    assert noise.verdict == "inconclusive"
    assert "0 of 12 runs count, 12 disturbed (other programs took the CPU)" in noise.sentence
    assert noise.gates == ()
    assert noise.numbers == ()


def test_a_window_keeps_its_limit_however_it_is_written_and_none_is_made_up(side_of, run_of):
    quiet = spread(10, 0.05, 2)
    side = side_of("shop", quiet)
    runs = []
    for run, value in zip(side.runs, quiet, strict=True):
        kept = Regression(metric=P99, window="T+0s..T+10s", margins="< 10%", value=value)
        verdict = run.verdict.model_copy(update={"regressions": (kept,)})
        runs.append(dataclasses.replace(run, verdict=verdict))
    limited = Gate(metric=P99, window="T+0..T+10s", limit="<= 3s")
    bare = Gate(metric=P99, regression="< 10%")
    plan = side.plan.model_copy(update={"gates": (limited, bare)})
    gates = noise_of(Side("shop", tuple(runs)), plan, 10).gates
    told = tomllib.loads("\n".join(gates))["gates"]
    windowed = next(each for each in told if "window" in each)
    assert windowed["limit"] == "<= 3s"
    assert "limit" not in next(each for each in told if each["metric"] == P99 and each != windowed)


def test_of_lower_bounds_no_margins_are_told_and_no_spread(side_of):
    values = spread(10, 0.02, 3)
    noise = noise_of(side_of("shop", [*values[:9], AT_LEAST(values[9])]), plan_of(side_of), 10)
    (number,) = (each for each in noise.numbers if each.metric == P99)
    assert number.at_least
    assert (number.margins, number.spread, number.catches) == (None, None, None)
    assert "at least" in noise.markdown()
    known = noise_of(side_of("shop", values), plan_of(side_of), 10)
    (number,) = (each for each in known.numbers if each.metric == P99)
    assert number.margins
    assert not number.at_least


def plan_of(side_of):
    return side_of("shop", [1.0]).plan
