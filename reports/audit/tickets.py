"""The wrongs about tickets, found by holding what students were told against the stores.

oversold            more tickets granted than there were places, or one place to several
wrong_owner         tickets that students were told of and that the durable store has as another's
ineligible          tickets of people who may not buy
store_drift         tickets that one store holds and the other does not
duplicate_students  tickets beyond the one that a student may have

What was told of them and is not borne out is in `reports.audit.promised`.

What was granted is every different ticket that any store holds or any student was told of, whoever
has it: a place sold twice stays an oversell though a ticket was lost, and a place resold after its
ticket was lost is both, for two people were promised it. A second ticket of one student takes a
place like any other; the same ticket in two rows takes none, and in the wrong hands it is one.
More tickets told of than there are need no store to be proven.
"""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.reports.audit.pending import called_otherwise, drift, misplaced
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import among, durable_rows
from dress_rehearsal.reports.numbers import least_by
from dress_rehearsal.reports.words import counted, written

Wrong = tuple[int | None, str]
"""How often something wrong was found, None where that is not known, and a sentence on it."""


def ticket_wrongs(evidence: Evidence) -> dict[str, Wrong]:
    """Return the counters of this module; those that could not be decided at all are left out."""
    return {
        **_of_grants(evidence),
        **_of_owners(evidence),
        **_of_agreement(evidence),
        **_of_second_tickets(evidence),
    }


def _of_grants(evidence: Evidence) -> dict[str, Wrong]:
    """Return whether more tickets were granted than there were, by the stores and by the answers.

    The answers alone can prove that there were, and only every store that there were not.
    """
    places, granted, by = evidence.plan.event.tickets, *_granted(evidence)
    beyond, twice = max(granted - places, 0), _places_sold_twice(evidence)
    shared = _told_to_several(evidence)
    oversold = max(beyond, twice, shared)
    whole = evidence.stores.complete
    said = (
        f"Oversold: {counted(granted, 'ticket was', 'tickets were')} granted for "
        f"{counted(places, 'place')}{by}."
    )
    if twice > beyond:
        said = (
            f"Oversold: {counted(twice, 'ticket has', 'tickets have')} a place that was sold "
            f"already (the same number); in all {counted(granted, 'ticket was', 'tickets were')} "
            f"granted for {counted(places, 'place')}."
        )
    if shared > max(beyond, twice):
        students = counted(shared, "student was", "students were")
        said = f"Oversold: {students} given a ticket that another had been given already."
    return {"oversold": (oversold if whole else oversold or None, said)}


def _told_to_several(evidence: Evidence) -> int:
    """Count the students beyond one a ticket whose it is said to be.

    By the store whose word counts where it says whose it is (who was told so besides was told
    another's, a wrong of its own), else by the answers.
    """
    said = evidence.promises.named
    if evidence.stores.holdings and "owners" in evidence.stores.known:
        durable = durable_rows(evidence.stores)
        if durable is None:
            return 0
        said = durable[durable["student"] >= 0]
    said = said[["student", "ticket"]].drop_duplicates()
    return int(len(said) - said["ticket"].nunique())


def _places_sold_twice(evidence: Evidence) -> int:
    """Count the tickets beyond one a number in the durable store: a number is a place."""
    durable = durable_rows(evidence.stores)
    if durable is None:
        return 0
    numbers = durable.loc[durable["number"].notna(), ["ticket", "number"]].drop_duplicates()
    return int(len(numbers) - numbers["number"].nunique())


def _of_owners(evidence: Evidence) -> dict[str, Wrong]:
    """Return tickets of people who may not have one, and those in the wrong hands."""
    stores, told = evidence.stores, evidence.promises.students
    found: dict[str, Wrong] = {}
    count: int | None = None
    uninvited = set(told.loc[~told["enrolled"], "student"])
    if "owners" not in stores.known:  # of whom nobody knows it but by what they were told
        count = int(evidence.promises.tickets["student"].isin(uninvited).sum())
    elif stores.holdings:
        strangers, outsiders = 0, 0
        ours = evidence.plan.target.ours
        for rows in stores.holdings.values():
            named = rows.loc[rows["student"] >= 0, "student"]
            if ours:  # elsewhere somebody else may buy, who is on no roster here
                strangers = max(strangers, int((rows["student"] < 0).sum()))
            outsiders = max(outsiders, int(named.isin(uninvited).sum()))
        count = strangers + outsiders
        if (told.empty and not strangers) or not stores.complete:
            count = count or None  # its absence needs every store
    if stores.holdings or count:
        found["ineligible"] = (
            count,
            f"Ineligible holders: {counted(count or 0, 'ticket')} went to people who may not buy.",
        )
    durable = durable_rows(stores)
    if durable is not None and not told.empty:
        promised = evidence.promises.tickets
        amiss = misplaced(promised, durable)
        wrong = int(amiss.sum())
        told_twice = int((amiss & _told_to_owner(promised, durable)).sum())
        both = f" ({written(told_twice)} confirmed to that other one, too)" if told_twice else ""
        found["wrong_owner"] = (
            wrong if not evidence.timeline.rows_pending else wrong or None,
            f"Wrong owner: {counted(wrong, 'ticket is', 'tickets are')} in {stores.durable} "
            f"somebody else's than the student's who was told of it{both}.",
        )
    return found


def _told_to_owner(promised: pd.DataFrame, durable: pd.DataFrame) -> Any:
    """Return for each promised ticket whether one whose it is was told of it (bool array)."""
    theirs = among(durable, promised[promised["ticket"].notna()])
    return promised["ticket"].isin(durable.loc[theirs, "ticket"]).to_numpy(dtype=bool)


