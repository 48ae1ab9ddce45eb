"""Bins and quantiles along T-0's axis lose nobody; a run's series are what its samples say."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.figures.time_axis import RunSeries, bins_s, counts, quantiles


def test_quantiles_are_measured_values_of_their_own_bin() -> None:
    rng = np.random.default_rng(4)
    times, values = rng.uniform(0, 3, 500), rng.exponential(10, 500)
    values[::50] = np.nan
    edges = np.array([0.0, 1.0, 2.0, 4.0, 5.0])
    (found,) = quantiles(times, values, edges, [0.9])
    for number, (start, end) in enumerate(pairwise(edges)):
        own = values[(times >= start) & (times < end) & ~np.isnan(values)]
        if len(own):
            assert found[number] == np.percentile(own, 90, method="higher")
        else:
            assert np.isnan(found[number])


def test_bins_have_an_edge_at_zero_and_lose_nobody() -> None:
    edges = bins_s((-3.07, 11.2), events=100_000)
    assert np.abs(edges).min() < 1e-9
    times = np.random.default_rng(5).uniform(-3.07, 11.2, 1000)
    assert counts(times, edges).sum() == 1000
    assert len(bins_s((-3.07, 11.2), events=100)) < len(edges) < 200


def test_a_lost_worker_leaves_the_sum_of_the_others(evidence_of: Callable[..., Evidence]) -> None:
    run = RunSeries(evidence_of(worker_lost=True))
    most = run.level("db_client_connection_max", "app", pool="redis")
    assert most is not None
    early = most.values[(most.at_s > -2) & (most.at_s < 0.5)]
    late = most.values[most.at_s > 3.5]
    assert set(early) == {128}
    assert set(late) == {64}


def test_a_counters_rate_is_its_growth_over_the_last_second(healthy: Evidence) -> None:
    run = RunSeries(healthy)
    cpu = run.rate("process_cpu_seconds_total", "processes", component="generator")
    assert cpu is not None
    during = cpu.values[(cpu.at_s > 1.2) & (cpu.at_s < 1.8)]
    assert during == pytest.approx(0.6, abs=0.01)
    assert run.rate("process_cpu_seconds_total", "processes", component="nobody") is None
