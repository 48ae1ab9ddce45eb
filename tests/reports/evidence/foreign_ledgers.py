"""Runs against a shop whose ledger says something else than what was sold."""

import dataclasses
from collections.abc import Callable

import pandas as pd

from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence

SHOP = {"students": 200, "tickets": 60, "allocation": "naive"}
Change = Callable[[pd.DataFrame], pd.DataFrame]


def with_rows(evidence: Evidence, change: Change, **detail: object) -> Evidence:
    """The same run whose ledger is another: its stamp says as many tickets as it has rows."""
    ledger = change(evidence.ledger.copy()).reset_index(drop=True)
    events = tuple(
        dataclasses.replace(
            event,
            detail={**event.detail, "tickets": int((ledger["source"] == event.name).sum())}
            | detail,
        )
        if event.kind == "ledger"
        else event
        for event in evidence.events
    )
    return dataclasses.replace(evidence, ledger=ledger, events=events)


def dated(seconds: float, every: int = 1) -> Change:
    """Move the times of every so many rows."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        which = rows.index % every == 0
        rows.loc[which, "granted_ns"] += int(seconds * NS_PER_S)
        return rows

    return change


def called(name: Callable[[str], str]) -> Change:
    return lambda rows: rows.assign(ticket=rows["ticket"].map(name))


def holders(evidence: Evidence, number: int) -> list[int]:
    """The first students who got a ticket by a single click."""
    clicks = evidence.requests[evidence.requests["role"] == PURCHASE].groupby("student").size()
    return sorted(set(evidence.ledger["student"]) & set(clicks[clicks == 1].index))[:number]


def unheard(evidence: Evidence, who: list[int], outcome: str) -> pd.DataFrame:
    """The students, some of whom ended otherwise and without being told of their ticket."""
    students = evidence.students.copy()
    these, names = students["student"].isin(who), students["ticket"]
    students["outcome"] = students["outcome"].astype("object").mask(these, outcome)
    for column in ("ticket", "acked_ns", "issued_ns"):
        students[column] = students[column].mask(these)
    for column in ("pending_tickets", "open_tickets"):
        told = [[name] if put_off else None for name, put_off in zip(names, these, strict=True)]
        students[column] = pd.Series(told, students.index, dtype="object")
    students["pending_ns"] = students["clicked_ns"].mask(~these)
    return students
