"""A direct search is the largest load up to which most runs of every load pass."""

import pytest

from benchmarks.capacity import Found, largest


@pytest.mark.parametrize(
    ("steps", "passes"),
    [
        ({80: ["pass"], 90: ["pass"], 100: ["fail"]}, 90),
        ({80: ["pass"], 90: ["fail"], 100: ["pass"]}, 80),
        ({90: ["pass", "fail", "pass"], 100: ["pass", "fail", "fail"]}, 90),
        ({90: ["inconclusive", "pass"], 100: ["inconclusive"]}, 90),
        ({90: ["fail"]}, None),
    ],
)
def test_the_largest_load_up_to_which_most_pass(steps, passes):
    assert largest(steps) == passes


@pytest.mark.parametrize(
    ("searched", "direct", "agrees"),
    [(100, 100, True), (91, 100, True), (110, 100, True), (111, 100, False), (None, 100, False)],
)
def test_within_a_tenth_both_agree(searched, direct, agrees):
    found = Found("known", searched, 9, 14, 500.0, 700.0, direct, {})
    assert found.agrees is agrees
