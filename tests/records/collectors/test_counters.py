"""Counters that begin anew, go, and come back are what they were counted to, added up or not."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from dress_rehearsal.records.collectors.counters import STARTED, Counters
from dress_rehearsal.records.collectors.exposition import Exposed

NOW_S = 1_796_000_000.0
Reading = dict[str, float]
"""By the worker a counter is of, its value; `at` is when the process began."""


def growth(readings: Sequence[Reading]) -> list[float]:
    """Return how much the counter has grown since the first reading, all workers together."""
    counters = Counters({"waits_total"})
    totals = []
    for second, reading in enumerate(readings):
        samples = [
            Exposed(STARTED, {}, NOW_S + value) if worker == "at" else
            Exposed("waits_total", {"worker": worker}, value)
            for worker, value in reading.items()
        ]  # fmt: skip
        told = counters.read(samples, NOW_S + second)
        totals.append(sum(each.value for each in told if each.name == "waits_total"))
    return [total - totals[0] for total in totals]


A, B = -9, -8
"""When two processes began, before they were first heard of."""


@pytest.mark.parametrize(
    ("readings", "grown"),
    [
        ([{"a": 7}, {"a": 9}, {"a": 9}], [0, 2, 2]),
        ([{"a": 7}, {"a": 3}, {"a": 4}], [0, 3, 4]),  # it begins anew
        ([{"a": 7, "b": 5}, {"a": 8}, {"a": 8, "c": 2}], [0, 1, 3]),  # one replaces another
        ([{"a": 7}, {}, {"a": 8}], [0, 0, 1]),  # it goes, and comes back
        ([{"a": 7}, {}, {"a": 2}], [0, 0, 2]),  # … and has begun anew
        ([{}, {"a": 1}], [0, 1]),  # it is there from its first increment on
        ([{"at": A, "a": 7}, {"at": 1, "a": 8}], [0, 8]),  # another process, further than the first
        ([{"at": A, "a": 7}, {"at": A, "a": 7, "b": 1}], [0, 1]),  # a first one of a known process
        (  # two processes answer in turn
            [{"at": A, "a": 90}, {"at": B, "a": 80}, {"at": A, "a": 92}, {"at": B, "a": 81}],
            [0, 0, 2, 3],
        ),
    ],
)
def test_what_was_counted_is_what_it_has_grown(readings: list[Reading], grown: list[float]) -> None:
    assert growth(readings) == grown


def test_processes_that_do_not_say_who_they_are_begin_anew_again_and_again() -> None:
    counters = Counters({"waits_total"})
    for second, value in enumerate([90.0, 80.0, 92.0, 81.0, 93.0, 83.0]):
        counters.read([Exposed("waits_total", {}, value)], NOW_S + second)
    assert counters.restarts == 3


def test_levels_and_what_is_no_number_are_left_as_they_are() -> None:
    counters = Counters({"waits_total"})
    samples = [Exposed("used", {}, 3.0), Exposed("waits_total", {}, float("nan"))]
    assert counters.read(samples, NOW_S) == samples
    assert counters.read([Exposed("used", {}, 1.0)], NOW_S) == [Exposed("used", {}, 1.0)]


def test_of_too_many_the_rest_is_taken_as_it_is(monkeypatch: Any) -> None:
    monkeypatch.setattr("dress_rehearsal.records.collectors.counters._MOST_SERIES", 2)
    counters = Counters({"waits_total"})
    for value in (5.0, 1.0):
        samples = [Exposed("waits_total", {"worker": str(place)}, value) for place in range(3)]
        told = counters.read(samples, NOW_S)
    assert sorted(each.value for each in told) == [1.0, 6.0, 6.0]
    assert len(list(itertools.chain(told))) == 3
