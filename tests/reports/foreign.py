"""Synthetic runs as a shop of somebody else's would have left them: known by as much as it says."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dress_rehearsal.plans.sections.ledgers import Ledger
from dress_rehearsal.plans.sections.opening import Opening
from dress_rehearsal.plans.sections.scenario import Scenario
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.reports.evidence import Evidence

LEVELS: dict[str, tuple[str, ...]] = {
    "answers": (),
    "count": ("count",),
    "tickets": ("ticket",),
    "owners": ("ticket", "student"),
    "everything": ("ticket", "student", "granted"),
}
"""What is known, and the columns of the ledger that says so."""


def foreign(
    evidence: Evidence,
    level: str,
    *,
    names: Sequence[str] = ("orders",),
    error: str | None = None,
    before: int = 0,
    declares: Mapping[str, bool] | None = None,
    **event: Any,
) -> Evidence:
    """Return a run with one store as that of a foreign shop with ledgers of this level.

    Args:
        names: of the ledgers; all hold the same.
        error: why none of them could be read.
        before: how many tickets each held before.
        declares: what its scenario says of its answers: `claims`, `idempotent`.
        event: what the plan says of its event otherwise.
    """
    columns = LEVELS[level]
    plan = evidence.plan
    ledgers = tuple(Ledger(name=name, csv="/x.csv") for name in names) if columns else ()
    target = Target(
        stage="external", url="http://127.0.0.1:1", opening=Opening(request="POST /open")
    )
    plan = plan.model_copy(
        update={
            "target": target,
            "scenario": Scenario(file="/shop.py"),
            "ledgers": ledgers,
            "event": plan.event.model_copy(update=event),
        }
    )
    held = evidence.ledger[evidence.ledger["source"].astype("object") == "postgres"]
    held = held.assign(committed_ns=pd.NA, number=pd.NA).astype(held.dtypes.to_dict())
    for column, own in (("student", "student"), ("granted", "granted_ns")):
        if column not in columns:
            held[own] = held[own].mask(held[own].notna())
    rows = pd.concat([held.assign(source=ledger.name) for ledger in ledgers] or [held[:0]])
    if "ticket" not in columns or error:
        rows = rows[:0]
    last_ns = max(event.t_ns for event in evidence.events)
    told: dict[str, Any] = {"tickets": len(held), "before": before, "columns": list(columns)}
    if error:
        told = {"error": error, "columns": list(columns)}
    stamps = [TimelineEvent(last_ns, "ledger", ledger.name, told) for ledger in ledgers]
    events = [event for event in evidence.events if event.kind != "ledger"]
    return dataclasses.replace(
        evidence,
        plan=plan,
        steps=Steps(dict(evidence.steps), **(declares or {})),
        ledger=rows.reset_index(drop=True),
        events=(*events, *stamps),
    )
