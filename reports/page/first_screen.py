"""The page's first screen: the gates that matter, the headroom, whether it can be believed."""

from dataclasses import replace

from dress_rehearsal.plans import is_bundled
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.page.tables.outcome import gates_table
from dress_rehearsal.reports.page.tables.table import Table
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.summary import leading_gates


def headroom(evidence: Evidence) -> str:
    """Return how much larger a load would pass, as far as that is known."""
    plan = evidence.plan.name if is_bundled(evidence.plan) else "PLAN"
    of = "" if plan != "PLAN" else ", of your plan's file,"
    return (
        f"not searched. `rehearse capacity {plan}`{of} searches for the largest load that passes."
    )


def first_gates(verdict: Verdict) -> Table | None:
    """Return the gates that matter most; None where there is none."""
    leading = leading_gates(verdict.gates)
    if not leading:
        return None
    table = gates_table(leading, verdict)
    return replace(table, name="first-gates", caption="Gates: what has to hold")
