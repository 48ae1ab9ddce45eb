"""Findings are words a matrix can expect: every defect has its own, a healthy run has none."""

from typing import get_args

import pytest

from dress_rehearsal.plans import Cell, Plan, PlanInvalidError
from dress_rehearsal.plans.strategies import Allocation
from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.findings import check_finding_names, findings_of, known_findings
from dress_rehearsal.reports.verdict import judge

pytestmark = pytest.mark.slow

# What is told without any store: views by the app's counter, and nobody went to the gate.
BY_TIMES = (
    "acked_but_missing",
    "false_sold_out",
    "stuck_students",
    "sold_early",
    "false_too_early",
    "false_already_holds",
    "false_issued",
    "lost_sessions",
    "replays_refused",
    "denied_tickets",
    "lost_views",
    "false_countdown",
    "false_state",
    "false_remaining",
)
"""What a clock that was set leaves undecided, where there is no waiting room and no entrance."""

WITHOUT_LEDGER = {
    *(
        "double_entry",
        "lost_entries",
        "lost_views",
        "denied_tickets",
        "false_not_enrolled",
        "false_rejections",
    ),
    *("false_too_early", "lost_sessions", "refused_entry", "refused_logins", "replays_refused"),
    *("early_admissions", "false_not_admitted", "lost_places", "false_place"),
    *("wrong_code", "false_countdown", "false_state", "false_remaining"),
}
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
        (
            {"generator_late_ms": 1500},
            {
                *("generator.limited", "trust.late_sends", "cause.generator"),
                "pools.generator_loop.saturated",
            },
        ),
        ({"foreign_cores": 1.0}, {"trust.foreign_cpu"}),
        (
            {"clock_step_s": -3.0},
            {
                "trust.clock_step",
                *(f"audit.{name}.not_audited" for name in BY_TIMES),
            },
        ),
        ({"silent": (("redis", 0.1, 3.0),)}, {"trust.gap"}),
        (
            {"queue_jumped": 30, "plan": {"app": {"waiting_room": "sse", "admission_rate": 10}}},
            {"fairness.inversions"},
        ),
        (
            {
                "queue_jumped": 30,
                "plan": {"app": {"waiting_room": "sse", "admission_rate": 10}},
                "foreign_cores": 1.0,
            },
            {"trust.foreign_cpu"},  # who was overtaken then may be its doing
        ),
    ],
    # A set has no order that holds from one pytest worker to the next.
    ids=lambda value: str(sorted(value)),
)
def test_each_defect_has_its_word(findings, defects, expected):
    found = findings(**defects)
    assert {word for word in found if not word.startswith("verdict.")} == expected
    assert found <= set(known_findings())


@pytest.mark.parametrize(
    ("defects", "expected"),
    [
        ({"oversell": 3}, {"audit.oversold", "verdict.fail"}),
        ({"undone_fault": "redis_wipe"}, {"verdict.inconclusive"}),
        (
            {"without": ["ledger"]},
            {
                "verdict.inconclusive",
                *(f"audit.{name}.not_audited" for name in COUNTERS if name not in WITHOUT_LEDGER),
            },
        ),
    ],
    ids=["failed", "undecided", "not-audited"],
)
def test_a_run_that_decided_nothing_or_failed_is_found_out(findings, defects, expected):
    assert findings(**defects) == expected


def cell(expect=(), allow=()):
    return Cell("row_lock", "none", Plan(name="cell"), tuple(expect), tuple(allow))


def test_what_a_cell_names_has_to_exist():
    check_finding_names([cell(["audit.oversold | lost.app"], ["pools.*.leak", "lost.*"])])
    check_finding_names([cell(allow=known_findings())])
    with pytest.raises(PlanInvalidError) as caught:
        check_finding_names(
            [
                cell(["audit.sold_earley"], ["pools.postgers.leak"]),
                cell(["pools.*.leek | lost.app"]),
            ]
        )
    first, second, third = caught.value.problems
    assert first == (
        "cell row_lock × none: there is no finding 'audit.sold_earley'; "
        "did you mean audit.sold_early?"
    )
    assert "did you mean pools.postgres.leak?" in second
    assert "there is no finding 'pools.*.leek'" in third


def test_a_loss_the_plan_wanted_is_no_finding(findings):
    assert "lost.app" not in findings(worker_lost=True, planned=True)
