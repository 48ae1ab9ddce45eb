"""A clock that is set during the sale accuses nobody, and hides no wrong that needs no time."""

import dataclasses

import numpy as np
import pytest

from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.verdict import judge
from tests.reports.auditing import audited

SECOND = 1_000_000_000
SMALL = {"students": 200, "tickets": 60}
ROOM = {"app": {"waiting_room": "poll", "admission_rate": 40}}


def set_by(evidence: Evidence, by_s: float, at_s: float) -> Evidence:
    """The same run on a machine whose clock was set at T-0 + `at_s`: all times after it differ."""
    assert evidence.t0_ns is not None
    at_ns, by_ns = evidence.t0_ns + round(at_s * SECOND), round(by_s * SECOND)

    def moved(table, *columns):
        changed = table.copy()
        for column in columns:
            later = (changed[column] >= at_ns).fillna(False).astype(bool)
            changed[column] = changed[column].where(~later, changed[column] + by_ns)
        return changed

    metrics = evidence.metrics.copy()
    t_ns = metrics["t_ns"].to_numpy("int64")
    metrics["t_ns"] = np.where(t_ns >= at_ns, t_ns + by_ns, t_ns)
    offsets = metrics["name"].str.endswith("clock_offset_seconds").to_numpy(dtype=bool)
    metrics["value"] += np.where(offsets & (t_ns >= at_ns), by_s, 0.0)
    return dataclasses.replace(
        evidence,
        requests=moved(evidence.requests, "sent_ns", "first_byte_ns", "done_ns", "read_ns"),
        students=moved(evidence.students, "acked_ns", "issued_ns"),
        ledger=moved(evidence.ledger, "granted_ns", "committed_ns"),
        metrics=metrics.sort_values("t_ns", kind="stable", ignore_index=True),
    )


@pytest.mark.parametrize("plan", [{}, ROOM], ids=["no room", "a waiting room"])
@pytest.mark.parametrize(("by_s", "at_s"), [(-3, 0.1), (-3, 1), (-0.3, 0.5), (9, 0.5), (9, 1)])
def test_a_healthy_run_is_accused_of_nothing(evidence_of, by_s, at_s, plan):
    evidence = evidence_of(**SMALL, plan=plan)
    verdict = judge(set_by(evidence, by_s, at_s))
    assert verdict.verdict == "inconclusive"
    assert any("clock was set" in reason for reason in verdict.reasons)
    assert not any(getattr(verdict.audit, counter) for counter in COUNTERS)
    assert verdict.fairness.inversions is None
    assert verdict.bottleneck is None
    assert verdict.cause.startswith("Cause: not decided, for a clock was set")


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
    evidence = evidence_of(**SMALL, **defect)
    finding = audited(set_by(evidence, -3, 0.5))
    assert getattr(finding.audit, counter)
    assert counter in finding.wrongs