def _of_agreement(evidence: Evidence) -> dict[str, Wrong]:
    """Return what one store holds and another does not, of the two that differ most."""
    stores = evidence.stores
    if not stores.complete or len(stores.expected) < 2:
        return {}
    drifts = {
        (one, other): _drift(evidence, one, other)
        for one, other in combinations(stores.expected, 2)
    }
    first, second = max(drifts, key=drifts.__getitem__)
    drifted: int | None = drifts[first, second]
    if evidence.timeline.rows_pending:
        drifted = drifted or None
    return {
        "store_drift": (
            drifted,
            f"The stores disagree: {counted(drifted or 0, 'ticket is', 'tickets are')} not the "
            f"same in {first} and {second}{_alone(evidence, first, second)}.",
        )
    }


def _alone(evidence: Evidence, one: str, other: str) -> str:
    """Return how many tickets only one of two stores has, in words; empty where that says less."""
    holdings = evidence.stores.holdings
    if one not in holdings or other not in holdings:
        return ""
    first, second = (set(holdings[store]["ticket"].dropna()) for store in (one, other))
    alone = ((one, len(first - second)), (other, len(second - first)))
    parts = [
        f"{counted(number, 'is', 'are')} in {store} alone" for store, number in alone if number
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _drift(evidence: Evidence, one: str, other: str) -> int:
    """Count by how many tickets two stores differ: by pairs, by tickets, or by their numbers."""
    stores = evidence.stores
    rows = [stores.holdings.get(store) for store in (one, other)]
    if rows[0] is None or rows[1] is None:
        held = [stores.counts.get(one), stores.counts.get(other)]
        numbers = [
            count if count is not None else 0 if each is None else int(each["ticket"].nunique())
            for count, each in zip(held, rows, strict=True)
        ]
        return abs(numbers[0] - numbers[1])
    if all("owners" in stores.said[store] for store in (one, other)):
        return drift(evidence, rows[0], rows[1])
    tickets = [set(each["ticket"]) for each in rows if each is not None]
    return len(tickets[0] ^ tickets[1])


def granted_tickets(evidence: Evidence) -> int:
    """Return how many different tickets any store holds or any student was told of."""
    return _granted(evidence)[0]


def _granted(evidence: Evidence) -> tuple[int, str]:
    """Return how many different tickets any store holds or any student was told of, and by which
    other ledger alone, in words.

    A student who was told of one that was not recorded counts for one only where no ticket of
    theirs is known. Somebody else's ledgers may call one thing by several names: those beside the
    one whose word counts are counted alone, and what it calls otherwise than a student was told
    once.
    """
    promised, stores = evidence.promises.tickets, evidence.stores
    most, beside, twice = "", 0, 0
    holdings = stores.holdings
    if evidence.plan.ledgers:
        holdings = {name: rows for name, rows in holdings.items() if name == stores.durable}
        numbers = {name: rows["ticket"].nunique() for name, rows in stores.holdings.items()}
        most = max(numbers, key=numbers.__getitem__, default="")
        beside = numbers.get(most, 0)
        if "owners" in stores.known:
            twice = sum(called_otherwise(promised, rows) for rows in holdings.values())
    held = [*holdings.values(), evidence.promises.named]
    unnamed = promised.loc[promised["ticket"].isna(), "student"]
    known = set().union(*(rows["student"].tolist() for rows in held))
    tickets = set().union(*(rows["ticket"].dropna().tolist() for rows in held))
    seen = len(tickets) + sum(student not in known for student in unnamed) - twice
    others = max(seen, *stores.counts.values(), 0)
    if beside <= others:
        return others, ""
    of = "" if stores.durable is None else f"; {stores.durable} and what was told have {others:,}"
    return beside, f" by {most}{of}"


def _of_second_tickets(evidence: Evidence) -> dict[str, Wrong]:
    """Return tickets beyond a student's first, by the store that has most or by what was told."""
    stores, limit = evidence.stores, evidence.plan.event.per_student
    if not limit:
        return {}
    held = [*stores.holdings.values(), evidence.promises.named]
    seen = [np.unique(rows["student"].to_numpy(dtype="int64"), return_counts=True) for rows in held]
    who, tickets = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    _, fewest = least_by(who[who >= 0], -tickets[who >= 0])
    extra, doubled = int(np.maximum(-fewest - limit, 0).sum()), int((-fewest > limit).sum())
    each = "the one that each may" if limit == 1 else f"the {limit} that each may"
    whole = stores.complete and not evidence.timeline.rows_pending
    return {
        "duplicate_students": (
            extra if whole else extra or None,
            f"Duplicates: {counted(doubled, 'student has', 'students have')} "
            f"{counted(extra, 'ticket')} beyond {each} have{_in_two_rows(evidence)}.",
        )
    }


def _in_two_rows(evidence: Evidence) -> str:
    """Return how many rows hold a ticket that the same student has in another, and where, in words.

    Such a ticket may have been paid twice.
    """
    more = {
        store: int(rows.loc[rows["student"] >= 0, ["student", "ticket"]].duplicated().sum())
        for store, rows in evidence.stores.holdings.items()
    }
    store = max(more, key=more.__getitem__, default="")
    if not more.get(store):
        return ""
    rows = counted(more[store], "row is", "rows are")
    return f" ({rows} for a ticket that stands in {store} already, as one paid twice does)"
