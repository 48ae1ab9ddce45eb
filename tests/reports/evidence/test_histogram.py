"""Histograms of many workers are summed before a percentile is read from them."""

import json

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.reports.evidence.histogram import bucket_ms, histogram_on, quantile
from dress_rehearsal.reports.evidence.samples import Samples, count_on, level_on, time_grid

S = 1_000_000_000


def samples_of(*rows):
    """Samples from (seconds, source, name, labels, value)."""
    frame = pd.DataFrame(rows, columns=["t_ns", "source", "name", "labels", "value"])
    frame["t_ns"] = (frame["t_ns"] * S).astype("Int64")
    frame["labels"] = [json.dumps(labels, sort_keys=True) for labels in frame["labels"]]
    for word in ("source", "name", "labels"):
        frame[word] = frame[word].astype("category")
    return Samples(frame.sort_values("t_ns", kind="stable", ignore_index=True))


def waits(second, source, counts):
    """One scrape of a wait histogram: cumulative counts at 10 ms, 100 ms and above."""
    edges = ("0.01", "0.1", "+Inf")
    rows = [(second, source, "w_bucket", {"le": e}, c) for e, c in zip(edges, counts, strict=True)]
    return [*rows, (second, source, "w_sum", {}, 0.0)]


@pytest.mark.parametrize(
    ("cumulative", "share", "expected"),
    [
        pytest.param([10, 10, 10], 0.5, 0.005, id="halfway into the first bucket"),
        pytest.param([0, 10, 10], 0.5, 0.055, id="halfway into the second"),
        pytest.param([50, 50, 100], 0.99, 0.1, id="beyond the last edge only that is known"),
        pytest.param([0, 0, 0], 0.99, np.nan, id="nothing observed"),
    ],
)
def test_quantiles_are_interpolated_within_a_bucket(cumulative, share, expected):
    edges = np.array([0.01, 0.1, np.inf])
    assert quantile(edges, np.array(cumulative, float), share) == pytest.approx(
        expected, nan_ok=True
    )


@pytest.mark.parametrize(
    ("cumulative", "share", "expected"),
    [
        pytest.param([10, 10, 10], 0.5, (0.0, 10.0), id="the first bucket begins at 0"),
        pytest.param([0, 10, 10], 0.5, (10.0, 100.0), id="between two edges"),
        pytest.param([99, 100, 100], 0.99, (0.0, 10.0), id="the 99th of 100"),
        pytest.param([50, 50, 100], 0.99, (100.0, None), id="the last one has no end"),
        pytest.param([0, 0, 0], 0.99, None, id="nothing observed"),
    ],
)
def test_a_histogram_knows_of_a_percentile_its_bucket_and_no_more(cumulative, share, expected):
    edges = np.array([0.01, 0.1, np.inf])
    assert bucket_ms(edges, np.array(cumulative, float), share) == expected


def test_the_bucket_of_some_intervals_is_that_of_their_own_observations():
    rows = [*waits(0, "app:1", [0, 0, 0]), *waits(1, "app:1", [9, 9, 9])]
    rows += waits(2, "app:1", [9, 99, 99])
    histogram = histogram_on(time_grid(0, 2 * S, S), samples_of(*rows), "w", "app")
    assert [histogram.bucket_ms(99, [place]) for place in (0, 1, 2)] == [None, (0, 10), (10, 100)]
    assert histogram.bucket_ms(99) == (10, 100)
    assert list(histogram.at_most_ms(99)[1:]) == [10, 100]


def test_percentiles_of_workers_are_not_averaged():
    # One busy quick worker, one idle slow one: the mean of their p99 would be about 50 ms.
    rows = [*waits(0, "app:1", [0, 0, 0]), *waits(0, "app:2", [0, 0, 0])]
    rows += [*waits(1, "app:1", [9990, 9990, 9990]), *waits(1, "app:2", [0, 10, 10])]
    histogram = histogram_on(time_grid(0, S, S), samples_of(*rows), "w", "app")
    assert histogram.percentile_ms(99) < 10


def test_only_what_was_observed_during_the_run_counts():
    rows = [*waits(0, "app:1", [0, 0, 500]), *waits(1, "app:1", [100, 100, 600])]
    histogram = histogram_on(time_grid(0, S, S), samples_of(*rows), "w", "app")
    assert histogram.percentile_ms(99) < 10
    assert list(histogram.observed[:2]) == [0, 100]


def test_a_worker_that_fell_silent_holds_its_counts_but_not_its_level():
    rows = [(0, "app:1", "n", {}, 5.0), (0, "app:2", "n", {}, 7.0), (9, "app:2", "n", {}, 7.0)]
    samples = samples_of(*rows)
    assert list(count_on(np.array([0, 9 * S]), samples.named("n", "app"))) == [12, 12]
    assert list(level_on(np.array([0, 9 * S]), samples.named("n", "app"))) == [12, 7]


def test_a_gauge_that_is_read_rarely_is_known_in_between():
    samples = samples_of(*((at, "app:1", "n", {}, 5.0) for at in (0, 3, 6, 9)))
    levels = level_on(np.array([0, 2.9 * S, 8 * S, 15 * S]), samples.named("n", "app"))
    assert list(levels[:3]) == [5, 5, 5]
    assert np.isnan(levels[3])


@pytest.mark.parametrize(
    ("seen", "began_s", "grown"),
    [
        pytest.param([(1, 4.0), (2, 6.0)], 0, 6.0, id="not there before: it began at zero"),
        pytest.param([(0, 4.0), (2, 6.0)], 1, 2.0, id="there before: it began where it stood"),
        pytest.param([(0, 1.0), (1, 4.0), (2, 6.0)], 1, 2.0, id="… when it was last seen"),
        pytest.param([(0, 6.0)], 1, 0.0, id="nothing since"),
    ],
)
def test_a_counter_grew_by_what_the_run_added(seen, began_s, grown):
    samples = samples_of(*((second, "app:1", "n", {}, value) for second, value in seen))
    found = samples.increases(samples.named("n"), began_ns=began_s * S)
    assert found["increase"].tolist() == [grown]
