"""The wrongs about what students were told of tickets, and the stores do not bear out.

acked_but_missing   tickets that students were told of and for which there is no row
held_without_ack    tickets in the durable store that nobody was told of
stuck_students      students promised a ticket that was never issued
false_issued        students told that their ticket is issued before its row was committed

Whoever is told "already holds a ticket" is told of one, though it is not named: where no store has
any of that student's, it is missing like one that was.
"""

from typing import Any, Final

import pandas as pd

from dress_rehearsal.records.steps import PURCHASE, TICKET
from dress_rehearsal.records.tables import NS_PER_MS, NS_PER_S, SCENARIO_TROUBLES
from dress_rehearsal.reports.audit.pending import borne_out, called_otherwise, may_come, misplaced
from dress_rehearsal.reports.audit.put_off import never_issued
from dress_rehearsal.reports.audit.said import Said, clock_ns
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import among, durable_rows
from dress_rehearsal.reports.numbers import integers, least_of, rounded
from dress_rehearsal.reports.words import agreeing, counted, milliseconds, written

ISSUE_GRACE_NS: Final = NS_PER_S
"""How long after its row's commit the target may still call a ticket pending."""

_PAGES: Final = (10, 20, 25, 30, 50, 100, 200, 250, 500, 1000, 5000, 10_000)
"""How many rows a service shows at once that was not asked for all."""
_SIDE_BY_SIDE_NS: Final = NS_PER_S // 4
"""By so much two may be answered otherwise than in the order in which they were written down."""

_SUCCESS: Final = 2
"""Hundreds of a status that says yes."""

Wrong = tuple[int | None, str]
"""How often something wrong was found, None where that is not known, and a sentence on it."""


def promise_wrongs(said: Said) -> dict[str, Wrong]:
    """Return the counters of this module; those that could not be decided at all are left out."""
    return {**_of_promises(said), **_of_issued(said.evidence)}


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
    known = surprised.isin(expected) | surprised.isin(_misunderstood(said))
    unannounced: int | None = int((~known).sum())

    acked = told[told["acked"]]
    here = borne_out(acked, durable) | may_come(evidence, acked)
    waiting = acked["issued_ns"].isna().to_numpy(dtype=bool)
    still = acked["student"].isin(_still_pending(said, durable)).to_numpy()
    put_off = never_issued(evidence) if timeline.as_planned else 0
    stuck: int | None = int((waiting & (~here | still)).sum()) + put_off
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
            f"{_in_vain(claimed)}{_otherwise(evidence, missing)}"
            f"{_beyond_a_page(evidence, durable, promised.assign(there=there))}.",
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


def untold_notes(evidence: Evidence) -> tuple[str, ...]:
    """Return a sentence on tickets of which nobody was told, of students who were told of others.

    Where each may have several: an order may be for more tickets than its answer names. Where one
    is all that each may have, they are duplicates.
    """
    durable, told = durable_rows(evidence.stores), evidence.promises.students
    limit = evidence.plan.event.per_student
    owned = "owners" in evidence.stores.said.get(evidence.stores.durable, ())
    if limit == 1 or durable is None or told.empty or not owned:
        return ()
    heard = told.loc[told["acked"] & ~told["undecided"], "student"].tolist()
    held, named = (
        rows.drop_duplicates(["student", "ticket"]).groupby("student").size().reindex(heard)
        for rows in (durable, evidence.promises.tickets)
    )
    more = int((held - named).clip(lower=0).sum())
    if not more:
        return ()
    allowed = "sets no limit" if not limit else f"allows {limit} each"
    return (
        f"{counted(more, 'ticket')} in {evidence.stores.durable} {agreeing(more, 'was', 'were')} "
        f"told to nobody: {agreeing(more, 'its student was', 'their students were')} told of fewer "
        f"than they hold. That is no wrong where one order is for several (event.per_student = "
        f"{limit} {allowed}).",
    )


def _misunderstood(said: Said) -> Any:
    """Return the students who were told yes by an answer that a scenario with defects lost.

    What it raised on a 201, or returned in its place, is no silence of the target.
    """
    events = said.evidence.events
    if not any(each.kind == "phase" and each.name == SCENARIO_TROUBLES for each in events):
        return ()
    success = integers(said.evidence.requests["status"]) // 100 == _SUCCESS
    return said.students(said.at(PURCHASE, TICKET) & (said.outcome == "failed") & success)


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
    lost = said.students(said.may_hold_by_then(claims))
    holders = pd.concat([rows["student"] for rows in stores.holdings.values()]).tolist()
    holders += stores.earlier
    unheld = ~told["acked"] & ~told["student"].isin(holders)
    return int((unheld & told["student"].isin(lost)).sum())


def _in_vain(claimed: int) -> str:
    told_only = counted(claimed, "student who holds none was", "students who hold none were")
    return f" ({told_only} told that they have one already)" if claimed else ""


def _otherwise(evidence: Evidence, missing: int) -> str:
    """Return how many of the lost a store of somebody else's has under another name."""
    durable = durable_rows(evidence.stores)
    if not missing or durable is None or "owners" not in evidence.stores.known:
        return ""
    if not evidence.plan.ledgers:
        return ""
    renamed = called_otherwise(evidence.promises.tickets, durable)
    holders = counted(renamed, "of their students has", "of their students have")
    return f" ({holders} one there of another name)" if renamed else ""


def _beyond_a_page(evidence: Evidence, durable: pd.DataFrame, promised: pd.DataFrame) -> str:
    """Return a hint where a ledger has as many rows as a page, and the lost are all on one side.

    Args:
        promised: what students were told of, and whether it is `there`.
    """
    rows = len(durable) + evidence.stores.before
    if not evidence.plan.ledgers or rows not in _PAGES:
        return ""
    known = promised[promised["acked_ns"].notna()]
    told_ns, there = known["acked_ns"].astype("int64"), known["there"].to_numpy(dtype=bool)
    if there.all() or not there.any():
        return ""
    shown, lost = told_ns[there], told_ns[~there]
    if lost.min() >= shown.max() - _SIDE_BY_SIDE_NS:
        side = "later"
    elif lost.max() <= shown.min() + _SIDE_BY_SIDE_NS:
        side = "earlier"
    else:
        return ""
    return (
        f" (it has {counted(rows, 'row')}, as many as a page may have, and these were told of "
        f"{side} than those: if it shows one page only, have it show all)"
    )


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
    if promised.empty or not among(promised, durable).all():
        return None
    if len(stores.expected) < 2:  # nothing to agree with: only what was promised has to be there
        durable = durable[durable["ticket"].isin(promised["ticket"])]
    committed = durable["committed_ns"].dropna()
    if committed.empty:
        return None
    return rounded(max(int(committed.max()) - int(promised["acked_ns"].max()), 0) / NS_PER_MS)
