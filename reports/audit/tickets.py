"""The audit: was anyone wronged? Every counter stands for one kind of wrong, independently.

The generator's word (what students were told) is held against each store's word at the end. A
purchase whose answer never came (`unknown`, `in_flight`) may or may not hold a ticket.

Whoever is told "already holds a ticket" is told of one, though it is not named: where no store has
any of that student's, it is missing like one that was.

No wrong hides another. What was granted is every different ticket that any store holds or any
student was told of: a place sold twice stays an oversell though a ticket was lost, and a place
resold after its ticket was lost is both, for two people were promised it. A second ticket of one
student takes a place like any other; the same ticket in two rows takes none.

A record that is known to be cut (see `reports.timeline`) lacks the last seconds: there a student
who had not started, or was under way, may hold a ticket too, and what the missing rows would
explain counts as no wrong.
"""

from dataclasses import dataclass

import pandas as pd

from dress_rehearsal.records.tables import NS_PER_MS, NS_PER_S
from dress_rehearsal.reports.audit.double_entry import double_entries, gate_problems
from dress_rehearsal.reports.audit.lost_views import VIEWS, lost_views
from dress_rehearsal.reports.audit.pending import borne_out, drift, may_come, unsettled_problems
from dress_rehearsal.reports.audit.promises import promises, read_told
from dress_rehearsal.reports.audit.sold_early import sold_early
from dress_rehearsal.reports.audit.stores import DURABLE, Stores, owned, read_stores
from dress_rehearsal.reports.evidence import TICKET, Evidence
from dress_rehearsal.reports.numbers import counted, integers, rounded
from dress_rehearsal.reports.reconciliation import Reconciliation
from dress_rehearsal.reports.samples import Samples
from dress_rehearsal.reports.schema import Audit
from dress_rehearsal.reports.timeline import course_of

COUNTERS = (
    "oversold",
    "duplicate_students",
    "acked_but_missing",
    "held_without_ack",
    "ineligible",
    "sold_early",
    "false_sold_out",
    "store_drift",
    "stuck_students",
    "double_entry",
    "lost_views",
)
"""The counters that must be zero, the gravest first; `settle_ms` is a duration."""

ISSUE_GRACE_NS = NS_PER_S
"""How long after its row's commit the target may still call a ticket pending."""


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """The audit, in numbers and in sentences.

    `wrongs` says each counter above zero in words; `problems` says what could not be audited;
    `applicable` are the counters that this run should decide.
    """

    audit: Audit
    wrongs: dict[str, str]
    problems: tuple[str, ...]
    applicable: tuple[str, ...]


def audit_run(evidence: Evidence, samples: Samples, counts: Reconciliation) -> AuditFinding:
    """Hold what students were told against what the stores hold.

    Args:
        counts: the server's own count of requests against the recorded ones.
    """
    stores = read_stores(evidence)
    told = read_told(evidence)
    found: dict[str, int | None] = dict.fromkeys(COUNTERS)
    wrongs: dict[str, str] = {}
    for part in (
        _of_stores(evidence, stores, told),
        _of_agreement(evidence, stores, told),
        _of_second_tickets(evidence, stores, told),
        _of_promises(evidence, stores, told),
        _of_sold_out(evidence, stores, told),
        _named("sold_early", sold_early(evidence, stores, told)),
        _named("double_entry", double_entries(evidence)),
        _named("lost_views", lost_views(evidence, samples, counts)),
    ):
        for name, (count, sentence) in part.items():
            found[name] = count
            if count:
                wrongs[name] = sentence
    problems = list(stores.problems)
    if told.empty:
        problems.append(
            "There is no record of what students were told (students.parquet has no rows)."
        )
    problems += unsettled_problems(evidence, stores) + gate_problems(evidence)
    applicable = [name for name in COUNTERS if name != "store_drift" or len(stores.expected) > 1]
    if found["double_entry"] is None and not gate_problems(evidence):
        applicable.remove("double_entry")  # nobody went to the gate
    if found["lost_views"] is None:
        if evidence.plan.target.stage == "embedded":
            problems.append(
                f"The page views could not be checked: {VIEWS} was never read, or it counted "
                f"views of which it is unknown whether they were asked for."
            )
        else:
            applicable.remove("lost_views")
    audit = Audit(**found, settle_ms=_settle_ms(stores, told))
    ordered = {name: wrongs[name] for name in COUNTERS if name in wrongs}
    return AuditFinding(audit, ordered, tuple(problems), tuple(applicable))


def _named(name: str, counted_wrong: tuple[int, str] | None) -> dict[str, tuple[int | None, str]]:
    return {} if counted_wrong is None else {name: counted_wrong}


