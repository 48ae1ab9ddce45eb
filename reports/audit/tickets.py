"""The wrongs about tickets, found by holding what students were told against the stores.

oversold            more tickets granted than there were places, or one place to several
wrong_owner         tickets that students were told of and that the durable store has as another's
ineligible          tickets of people who may not buy
store_drift         tickets that one store holds and the other does not
duplicate_students  tickets beyond the one that a student may have
acked_but_missing   tickets that students were told of and that no row bears out
held_without_ack    tickets in the durable store that nobody was told of
stuck_students      students promised a ticket that was never issued
false_issued        students told that their ticket is issued before its row was committed

Whoever is told "already holds a ticket" is told of one, though it is not named: where no store has
any of that student's, it is missing like one that was.

What was granted is every different ticket that any store holds or any student was told of, whoever
has it: a place sold twice stays an oversell though a ticket was lost, and a place resold after its
ticket was lost is both, for two people were promised it. A second ticket of one student takes a
place like any other; the same ticket in two rows takes none, and in the wrong hands it is one.
More tickets told of than there are need no store to be proven.
"""

from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import TICKET
from dress_rehearsal.records.tables import NS_PER_MS, NS_PER_S
from dress_rehearsal.reports.audit.pending import borne_out, drift, may_come, misplaced
from dress_rehearsal.reports.audit.said import Said, clock_ns
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import Stores, owned
from dress_rehearsal.reports.numbers import integers, least_by, least_of, rounded
from dress_rehearsal.reports.words import counted, milliseconds, written

ISSUE_GRACE_NS: Final = NS_PER_S
"""How long after its row's commit the target may still call a ticket pending."""

Wrong = tuple[int | None, str]
"""How often something wrong was found, None where that is not known, and a sentence on it."""


def ticket_wrongs(said: Said) -> dict[str, Wrong]:
    """Return the counters of this module; those that could not be decided at all are left out."""
    evidence = said.evidence
    return {
        **_of_grants(evidence),
        **_of_owners(evidence),
        **_of_agreement(evidence),
        **_of_second_tickets(evidence),
        **_of_promises(said),
        **_of_issued(evidence),
    }


def _of_grants(evidence: Evidence) -> dict[str, Wrong]:
    """Return whether more tickets were granted than there were, by the stores and by the answers.

    The answers alone can prove that there were, and only every store that there were not.
    """
    places, granted = evidence.plan.event.tickets, _granted(evidence)
    beyond, twice = max(granted - places, 0), _places_sold_twice(evidence)
    shared = _told_to_several(evidence)
    oversold = max(beyond, twice, shared)
    whole = evidence.stores.complete
    said = (
        f"Oversold: {counted(granted, 'ticket was', 'tickets were')} granted for "
        f"{counted(places, 'place')}."
    )
    if twice > beyond:
        said = f"Oversold: {counted(twice, 'place was', 'places were')} sold more than once."
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


def durable_rows(stores: Stores) -> pd.DataFrame | None:
    """Return what the store holds whose word counts; None where it was not read, or only counts."""
    return stores.holdings.get(stores.durable)


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
        ours = evidence.plan.target.stage == "embedded"
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
        wrong = int(misplaced(evidence.promises.tickets, durable).sum())
        found["wrong_owner"] = (
            wrong if not evidence.timeline.rows_pending else wrong or None,
            f"Wrong owner: {counted(wrong, 'ticket is', 'tickets are')} in {stores.durable} "
            f"somebody else's than the student's who was told of it.",
        )
    return found


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
            f"same in {first} and {second}.",
        )
    }


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
        return drift(evidence, owned(rows[0]), owned(rows[1]))
    tickets = [set(each["ticket"]) for each in rows if each is not None]
    return len(tickets[0] ^ tickets[1])


