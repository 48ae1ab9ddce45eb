"""Limits as people write them."""

from fractions import Fraction

import pytest

from dress_rehearsal.plans import parse_limit


@pytest.mark.parametrize(
    ("written", "within", "beyond"),
    [
        ("<= 3s", 3000, 3001),
        ("< 3s", 2999, 3000),
        (">= 5", 5, 4),
        ("> 5", 6, 5),
        ("== 0", 0, 1),
        ("<=1%", Fraction(1, 100), Fraction(11, 1000)),
        ("<= 500us", 0.5, 0.6),
        ("<= 1.5 m", 90_000, 90_001),
    ],
)
def test_a_limit_tells_within_from_beyond(written, within, beyond):
    limit = parse_limit(written)
    assert limit.holds(within)
    assert not limit.holds(beyond)


@pytest.mark.parametrize("written", ["3s", "=< 3s", "<= s", "<= 3 parsecs", "about 3", ""])
def test_what_is_not_a_limit_is_refused(written):
    with pytest.raises(ValueError, match="expected a limit"):
        parse_limit(written)