def _of_stores(
    evidence: Evidence, stores: Stores, told: pd.DataFrame
) -> dict[str, tuple[int | None, str]]:
    """What the stores alone show: too many tickets, the wrong holders."""
    if not stores.holdings:
        return {}
    places = evidence.plan.event.tickets
    held = len(_granted(stores, told))
    strangers, outsiders = 0, 0
    uninvited = set(told.loc[~told["enrolled"], "student"])
    for rows in stores.holdings.values():
        named = rows.loc[rows["student"] >= 0, "student"]
        strangers = max(strangers, int((rows["student"] < 0).sum()))
        outsiders = max(outsiders, int(named.isin(uninvited).sum()))
    oversold, ineligible = max(held - places, 0), strangers + outsiders
    found: dict[str, tuple[int | None, str]] = {
        "oversold": (
            oversold,
            f"Oversold: {counted(held, 'ticket was', 'tickets were')} granted for "
            f"{counted(places, 'place')}.",
        ),
        "ineligible": (
            ineligible,
            f"Ineligible holders: {counted(ineligible, 'ticket')} went to people who may not buy.",
        ),
    }
    if not stores.complete:
        # A wrong in one store is a wrong; its absence needs every store.
        found = {name: (count or None, said) for name, (count, said) in found.items()}
    if told.empty and not strangers:
        found["ineligible"] = (None, "")
    return found


def _of_agreement(
    evidence: Evidence, stores: Stores, told: pd.DataFrame
) -> dict[str, tuple[int | None, str]]:
    """What one store holds and the other does not."""
    if not stores.complete or len(stores.holdings) < 2:
        return {}
    (first, one), (second, other) = stores.holdings.items()
    drifted: int | None = drift(evidence, owned(one), owned(other), told)
    if course_of(evidence).unsettled:
        drifted = drifted or None
    return {
        "store_drift": (
            drifted,
            f"The stores disagree: {counted(drifted or 0, 'ticket is', 'tickets are')} not the "
            f"same in {first} and {second}.",
        )
    }


def _granted(stores: Stores, told: pd.DataFrame) -> pd.MultiIndex:
    """Return every different (student, ticket) that a store holds or a student was told of."""
    promised = promises(told).dropna(subset="ticket")
    return owned(
        pd.concat([rows[["student", "ticket"]] for rows in (*stores.holdings.values(), promised)])
    )


def _of_second_tickets(
    evidence: Evidence, stores: Stores, told: pd.DataFrame
) -> dict[str, tuple[int | None, str]]:
    """Tickets beyond a student's first, by the store that has most of them or by what was told."""
    seen = [
        rows.loc[rows["student"] >= 0, "student"].value_counts()
        for rows in (*stores.holdings.values(), promises(told).dropna(subset="ticket"))
    ]
    each = pd.concat(seen, axis="columns").max(axis="columns")
    extra, doubled = int((each - 1).sum()), int((each > 1).sum())
    whole = stores.complete and not course_of(evidence).unsettled
    return {
        "duplicate_students": (
            extra if whole else extra or None,
            f"Duplicates: {counted(doubled, 'student has', 'students have')} "
            f"{counted(extra, 'ticket')} beyond the one that each may have.",
        )
    }


def _of_promises(
    evidence: Evidence, stores: Stores, told: pd.DataFrame
) -> dict[str, tuple[int | None, str]]:
    """What students were told and the durable store does not bear out, and the reverse."""
    durable = stores.holdings.get(DURABLE)
    if durable is None or told.empty:
        return {}
    course = course_of(evidence)
    promised = promises(told)
    there = borne_out(promised, durable) | may_come(evidence, stores, promised)
    missing = int((~there).sum())
    claimed = _claimed_in_vain(stores, told)

    # Whose story ended with "already holds a ticket" knows of it, though not its name.
    informed = told["claimed"] & told["outcome"].isin(["refused", "unknown"])
    expected = told.loc[told["acked"] | informed | told["undecided"], "student"]
    surprised = durable.loc[(durable["student"] >= 0), "student"].drop_duplicates()
    unannounced: int | None = int((~surprised.isin(expected)).sum())

    acked = told[told["acked"]]
    here = borne_out(acked, durable) | may_come(evidence, stores, acked)
    waiting = acked["issued_ns"].isna().to_numpy(dtype=bool)
    still = acked["student"].isin(_still_pending(evidence, durable)).to_numpy()
    stuck: int | None = int((waiting & (~here | still)).sum())
    if course.record_cut:
        # "Issued" may have been answered unrecorded: only a ticket that is not there is stuck.
        stuck = int((waiting & ~here).sum()) or None
    lost: int | None = missing + claimed
    if course.unsettled:  # the rows that were still to come decide whether there are none
        lost, unannounced, stuck = lost or None, unannounced or None, stuck or None
    return {
        "acked_but_missing": (
            lost,
            f"Lost tickets: {counted(missing + claimed, 'ticket')} that students were told of "
            f"{'is' if missing + claimed == 1 else 'are'} not in {DURABLE}{_in_vain(claimed)}.",
        ),
        "held_without_ack": (
            unannounced,
            f"Unannounced tickets: {counted(unannounced or 0, 'student holds', 'students hold')} a "
            f"ticket in {DURABLE} that was never confirmed.",
        ),
        "stuck_students": (
            stuck,
            f"Stuck: {counted(stuck or 0, 'student was', 'students were')} promised a ticket that "
            f"was never issued.",
        ),
    }


