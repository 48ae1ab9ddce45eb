"""Rows that were still to come when the stores were read: what they leave open, and what not.

A ticket that a student was told of and that has no row is lost, unless its row may still come:
rows were being written when the wait for them had to end, the store that is written from holds the
ticket or could not be read, and the student has not been told that it is issued, which the target
says only of a row that is there.
"""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import among, coded
from dress_rehearsal.reports.numbers import distinct, found_in
from dress_rehearsal.reports.words import counted


def borne_out(promised: pd.DataFrame, holding: pd.DataFrame) -> Any:
    """Return for each promised ticket whether a store holds it for that student (bool array).

    An acknowledgement whose ticket was not recorded is borne out by any ticket of the student.
    """
    here = among(promised, holding)
    unnamed = promised["ticket"].isna()
    if not unnamed.any():
        return here
    return here | (unnamed & promised["student"].isin(holding["student"])).to_numpy(dtype=bool)


def misplaced(promised: pd.DataFrame, holding: pd.DataFrame) -> Any:
    """Return for each promised ticket whether a store has it as somebody else's (bool array)."""
    known = promised["ticket"].isin(holding["ticket"]).to_numpy(dtype=bool)
    return known & ~borne_out(promised, holding)


def called_otherwise(promised: pd.DataFrame, holding: pd.DataFrame) -> int:
    """Return how many tickets a store holds for a student who was told another name in its place.

    Such a student was told of a ticket that the store does not know, and never of the one that it
    has: one place was taken, under two names.
    """
    told, held = promised["ticket"], holding["ticket"]
    unknown = promised.loc[told.notna() & ~told.isin(held), ["student", "ticket"]]
    untold = holding.loc[(holding["student"] >= 0) & ~held.isin(told), ["student", "ticket"]]
    amiss, beside = (
        Counter(rows.drop_duplicates()["student"].tolist()) for rows in (unknown, untold)
    )
    return (amiss & beside).total()


def may_come(evidence: Evidence, promised: pd.DataFrame) -> Any:
    """Return for each promised ticket whether its row may still come (bool array).

    Args:
        promised: with the columns student, ticket and issued_ns.
    """
    stores = evidence.stores
    issued = promised["issued_ns"].notna().to_numpy(dtype=bool)
    if not evidence.timeline.rows_pending:
        return issued & False
    if any(store not in stores.holdings for store in stores.expected if store != stores.durable):
        return ~issued
    held = issued & False
    for store, rows in stores.holdings.items():
        if store != stores.durable:
            held = held | borne_out(promised, rows)
    return held & ~issued


def drift(evidence: Evidence, durable: pd.DataFrame, other: pd.DataFrame) -> int:
    """Count the tickets that one store holds and the other does not, and will not."""
    told = evidence.promises.students
    issued = told[told["issued_ns"].notna()]
    held, elsewhere, called = (distinct(each) for each in coded(durable, other, issued))
    missing = ~found_in(elsewhere, held)
    if evidence.timeline.rows_pending:
        missing &= found_in(elsewhere, called)
    return int(np.count_nonzero(~found_in(held, elsewhere)) + np.count_nonzero(missing))


def pending_problems(evidence: Evidence) -> list[str]:
    """Return a sentence on rows that were still to come, if they were and could be counted on."""
    stores = evidence.stores
    if not evidence.timeline.rows_pending or stores.durable not in stores.holdings:
        return []
    others = [rows for store, rows in stores.holdings.items() if store != stores.durable]
    many = "how many had none yet is not known"
    if others:
        held, *elsewhere = coded(stores.holdings[stores.durable], *others)
        to_come = max(int((~found_in(distinct(other), held)).sum()) for other in elsewhere)
        many = f"{counted(to_come, 'ticket')} had none in {stores.durable} yet"
    return [
        f"Rows were still being written when the stores were read: {many}, so nobody can tell "
        f"whether one was lost. Give `schedule.settle` more time."
    ]