def _granted(evidence: Evidence) -> int:
    """Return how many different tickets any store holds or any student was told of.

    A student who was told of one that was not recorded counts for one only where no ticket of
    theirs is known.
    """
    promised = evidence.promises.tickets
    held = [*evidence.stores.holdings.values(), evidence.promises.named]
    unnamed = promised.loc[promised["ticket"].isna(), "student"]
    known = set().union(*(rows["student"].tolist() for rows in held))
    tickets = set().union(*(rows["ticket"].dropna().tolist() for rows in held))
    seen = len(tickets) + sum(student not in known for student in unnamed)
    return max(seen, *evidence.stores.counts.values(), 0)


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
            f"{counted(extra, 'ticket')} beyond {each} have.",
        )
    }


def _of_promises(said: Said) -> dict[str, Wrong]:
    """Return what was told and the durable store does not bear out, and the reverse."""
    evidence = said.evidence
    stores, told = evidence.stores, evidence.promises.students
    durable = durable_rows(stores)
    if told.empty:
        return {}
    if durable is None:
        return _of_counts(evidence)
    timeline, promised = evidence.timeline, evidence.promises.tickets
    there = borne_out(promised, durable) | may_come(evidence, promised)
    there |= misplaced(promised, durable)  # not lost: another has it
    missing = int((~there).sum())
    claimed = 0 if evidence.clock_steps else _claimed_in_vain(said)

    # Whose story ended with "already holds a ticket" knows of it, though not its name.
    informed = told["claimed"] & told["outcome"].isin(["refused", "unknown"])
    expected = told.loc[told["acked"] | informed | told["undecided"], "student"]
    surprised = durable.loc[(durable["student"] >= 0), "student"].drop_duplicates()
    unannounced: int | None = int((~surprised.isin(expected)).sum())

    acked = told[told["acked"]]
    here = borne_out(acked, durable) | may_come(evidence, acked)
    waiting = acked["issued_ns"].isna().to_numpy(dtype=bool)
    still = acked["student"].isin(_still_pending(said, durable)).to_numpy()
    stuck: int | None = int((waiting & (~here | still)).sum())
    if timeline.record_cut or evidence.clock_steps:
        # "Issued" may have been answered unrecorded, or when it was asked for is not known: only a
        # ticket that is not there is stuck.
        stuck = int((waiting & ~here).sum()) or None
    lost: int | None = missing + claimed
    if evidence.clock_steps:  # whether those who were told so can have had one is not known
        lost = lost or None
    if timeline.rows_pending:  # the rows that were still to come decide whether there are none
        lost, unannounced, stuck = lost or None, unannounced or None, stuck or None
    return {
        "acked_but_missing": (
            lost,
            f"Lost tickets: {counted(missing + claimed, 'ticket')} that students were told of "
            f"{'is' if missing + claimed == 1 else 'are'} not in {stores.durable}"
            f"{_in_vain(claimed)}.",
        ),
        "held_without_ack": (
            unannounced,
            f"Unannounced tickets: {counted(unannounced or 0, 'student holds', 'students hold')} a "
            f"ticket in {stores.durable} that was never confirmed.",
        ),
        "stuck_students": (
            stuck,
            f"Stuck: {counted(stuck or 0, 'student was', 'students were')} promised a ticket that "
            f"was never issued.",
        ),
    }


def _of_counts(evidence: Evidence) -> dict[str, Wrong]:
    """Return how many of the tickets that students were told of no store can hold."""
    counts = evidence.stores.counts
    if not counts:
        return {}
    promised = evidence.promises.tickets
    told = promised["ticket"].nunique() + int(promised["ticket"].isna().sum())
    store = min(counts, key=counts.__getitem__)
    lost: int | None = max(told - counts[store], 0)
    if evidence.timeline.rows_pending or not evidence.stores.complete:
        lost = lost or None
    return {
        "acked_but_missing": (
            lost,
            f"Lost tickets: students were told of {counted(told, 'ticket')}, and {store} holds "
            f"{written(counts[store])}.",
        )
    }


