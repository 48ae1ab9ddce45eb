"""Runs on a machine whose wall clock was set while they went on."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pandas as pd

from dress_rehearsal.reports.evidence import Evidence

SECOND = 1_000_000_000


def clock_set(
    evidence_of: Callable[..., Evidence], by_s: float, at_s: float, **arguments: Any
) -> Evidence:
    """Return a synthetic run whose clock was set by so much at T-0 + `at_s`, in every table.

    Args:
        evidence_of: the fixture of that name.
        arguments: of the run.
    """
    evidence = evidence_of(**arguments, clock_step_s=by_s, clock_step_at_s=at_s)
    assert evidence.t0_ns is not None
    at_ns, by_ns = evidence.t0_ns + round(at_s * SECOND), round(by_s * SECOND)

    def moved(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
        changed = table.copy()
        for column in columns:
            later = (changed[column] >= at_ns).fillna(False).astype(bool)
            changed[column] = changed[column].where(~later, changed[column] + by_ns)
        return changed

    return dataclasses.replace(
        evidence,
        requests=moved(evidence.requests, "sent_ns", "first_byte_ns", "done_ns", "read_ns"),
        students=moved(evidence.students, "acked_ns", "issued_ns"),
        ledger=moved(evidence.ledger, "granted_ns", "committed_ns"),
    )
