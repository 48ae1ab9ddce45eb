"""The rows of one ledger as they are judged, each with its owner.

Those of somebody else's are looked at first: a ticket may be written otherwise than in an answer
(`reports.evidence.ticket_names`), a ledger may name other things than answers do, or repeat rows.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import pandas as pd

from dress_rehearsal.reports.evidence.ticket_names import renamed
from dress_rehearsal.reports.words import counted, written

_A_FEW: Final = 3
"""So many tickets have to be called otherwise before that says something of the ledger."""
_MOST: Final = 0.5


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """A store's rows: see `reports.evidence.stores.Stores`; None where they cannot be judged."""

    held: pd.DataFrame | None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def judged_rows(
    store: str,
    rows: pd.DataFrame,
    told: pd.DataFrame,
    names: Collection[str],
    *,
    owners: bool,
    foreign: bool,
    per_student: int,
) -> JudgedRows:
    """Return a store's rows as they are judged, and what is to be said of them.

    Args:
        told: tickets that students were told of: student, ticket.
        names: what tickets are called by answers and by stores before it.
        owners: whether the store says whose they are; else it is who was told of them.
        foreign: whether it is somebody else's ledger.
        per_student: how many tickets one student may have; 0: no limit.
    """
    if not foreign:
        return JudgedRows(_held(rows, told, owners=owners))
    rows, notes = _called_as_told(store, rows, names)
    held = _held(rows, told, owners=owners)
    if strange := _strangely_named(store, held, told):
        return JudgedRows(None, (strange,), notes)
    held, problems = _without_repeats(store, held, per_student)
    return JudgedRows(held, problems, notes)


def _held(rows: pd.DataFrame, told: pd.DataFrame, *, owners: bool) -> pd.DataFrame:
    """Return a store's rows, each with its owner: by the store, else by what students were told."""
    ticket = rows["ticket"].astype("object")
    if owners:
        student = rows["student"]
    else:
        first = told.drop_duplicates("ticket").set_index("ticket")["student"]
        student = ticket.map(first.to_dict()).astype("Int64")
    return rows.assign(ticket=ticket, student=student.fillna(-1).astype("int64")).reset_index(
        drop=True
    )


def _called_as_told(
    store: str, rows: pd.DataFrame, names: Collection[str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a ledger's rows with tickets called as answers and ledgers before it call them."""
    ticket = rows["ticket"].astype("object")
    instead = renamed(set(ticket.dropna()), names)
    if not instead:
        return rows, ()
    written_so, name = next(iter(instead.items()))
    return rows.assign(ticket=ticket.map(lambda each: instead.get(each, each))), (
        f"{store} writes {counted(len(instead), 'ticket')} otherwise than students were told, "
        f"such as {written_so!r} for {name!r}: taken as the same.",
    )


def _strangely_named(store: str, held: pd.DataFrame, told: pd.DataFrame) -> str | None:
    """Return a sentence where a ledger names none of the tickets that students were told of.

    If they hold tickets there all the same, it is called otherwise, and not lost.
    """
    if len(told) < _A_FEW or held.empty or held["ticket"].isin(told["ticket"]).any():
        return None
    theirs = told["student"].isin(held["student"])
    if (held["student"] >= 0).any() and theirs.mean() < _MOST:
        return None
    # Of one and the same student, where it names them, the two show how they differ.
    both = told[["student", "ticket"]].merge(held[["student", "ticket"]], on="student")
    there, said = (
        (both["ticket_y"].iloc[0], both["ticket_x"].iloc[0])
        if len(both)
        else (held["ticket"].iloc[0], told["ticket"].iloc[0])
    )
    return (
        f"{store} names none of the {counted(len(told), 'ticket')} that students were told of: it "
        f"says {there!r}, say, and {'the same student was' if len(both) else 'they were'} told "
        f"{said!r}. Its column ticket has to hold what the scenario's Granted(…) does."
    )


def _without_repeats(
    store: str, held: pd.DataFrame, per_student: int
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a ledger's rows without those that are there again, alike in everything.

    A query that joins repeats rows; a ticket that is written twice may look the same, unless its
    rows have a key of their own.
    """
    columns = ["ticket", "student", "number", "granted_ns"]
    again = held.duplicated(columns)
    if per_student != 1 or not again.any():
        return held, ()
    rest = held[~again].reset_index(drop=True)
    if held["number"].notna().all():
        return rest, ()
    return rest, (
        f"{written(int(again.sum()))} of {counted(len(held), 'row')} of {store} repeat another: "
        f"whether a query that joins does so or a ticket was written twice cannot be told. Have "
        f"each row once (SELECT DISTINCT), or give the row's own key as `number`.",
    )
