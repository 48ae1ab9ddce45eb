"""A clock that is set during the sale accuses nobody, and hides no wrong that needs no time."""

import pytest

from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.verdict import judge
from tests.reports.auditing import audited
from tests.reports.clock_setting import clock_set

pytestmark = pytest.mark.slow

SMALL = {"students": 200, "tickets": 60}
ROOM = {"app": {"waiting_room": "poll", "admission_rate": 40}}


@pytest.mark.parametrize("plan", [{}, ROOM], ids=["no room", "a waiting room"])
@pytest.mark.parametrize(("by_s", "at_s"), [(-3, 0.1), (-3, 1), (-0.3, 0.5), (9, 0.5), (9, 1)])
def test_a_healthy_run_is_accused_of_nothing(evidence_of, by_s, at_s, plan):
    verdict = judge(clock_set(evidence_of, by_s, at_s, **SMALL, plan=plan))
    assert verdict.verdict == "inconclusive"
    assert any("clock was set" in reason for reason in verdict.reasons)
    assert not any(getattr(verdict.audit, counter) for counter in COUNTERS)
    assert verdict.fairness.inversions is None
    assert {pool.name for pool in verdict.pools if pool.saturated_at_s is not None} == set()
    assert not verdict.generator.limited
    assert verdict.bottleneck is None
    assert verdict.cause.startswith("Cause of slowness: not decided, for a clock was set")


@pytest.mark.parametrize(
    ("defect", "counter"),
    [
        ({"oversell": 3}, "oversold"),
        ({"missing_rows": 2}, "acked_but_missing"),
        ({"false_sold_out": 2}, "false_sold_out"),
        ({"ineligible": 1}, "ineligible"),
    ],
)
def test_what_is_wrong_at_any_time_stays_so(evidence_of, defect, counter):
    finding = audited(clock_set(evidence_of, -3, 0.5, **SMALL, **defect))
    assert getattr(finding.audit, counter)
    assert counter in finding.wrongs
