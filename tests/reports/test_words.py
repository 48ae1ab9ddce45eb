"""One quantity is written in one way: with the digits and the unit that the verdict keeps."""

import pytest

from dress_rehearsal.reports.capacity.unit import load_verb, load_words
from dress_rehearsal.reports.comparison.schema import ComparedPool
from dress_rehearsal.reports.words import (
    agreeing,
    counted,
    exactly,
    fault_words,
    felt,
    milliseconds,
    offset,
    percent,
    pool_level,
    quantity,
    seconds,
    wait_p99_words,
    written,
)


@pytest.mark.parametrize(
    ("value_ms", "words"),
    [
        (0.0, "0 ms"),
        (0.004, "0.004 ms"),
        (0.4234, "0.423 ms"),
        (37.0, "37 ms"),
        (999.74, "999.7 ms"),
        (1542.5, "1,542.5 ms"),
        (10_000.0, "10,000 ms"),
        (None, "not measured"),
        (float("nan"), "not measured"),
    ],
)
def test_a_latency_stays_in_the_milliseconds_it_is_kept_in(
    value_ms: float | None, words: str
) -> None:
    assert milliseconds(value_ms) == quantity(value_ms, "ms") == words


def test_a_long_wait_is_told_in_seconds_unless_it_is_near_what_it_is_held_against() -> None:
    told = [felt(value) for value in (9999.9, 10_530.6, 120_400.0, 1_234_567.0)]
    assert told == ["9,999.9 ms", "10.5 s", "120 s", "1,235 s"]
    assert [felt(None), felt(float("inf"))] == ["not measured"] * 2
    assert felt(10_530.6, 8000.0) == "10.5 s"
    near = [felt(value, 10_500.0) for value in (10_530.6, 10_499.9, 10_500.0, 10_700.0)]
    assert near == ["10,530.6 ms", "10,499.9 ms", "10,500 ms", "10.7 s"]


@pytest.mark.parametrize(
    ("p99_ms", "low_ms", "high_ms", "words"),
    [
        pytest.param(9888.1, 8000.0, 10_000.0, "8,000 to 10,000 ms", id="of a bucket"),
        pytest.param(0.05, 0.0, 0.1, "at most 0.1 ms", id="of the first"),
        pytest.param(15_000.0, 15_000.0, None, "over 15,000 ms", id="of the last"),
        pytest.param(507.04, None, None, "507.0 ms", id="measured"),
        pytest.param(None, None, None, "—", id="not known"),
    ],
)
def test_a_wait_that_a_histogram_tells_of_is_told_as_its_bucket(
    p99_ms: float | None, low_ms: float | None, high_ms: float | None, words: str
) -> None:
    side = ComparedPool(
        name="redis",
        saturated=1,
        leaked=None,
        wait_p99_ms=p99_ms,
        wait_p99_low_ms=low_ms,
        wait_p99_high_ms=high_ms,
    )
    assert wait_p99_words(side) == words


def test_a_span_of_the_run_stays_in_seconds() -> None:
    shown = [seconds(value) for value in (0.1, 3.24, 12.345, 1234.0, None)]
    assert shown == ["0.1 s", "3.24 s", "12.3 s", "1,234 s", "not measured"]
    assert quantity(1.5, "s") == "1.5 s"


def test_no_digit_is_left_out_where_a_number_is_told_exactly() -> None:
    assert exactly(0.01003, "") == "0.01003"
    assert exactly(0.000001, "") == "0.000001"
    assert exactly(500.041, "ms") == "500.041 ms"
    assert exactly(1200.0, "") == exactly(1200, "") == "1,200"
    assert exactly(199.96, "/s") == "199.96/s"


def test_moments_are_written_from_t0() -> None:
    assert [offset(value) for value in (0.0, 3.2, -0.4)] == ["T-0", "T-0 + 3.2 s", "T-0 − 0.4 s"]


def test_counts_have_their_noun_and_numbers_their_thousands() -> None:
    assert [counted(number, "entry", "entries") for number in (1, 5212)] == [
        "1 entry",
        "5,212 entries",
    ]
    assert [written(value) for value in (5212, 12.345, 0.01234, None)] == [
        "5,212",
        "12.3",
        "0.0123",
        "not measured",
    ]


def test_shares_have_three_digits() -> None:
    assert percent(3, 200) == "1.5%"
    assert [percent(share) for share in (0.0, 0.00123, 0.875, 1.0)] == [
        "0%",
        "0.123%",
        "87.5%",
        "100%",
    ]


def test_what_was_done_to_a_service_names_it() -> None:
    assert fault_words("slow_database") == "slow_database"
    assert fault_words("latency postgres") == "latency (PostgreSQL)"


def test_of_the_cpus_a_share_is_used_of_other_pools_a_number() -> None:
    assert [pool_level(name, 0.875) for name in ("cpu", "postgres")] == ["87.5%", "0.875"]


def test_a_word_goes_with_the_number_before_it():
    assert [agreeing(number, "core") for number in (0, 0.5, 1, 1.0, 2, None)] == (
        ["cores", "cores", "core", "core", "cores", "cores"]
    )
    assert [agreeing(number, "was", "were") for number in (1, 3)] == ["was", "were"]


@pytest.mark.parametrize(
    ("over", "load", "words"),
    [
        ("event.students", 1, "1 student passes"),
        ("event.students", 300, "300 students pass"),
        ("arrivals", 1.0, "1 arrival a second passes"),
        ("arrivals", 1.5, "1.5 arrivals a second pass"),
        ("load.users", 1, "1 user passes"),
    ],
)
def test_a_load_has_its_noun_and_its_verb(over, load, words):
    assert f"{load_words(over, load)} {load_verb(over, load, 'passes', 'pass')}" == words
