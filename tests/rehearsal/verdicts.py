"""A verdict as tests of what is told of one need it: 3 tickets too many, nothing else known."""

from typing import Any

from dress_rehearsal.reports.part import Fairness
from dress_rehearsal.reports.schema import Audit, Generator, Load, Sale, Verdict

RUN = "20261121T020411Z-festival-857217"


def verdict_of(run: str = RUN, **changed: Any) -> Verdict:
    """Return the verdict on a run of 10 students; `changed` replaces whole parts of it."""
    census = dict.fromkeys(
        ("ticket", "sold_out", "refused", "gave_up", "failed", "unknown", "never_started"), 0
    )
    counted = dict.fromkeys(("requests", "released", "timely"), 0)
    generator = set(Generator.model_fields) - {*counted, "limited"}
    gate = {"metric": "audit.oversold", "limit": "== 0", "value": 3}
    gate |= dict.fromkeys(("low", "high", "baseline"))
    return Verdict.model_validate(
        {
            "schema": 2,
            "run": run,
            "plan": "small",
            "verdict": "fail",
            "reasons": ["Oversold: 3."],
            "census": {"students": 10, **census, "in_flight": 10},
            "latency_ms": {},
            "answers": {},
            "sale": dict.fromkeys(Sale.model_fields),
            "load": {**dict.fromkeys(Load.model_fields), "requests": 0, "failed": 0},
            "audit": {**dict.fromkeys(Audit.model_fields), "oversold": 3, "settle_ms": 250.0},
            "fairness": dict.fromkeys(Fairness.model_fields),
            "pools": [],
            "bottleneck": None,
            "generator": {**counted, **dict.fromkeys(generator), "limited": False},
            "cause": "Cause: none; nobody bought.",
            "lost_ms": {},
            "ran": "10 students, no faults.",
            "unchecked": {},
            "gates": [{**gate, "status": "fail"}],
            "notes": [],
            **changed,
        }
    )
