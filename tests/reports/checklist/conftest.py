"""Rehearsals as the checklist needs them, made of plans and words."""

from datetime import UTC, datetime, timedelta
from typing import Any

from dress_rehearsal.plans import Plan
from dress_rehearsal.reports.checklist.rehearsed import Rehearsed
from tests.rehearsal.verdicts import verdict_of
from tests.reports.capacity.conftest import found
from tests.steps import PURCHASE

NOW = datetime(2026, 11, 30, 18, tzinfo=UTC)
CLEAN = {"oversold": 0}


def rehearsed(
    number: int = 0,
    verdict: str = "pass",
    *,
    age: timedelta = timedelta(hours=3),
    plan: dict[str, Any] | None = None,
    said: dict[str, Any] | None = None,
    **own: Any,
) -> Rehearsed:
    """Return a rehearsal; `said` replaces parts of its verdict."""
    run = f"20261130T15{number:04d}Z-small-{number:06x}"
    step = {"count": 400, "failed": 0, **dict.fromkeys(("p50", "p90", "p99", "p99_9", "max"), 1.0)}
    step |= dict.fromkeys(("p99_low", "p99_high", "good_p99", "system_p99"), 1.0)
    audit = {**verdict_of().audit.model_dump(), **CLEAN}
    values: dict[str, Any] = {
        "audit": audit,
        "gates": [],
        "latency_ms": {PURCHASE: step},
        "reasons": [f"Because of {number}."],
    }
    document: dict[str, Any] = {"name": "small", "event": {"students": 400, "tickets": 100}}
    return Rehearsed(
        **{
            "run": run,
            "href": f"../runs/{run}/report.html",
            "plan": Plan.model_validate(document | (plan or {})),
            "verdict": verdict_of(run, verdict=verdict, **(values | (said or {}))),
            "began": NOW - age,
            "commit": "abc1234",
            "fingerprint": "f00",
            "overrides": (),
            "beyond": False,
            "series": None,
            "switches": (),
            **own,
        }
    )


__all__ = ["CLEAN", "NOW", "found", "rehearsed"]
