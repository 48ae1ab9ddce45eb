"""A synthetic run whose purchase takes two requests: a place is reserved, then it is paid for."""

import dataclasses

import pandas as pd

from dress_rehearsal.records.steps import TICKET_OPEN, Steps
from dress_rehearsal.reports.evidence import Evidence
from tests.steps import PURCHASE as PAY

__all__ = ["PAY", "RESERVE", "in_two_requests"]

RESERVE = "POST /reservations"
_BEFORE_NS = 5_000_000


def in_two_requests(evidence: Evidence) -> Evidence:
    """Return the same run in which a place was reserved, with a yes, before each request to buy.

    Both steps have a click's role, as where some are refused at the first.
    """
    rows = evidence.requests
    pays = (rows["step"] == PAY).to_numpy(dtype=bool)
    reserved = rows[pays].astype(dict.fromkeys(("step", "outcome", "error"), "object"))
    reserved = reserved.assign(step=RESERVE, outcome="ok", error=None, status=201)
    told = [name for name in rows if name.startswith("told_")]
    reserved[told] = reserved[told].mask(reserved[told].notna())
    reserved["intended_ns"] -= _BEFORE_NS
    sent_ns = reserved["sent_ns"] - _BEFORE_NS
    reserved = reserved.assign(sent_ns=sent_ns, seq=2 * reserved["seq"])
    for name in ("first_byte_ns", "done_ns", "read_ns"):
        reserved[name] = sent_ns + _BEFORE_NS // 2
    later = rows.assign(seq=2 * rows["seq"] + 1)
    both = pd.concat([each.astype(_plain(rows)) for each in (later, reserved)])
    both = both.astype({**rows.dtypes, **dict.fromkeys(_plain(rows), "category")})
    both = both.sort_values(["intended_ns", "student"], kind="stable", ignore_index=True)
    roles = {**TICKET_OPEN, RESERVE: "purchase"}
    steps = Steps(roles, claims=evidence.steps.claims, idempotent=evidence.steps.idempotent)
    return dataclasses.replace(evidence, requests=both, steps=steps)


def _plain(rows: pd.DataFrame) -> dict[str, str]:
    return {name: "object" for name, kind in rows.dtypes.items() if kind == "category"}
