"""Findings are words a matrix can expect: every defect has its own, a healthy run has none."""

from typing import get_args

import pytest

from plans.plan import Allocation
from reports.findings import findings_of
from reports.verdict import judge

SMALL = {"students": 200, "tickets": 60}


@pytest.fixture
def findings(evidence_of):
    def found(**arguments):
        evidence = evidence_of(**{**SMALL, **arguments})
        return findings_of(evidence, judge(evidence))

    return found


@pytest.mark.parametrize("allocation", get_args(Allocation))
def test_a_healthy_run_has_none(findings, allocation):
    assert findings(allocation=allocation) == frozenset()


@pytest.mark.parametrize(
    ("defects", "expected"),
    [
        ({"oversell": 3}, {"audit.oversold"}),
        ({"early": 2}, {"audit.sold_early"}),
        ({"visitors": 4, "entered_twice": 1}, {"audit.double_entry"}),
        ({"leak": 2}, {"pools.postgres.leak"}),
        (
            {"students": 600, "tickets": 200, "pool_exhausted": True},
            {"pools.postgres.saturated", "pools.postgres.undersized"},
        ),
        (
            {"students": 600, "tickets": 200, "slow_holder": True},
            {"pools.postgres.saturated", "pools.postgres.slow_holder"},
        ),
        ({"worker_lost": True}, {"lost.app"}),
        ({"component_lost": "redis"}, {"lost.redis"}),
        ({"failed": 3}, {"census.failed"}),
        ({"failed": 2}, set()),
        ({"unknown": 3}, {"census.unknown"}),
        ({"generator_late_ms": 1500}, {"generator.limited", "pools.generator_loop.saturated"}),
        (
            {"queue_jumped": 30, "plan": {"app": {"waiting_room": "sse", "admission_rate": 10}}},
            {"fairness.inversions"},
        ),
    ],
    # A set has no order that holds from one pytest worker to the next.
    ids=lambda value: str(sorted(value)),
)
def test_each_defect_has_its_word(findings, defects, expected):
    assert findings(**defects) == expected


def test_a_loss_the_plan_wanted_is_no_finding(findings):
    assert "lost.app" not in findings(worker_lost=True, planned=True)
