"""A number beside its limit: no rounding makes it seem to be on the other side, or at it."""

import pytest

from dress_rehearsal.reports.metrics import value_words

SMALL = {"students": 60, "tickets": 20}


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("<= 500ms", 500.041, "500.041 ms"),
        ("<= 2ms", 2.004, "2.004 ms"),
        ("<= 8s", 8000.04, "8,000.04 ms"),
        ("<= 8s", 9440.1, "9,440.1 ms"),
        ("<= 500ms", 500.0, "500 ms"),
    ],
)
def test_no_rounding_puts_a_number_on_its_limits_other_side(verdict_of, limit, value, words):
    measured = verdict_of(**SMALL)
    assert value_words("latency_ms[POST /login].p99", limit, value, measured) == words


def test_no_rounding_puts_a_rate_or_a_span_there(verdict_of):
    measured = verdict_of(**SMALL)
    assert value_words("sale.tickets_per_s", ">= 200", 199.96, measured) == "199.96/s"
    assert value_words("sale.sold_out_after_s", "<= 30s", 30.04, measured) == "30.04 s"
    assert value_words("sale.sold_out_after_s", "<= 30s", 12.04, measured) == "12.0 s"