def _claimed_in_vain(stores: Stores, told: pd.DataFrame) -> int:
    """Count the students who were told to hold a ticket already, and neither got nor hold any."""
    if not stores.complete:
        return 0
    holders = pd.concat([rows["student"] for rows in stores.holdings.values()])
    return int((told["claimed"] & ~told["acked"] & ~told["student"].isin(holders)).sum())


def _in_vain(claimed: int) -> str:
    told_only = counted(claimed, "student who holds none was", "students who hold none were")
    return f" ({told_only} told to hold one already)" if claimed else ""


def _still_pending(evidence: Evidence, durable: pd.DataFrame) -> pd.Series:
    """Return the students whose ticket was asked for well after its commit.

    Together with `issued_ns` being null: the target answered `pending` though the row was there.
    """
    requests = evidence.requests
    asked = requests[(requests["step"] == TICKET) & (requests["outcome"] == "ok")]
    last = pd.DataFrame({"student": integers(asked["student"]), "sent_ns": asked["sent_ns"].array})
    last = last.dropna().groupby("student", as_index=False)["sent_ns"].max()
    both = last.merge(durable[["student", "committed_ns"]].dropna(), on="student")
    return both.loc[both["sent_ns"] - both["committed_ns"] >= ISSUE_GRACE_NS, "student"]


def _of_sold_out(
    evidence: Evidence, stores: Stores, told: pd.DataFrame
) -> dict[str, tuple[int | None, str]]:
    """Students sent away as sold out though places were left in the end."""
    if not stores.complete or told.empty:
        return {}
    places = evidence.plan.event.tickets
    # A promised ticket took a place even if a store lost it: that wrong is counted elsewhere.
    promised = promises(told).dropna(subset="ticket")[["student", "ticket"]]
    held = max(
        len(owned(pd.concat([rows[["student", "ticket"]], promised])))
        for rows in stores.holdings.values()
    )
    holders = pd.concat([rows["student"] for rows in stores.holdings.values()])
    undecided = int((told["undecided"] & ~told["student"].isin(holders)).sum())
    turned_away = int((told["outcome"] == "sold_out").sum())
    wronged = min(turned_away, max(0, places - held - undecided))
    return {
        "false_sold_out": (
            wronged,
            f"False sold out: {counted(wronged, 'student was', 'students were')} turned away "
            f"while {places - held:,} of {counted(places, 'place')} remained.",
        )
    }


def _settle_ms(stores: Stores, told: pd.DataFrame) -> float | None:
    """Return the time from the last acknowledgement until the durable store had every row.

    That is the moment from which a crash of the fast store loses nobody's ticket: the last commit
    among the rows, less the last time that a student was told of a ticket; 0 when every row was
    there first. It is taken from the rows' own commit times, so it does not depend on when the
    harness looked. How long single tickets waited for their row, a backlog in the middle of the
    sale included, is the `write_back` pool's wait.

    None when a ticket that somebody was told of has no row (the stores never agreed), or when the
    durable store names no commit times.
    """
    durable = stores.holdings.get(DURABLE)
    if durable is None or told.empty:
        return None
    promised = promises(told).dropna(subset=["student", "ticket", "acked_ns"])
    if (
        promised.empty
        or not pd.MultiIndex.from_frame(promised[["student", "ticket"]]).isin(owned(durable)).all()
    ):
        return None
    if len(stores.expected) < 2:  # nothing to agree with: only what was promised has to be there
        durable = durable[durable["ticket"].isin(promised["ticket"])]
    committed = durable["committed_ns"].dropna()
    if committed.empty:
        return None
    return rounded(max(int(committed.max()) - int(promised["acked_ns"].max()), 0) / NS_PER_MS)
