"""Numbers are written as Grafana writes them."""

import math

import pytest

from dress_rehearsal.dashboards.preview_units import UnitUnknown, written


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0 s"),
        (0.0000004, "s", "400 ns"),
        (0.00025, "s", "250 µs"),
        (0.0432, "s", "43.2 ms"),
        (0.5, "s", "500 ms"),
        (1.234, "s", "1.23 s"),
        (59.99, "s", "60 s"),
        (90, "s", "1.5 mins"),
        (7200, "s", "2 hours"),
        (172_800, "s", "2 days"),
        (250, "ms", "250 ms"),
        (1500, "ms", "1.5 s"),
        (0, "short", "0"),
        (7, "short", "7"),
        (999, "short", "999"),
        (1000, "short", "1 K"),
        (12_000, "short", "12 K"),
        (1_234_567, "short", "1.23 Mil"),
        (-3, "short", "-3"),
        (0.25, "short", "0.25"),
        (12_000, "none", "12000"),
        (2150, "locale", "2,150"),
        (1234.5678, "locale", "1,234.568"),
        (0, "locale", "0"),
        (0.5, "percentunit", "50%"),
        (0.1234, "percentunit", "12.3%"),
        (80, "percent", "80%"),
        (1023, "bytes", "1023 B"),
        (1024, "bytes", "1 KiB"),
        (3.5 * 2**30, "bytes", "3.5 GiB"),
        (1e6, "decbytes", "1 MB"),
        (950, "reqps", "950 req/s"),
        (1500, "reqps", "1.5K req/s"),
        (12, "ops", "12 ops/s"),
        (1.25, "suffix: CPUs", "1.25 CPUs"),
        (5, "prefix:~", "~5"),
        (1_795_000_000_000, "dateTimeAsIso", "2026-11-18 11:06:40"),
        (math.nan, "s", "NaN"),
        (math.inf, "none", "∞"),
        (-math.inf, "short", "-∞"),
    ],
)
def test_a_value_gets_three_digits_and_the_unit_that_suits_its_size(
    value: float, unit: str, text: str
) -> None:
    assert written(value, unit) == text


def test_decimals_that_a_panel_sets_are_kept_with_their_zeros() -> None:
    assert written(0.5, "percentunit", 2) == "50.00%"
    assert written(12.6, "short", 0) == "13"


def test_a_unit_nobody_knows_is_said_with_those_that_are() -> None:
    with pytest.raises(UnitUnknown, match=r"cannot write the unit 'furlong'; it knows .*bytes"):
        written(1, "furlong")
