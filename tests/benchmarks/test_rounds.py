"""Medians and spreads of rounds, ratios within a round, and the order of who comes when."""

import pytest

from benchmarks.generator.rounds import Spread, in_turn, ratios


def test_a_spread_is_the_median_and_its_range() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(median=2.0, least=1.0, most=3.0)
    assert Spread.of([1.0, 2.0]).median == 1.5


def test_nothing_has_no_median() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


def test_ratios_are_of_the_same_round() -> None:
    # By the medians alone it would be 20 / 10: a slow machine in round 2 met both.
    ours, theirs = {1: 40.0, 2: 10.0, 3: 20.0}, {1: 40.0, 2: 10.0, 4: 1.0}

    assert ratios(ours, theirs) == Spread(1.0, 1.0, 1.0)
    assert ratios(ours, {4: 1.0}) is None


def test_everybody_comes_once_a_round_and_not_always_after_the_same() -> None:
    order = list(in_turn("abc", 3))

    for number in (1, 2, 3):
        assert sorted(thing for turn, thing in order if turn == number) == ["a", "b", "c"]
    assert "".join(thing for _, thing in order) == "abcacbcab"