def _of_issued(evidence: Evidence) -> dict[str, Wrong]:
    """Return the students told `issued` before the durable store had their ticket's row."""
    durable, told = durable_rows(evidence.stores), evidence.promises.students
    if durable is None or told.empty:
        return {}
    # A row that is written twice was there from the first time on.
    first = durable.groupby(["student", "ticket"], as_index=False)["committed_ns"].min()
    pairs = told.merge(first, on=["student", "ticket"])
    pairs = pairs.dropna(subset=["issued_ns", "committed_ns"])
    ahead_ns = integers(pairs["committed_ns"]) - integers(pairs["issued_ns"])
    early = int((ahead_ns > clock_ns(evidence)).sum())
    longest = milliseconds(rounded(max(ahead_ns.max(initial=0), 0) / NS_PER_MS))
    return {
        "false_issued": (
            early,
            f"Issued too soon: {counted(early, 'student was', 'students were')} told that the "
            f"ticket is issued before its row was there, by up to {longest}.",
        )
    }


def _claimed_in_vain(said: Said) -> int:
    """Count the students told to hold a ticket already, who may have got one and hold none.

    Who cannot have got one was told what is not true (`false_already_holds`); nothing was lost.
    """
    stores, told = said.evidence.stores, said.evidence.promises.students
    known = stores.complete and "owners" in stores.known
    if not known or said.evidence.requests.empty:
        return 0
    claims = said.which("already_holds_ticket")
    if not claims.any():
        return 0
    lost = said.students(claims & said.may_hold_by_then)
    holders = pd.concat([rows["student"] for rows in stores.holdings.values()]).tolist()
    holders += stores.earlier
    unheld = ~told["acked"] & ~told["student"].isin(holders)
    return int((unheld & told["student"].isin(lost)).sum())


def _in_vain(claimed: int) -> str:
    told_only = counted(claimed, "student who holds none was", "students who hold none were")
    return f" ({told_only} told to hold one already)" if claimed else ""


def _still_pending(said: Said, durable: pd.DataFrame) -> pd.Series:
    """Return the students whose ticket was asked for well after its commit.

    Together with `issued_ns` being null: the target answered `pending` though the row was there.
    """
    asked = said.at(TICKET) & (said.outcome == "ok") & (said.sent_ns >= 0)
    committed = durable[durable["committed_ns"].notna()]
    students = committed["student"].to_numpy(dtype="int64")
    last_ns = -least_of(said.student[asked], -said.sent_ns[asked], students, missing=0)
    since_ns = last_ns - integers(committed["committed_ns"])
    return committed.loc[since_ns >= ISSUE_GRACE_NS, "student"]


def settle_ms(evidence: Evidence) -> float | None:
    """Return the ms from the last acknowledgement until the durable store had every row.

    That is the moment from which a crash of the fast store loses nobody's ticket: the last commit
    among the rows, less the last time that a student was told of a ticket; 0 when every row was
    there first. It is taken from the rows' own commit times, so it does not depend on when the
    harness looked. How long single tickets waited for their row, a backlog in the middle of the
    sale included, is the `write_back` pool's wait.

    None when a ticket that somebody was told of has no row (the stores never agreed), when the
    durable store names no commit times, or when a clock was set.
    """
    stores = evidence.stores
    durable = durable_rows(stores)
    if durable is None or evidence.promises.students.empty or evidence.clock_steps:
        return None
    promised = evidence.promises.tickets.dropna(subset=["student", "ticket", "acked_ns"])
    if promised.empty or not owned(promised) <= owned(durable):
        return None
    if len(stores.expected) < 2:  # nothing to agree with: only what was promised has to be there
        durable = durable[durable["ticket"].isin(promised["ticket"])]
    committed = durable["committed_ns"].dropna()
    if committed.empty:
        return None
    return rounded(max(int(committed.max()) - int(promised["acked_ns"].max()), 0) / NS_PER_MS)
