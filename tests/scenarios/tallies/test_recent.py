"""What is recent: the percentiles since they were last asked for, of a minute at most."""

import numpy as np
import pytest

from dress_rehearsal.scenarios.tallies.recent import Recent

MS = 1_000_000
OK, REFUSED, FAILED, UNKNOWN = range(4)


def take_in(recent, *felt_ms, outcome=OK, late_ms=1):
    """Take in a batch of requests that have been sent, and have ended."""
    done_ns = np.array(felt_ms, dtype=np.int64) * MS
    many = np.ones(len(felt_ms), dtype=np.int64)
    recent.sent(late_ms * MS * many)
    rows = {"intended_ns": 0 * many, "done_ns": done_ns, "outcome": outcome * many}
    recent.ended(rows, many > 0)


def test_what_has_come_is_taken_out_once():
    recent = Recent()
    take_in(recent, 100)
    take_in(recent, 300, outcome=FAILED)
    late_s, felt_s, good_s = recent.percentiles_s()
    assert (late_s, good_s) == pytest.approx((0.001, 0.1))
    assert felt_s == pytest.approx(0.298)
    assert recent.percentiles_s() == (None, None, None)


def test_where_nobody_asks_no_more_is_kept_than_of_a_minute():
    recent = Recent()
    for _ in range(1000):
        take_in(recent, 500, late_ms=50)
    for _ in range(60):
        take_in(recent, 100)
    kept = [len(getattr(recent, name)) for name in recent.__slots__]
    assert kept == [60, 60, 60]
    assert recent.percentiles_s() == pytest.approx((0.001, 0.1, 0.1))
