"""Durations and shares as people write them."""

import pytest

from dress_rehearsal.plans import format_duration, format_share
from dress_rehearsal.plans.types import parse_duration, parse_share


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("20s", 20),
        ("1.5 ms", 0.0015),
        ("2m", 120),
        ("2 min", 120),
        ("1h", 3600),
        (".5s", 0.5),
        ("10us", 1e-5),
        ("10µs", 1e-5),
        (" 3 S ", 3),
    ],
)
def test_durations_are_read(written, seconds):
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["", "20", "s", "-1s", "1,5s", "1d", "1e3s", 20, None, True])
def test_what_is_not_a_duration_is_refused(written):
    with pytest.raises(ValueError, match="expected a duration with its unit"):
        parse_duration(written)


@pytest.mark.parametrize("seconds", [0, 0.15, 20, 90, 120, 3600, 1.5, 0.0015, 1 / 3])
def test_a_duration_survives_writing(seconds):
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(("written", "share"), [("30%", 0.3), ("0.1 %", 0.001), ("100%", 1)])
def test_shares_are_read_and_survive_writing(written, share):
    assert parse_share(written) == pytest.approx(share)
    assert parse_share(format_share(share)) == pytest.approx(share)


@pytest.mark.parametrize("written", ["30", "%", 0.3, "-1%", "30 percent"])
def test_what_is_not_a_share_is_refused(written):
    with pytest.raises(ValueError, match="expected a share"):
        parse_share(written)
