"""Limits as people write them."""

from fractions import Fraction

import pytest

from dress_rehearsal.plans import parse_limit
from dress_rehearsal.plans.types import SECONDS_PER_UNIT, parse_duration


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
        ("<= .5 s", 500, 501),
        ("<= 250 ms", 250, 251),
        (">= -1.5s", -1500, -1501),
    ],
)
def test_a_limit_tells_within_from_beyond(written, within, beyond):
    limit = parse_limit(written)
    assert limit.holds(within)
    assert not limit.holds(beyond)


@pytest.mark.parametrize("unit", [*SECONDS_PER_UNIT, "US", "MS", "Min", "H", "μs"])
def test_a_limit_has_the_units_that_a_duration_has(unit):
    seconds = parse_duration(f"1.5{unit}")
    assert float(parse_limit(f"<= 1.5 {unit}").value) == pytest.approx(seconds * 1000)


@pytest.mark.parametrize("written", [f"<= {'9' * 5000}", f"== 0.{'9' * 5000}s", "<= 3ſ", "<= ٣s"])
def test_a_number_that_nobody_means_is_refused(written):
    with pytest.raises(ValueError, match="expected a limit"):
        parse_limit(written)


@pytest.mark.parametrize("written", ["3s", "=< 3s", "<= s", "<= 3 parsecs", "about 3", ""])
def test_what_is_not_a_limit_is_refused(written):
    with pytest.raises(ValueError, match="expected a limit"):
        parse_limit(written)


@pytest.mark.parametrize(
    ("written", "count", "of", "within"),
    [
        ("<= 2.8%", 7, 250, True),
        ("< 2.8%", 7, 250, False),
        (">= 2.8%", 7, 250, True),
        ("> 2.8%", 7, 250, False),
        ("== 2.8%", 7, 250, True),
        ("< 3.6%", 9, 250, False),
        ("<= 3.6%", 9, 250, True),
        ("<= 0.1%", 12, 12_000, True),
        ("< 0.1%", 12, 12_000, False),
        ("== 33.3%", 1, 3, False),
    ],
)
def test_a_share_at_its_limit_is_at_its_limit(written, count, of, within):
    assert parse_limit(written).holds(Fraction(count, of)) is within


def test_every_share_of_a_thousand_is_at_its_own_limit_and_at_no_other():
    for count in range(1001):
        per_cent = f"{count // 10}.{count % 10}%"
        share = Fraction(count, 1000)
        assert parse_limit(f"<= {per_cent}").holds(share)
        assert parse_limit(f"== {per_cent}").holds(share)
        assert parse_limit(f">= {per_cent}").holds(share)
        if 0 < count < 1000:
            assert not parse_limit(f"< {per_cent}").holds(share)
            assert not parse_limit(f"> {per_cent}").holds(share)


@pytest.mark.parametrize(
    "same", ["== 1100us", "== 1.1ms", "== 1.10 ms", "== 0.0011s", "== .0011 s"]
)
def test_a_time_is_the_same_in_every_unit(same):
    assert parse_limit(same).value == Fraction(11, 10)
    assert parse_limit(same).holds(Fraction("1.1"))
    assert not parse_limit(same).holds(Fraction("1.1000001"))


def test_never_is_later_than_any_limit():
    assert parse_limit(">= 1m").holds(float("inf"))
    assert not parse_limit("<= 1m").holds(float("inf"))


@pytest.mark.parametrize("written", ["<= 150%", ">= -1%", "== 100.1%", "> 100%", "< 0%"])
def test_a_share_that_nothing_can_be_is_refused(written):
    with pytest.raises(ValueError, match="between 0% and 100%"):
        parse_limit(written)


@pytest.mark.parametrize("written", ["<= 100%", ">= 100%", "== 0%", ">= 0%", "<= 0%"])
def test_the_ends_of_what_a_share_can_be_are_limits(written):
    assert parse_limit(written).unit == "share"
