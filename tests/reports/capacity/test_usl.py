"""The scalability law is found again where it holds, and not told where there is too little."""

import numpy as np
import pytest

from dress_rehearsal.reports.capacity.schema import Level, Usl
from dress_rehearsal.reports.capacity.usl import Coefficients, fitted, solved


def levels(law, under_way, noise=0.0, seed=1):
    rng = np.random.default_rng(seed)
    return [
        Level(
            run=f"run-{number}",
            from_s=2,
            until_s=10,
            in_flight=number,
            answers_per_s=law.answers(number) * (1 + noise * rng.standard_normal()),
        )
        for number in under_way
    ]


LAW = Coefficients(each=50.0, contention=0.05, coherency=0.0002)
UNDER_WAY = (1, 2, 5, 10, 20, 40, 80, 120)


def test_a_law_is_found_again_from_points_on_it():
    points = levels(LAW, UNDER_WAY)
    found = solved(
        np.array([point.in_flight for point in points]),
        np.array([point.answers_per_s for point in points]),
    )
    assert found.each == pytest.approx(50)
    assert found.contention == pytest.approx(0.05)
    assert found.coherency == pytest.approx(0.0002)
    assert found.peak == pytest.approx(np.sqrt(0.95 / 0.0002))


def test_the_truth_lies_within_the_interval_of_noisy_points():
    fit = fitted(levels(LAW, UNDER_WAY, noise=0.02), seed=7)
    assert isinstance(fit, Usl)
    assert fit.levels == 8
    assert fit.contention.low <= 0.05 <= fit.contention.high
    assert fit.each_per_s.low <= 50 <= fit.each_per_s.high
    assert fit.contention.low < fit.contention.high


def test_what_scales_without_end_has_no_peak():
    fit = fitted(levels(Coefficients(50.0, 0.0, 0.0), UNDER_WAY), seed=7)
    assert isinstance(fit, Usl)
    assert (fit.peak.value, fit.most_per_s.value) == (None, None)
    assert fit.contention.value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("contention", "coherency", "peak"),
    [
        (1.2, 0.001, 1),
        (1.0, 0.001, 1),
        (1.2, 0.0, 1),
        (0.5, 2.0, 1),
        (1.0, 0.0, None),
        (0.36, 0.01, 8),
    ],
)
def test_what_falls_from_the_first_request_on_is_at_its_most_there(contention, coherency, peak):
    law = Coefficients(50.0, contention, coherency)
    assert law.peak == (None if peak is None else pytest.approx(peak))
    if peak == 1:
        assert law.answers(2) < law.answers(1)
        fit = fitted(levels(law, UNDER_WAY), seed=7)
        assert (fit.peak.value, fit.most_per_s.value) == (1, pytest.approx(50))


def test_no_unknown_is_below_nothing():
    rising = levels(Coefficients(50.0, -0.01, 0.0), UNDER_WAY)  # better than in proportion
    fit = fitted(rising, seed=7)
    assert isinstance(fit, Usl)
    assert fit.contention.value == 0
    assert fit.coherency.value == 0


@pytest.mark.parametrize("number", [0, 1, 5])
def test_below_six_different_loads_there_is_none_and_that_is_said(number):
    said = fitted(levels(LAW, UNDER_WAY[:number]), seed=7)
    assert isinstance(said, str)
    assert "takes 6 different loads at which throughput is steady" in said


def test_one_load_met_many_times_is_one_load():
    said = fitted(levels(LAW, [10.0, 10.1, 10.05, 10.0, 10.1, 10.02, 9.95]), seed=7)
    assert isinstance(said, str)
    assert said.endswith("and there is one.")


def test_the_same_levels_give_the_same_fit():
    points = levels(LAW, UNDER_WAY, noise=0.02)
    assert fitted(points, seed=7) == fitted(points, seed=7)
