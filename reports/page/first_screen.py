"""The gates on the page's first screen."""

from dataclasses import replace

from dress_rehearsal.reports.page.tables.outcome import gates_table
from dress_rehearsal.reports.page.tables.table import Table
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.summary import leading_gates


def first_gates(verdict: Verdict) -> Table | None:
    """Return the gates that matter most; None where there is none."""
    leading = leading_gates(verdict.gates)
    if not leading:
        return None
    table = gates_table(leading, verdict)
    return replace(table, name="first-gates", caption="Gates: what has to hold")
