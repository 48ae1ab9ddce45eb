"""The audit: was anyone wronged? Every counter stands for one kind of wrong, independently.

The generator's word (what students were told) is held against each store's word at the end. A
purchase whose answer never came (`unknown`, `in_flight`) may or may not hold a ticket.

No wrong hides another. A record that is known to be cut (see `reports.evidence.timeline`) lacks
the last seconds: there a student who had not started, or was under way, may hold a ticket too, and
what the missing rows would explain counts as no wrong. Where a clock was set meanwhile, times of
before and after that do not compare, so what only times would show is not decided.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.reports.audit.applicability import (
    SHOWN,
    not_applicable,
    unlooked_at,
    unread_pages,
)
from dress_rehearsal.reports.audit.claims import CLAIMS, NO_CLAIM, unchecked_words
from dress_rehearsal.reports.audit.countdown import page_wrongs
from dress_rehearsal.reports.audit.entries import double_entries, entry_problems, lost_entries
from dress_rehearsal.reports.audit.holders import denied_tickets, refused_entry
from dress_rehearsal.reports.audit.lost_views import VIEWS, lost_views
from dress_rehearsal.reports.audit.pending import pending_problems
from dress_rehearsal.reports.audit.promised import promise_wrongs, settle_ms
from dress_rehearsal.reports.audit.put_off import put_off_problems
from dress_rehearsal.reports.audit.queue_places import false_places
from dress_rehearsal.reports.audit.refusals import refusal_wrongs
from dress_rehearsal.reports.audit.said import Said
from dress_rehearsal.reports.audit.sold_early import sold_early
from dress_rehearsal.reports.audit.sold_out import false_sold_out, sold_out_problems
from dress_rehearsal.reports.audit.ticket_pages import holder_wrongs
from dress_rehearsal.reports.audit.tickets import ticket_wrongs
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.ledger_times import time_problems
from dress_rehearsal.reports.evidence.stores import durable_rows
from dress_rehearsal.reports.schema import Audit

__all__ = [
    "CLAIMS",
    "COUNTERS",
    "NO_CLAIM",
    "AuditFinding",
    "audit_run",
    "unchecked_words",
    "unread_pages",
]

COUNTERS: Final = tuple(name for name in Audit.model_fields if name != "settle_ms")
"""The counters that must be zero, the gravest first; `settle_ms` is a duration."""

_BY_TIMES: Final = (
    "sold_early",
    "early_admissions",
    "false_too_early",
    "false_already_holds",
    "false_issued",
    "lost_places",
    "lost_sessions",
    "replays_refused",
    "denied_tickets",
    "refused_entry",
    "lost_views",
    "false_place",
    "false_countdown",
    "false_state",
    "false_remaining",
)
"""Counters that compare times. `false_sold_out`, `acked_but_missing` and `stuck_students` do too,
and count more besides: see `reports.audit.promised`."""


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """The audit, in numbers and in sentences.

    `wrongs` says each counter above zero in words, the gravest first; `problems` says what could
    not be audited; `applicable` are the counters that this run should decide, `not_applicable` says
    why not the others; `nobody_wronged` is what a pass may say.
    """

    audit: Audit
    wrongs: dict[str, str]
    problems: tuple[str, ...]
    applicable: tuple[str, ...]
    not_applicable: dict[str, str]
    nobody_wronged: str = "nobody was wronged"


def audit_run(evidence: Evidence) -> AuditFinding:
    """Return what is found when what students were told is held against what the stores hold."""
    if evidence.plan.load is not None:  # nobody was told anything, and no store is read
        nobody = dict.fromkeys(COUNTERS, "no students act, so nobody is promised anything")
        return AuditFinding(Audit(**dict.fromkeys(Audit.model_fields)), {}, (), (), nobody)
    stores, said = evidence.stores, Said(evidence)
    found: dict[str, int | None] = dict.fromkeys(COUNTERS)
    wrongs: dict[str, str] = {}
    parts = {
        **ticket_wrongs(evidence),
        **promise_wrongs(said),
        **refusal_wrongs(said),
        **page_wrongs(said),
        **holder_wrongs(said),
        "false_place": false_places(said),
        "false_sold_out": false_sold_out(said),
        "sold_early": sold_early(evidence),
        "denied_tickets": denied_tickets(said),
        "refused_entry": refused_entry(said),
        "double_entry": double_entries(evidence),
        "lost_entries": lost_entries(evidence),
        "lost_views": lost_views(evidence),
    }
    for name, part in parts.items():
        if part is not None and not (evidence.clock_steps and name in _BY_TIMES):
            found[name] = part[0]
            if part[0]:
                wrongs[name] = part[1]
    problems = list(stores.problems)
    if evidence.promises.students.empty:
        problems.append(
            "There is no record of what students were told (students.parquet has no rows)."
        )
    unread = entry_problems(evidence)
    problems += [*pending_problems(evidence), *unread, *put_off_problems(evidence)]
    problems += sold_out_problems(said)
    reasons = not_applicable(said, found, gate_unread=bool(unread))
    problems += time_problems(evidence.ledger_times) if "sold_early" not in reasons else []
    beside = {name: reasons[name] for name in COUNTERS if name in reasons}
    for name in beside:
        found[name] = None
        wrongs.pop(name, None)
    applicable = [name for name in COUNTERS if name not in beside]
    if "lost_views" in applicable and found["lost_views"] is None and not evidence.clock_steps:
        problems.append(
            f"The page views could not be checked: {VIEWS} was never read, or it counted "
            f"views of which it is unknown whether they were asked for."
        )
    untold = [
        name
        for name, (column, *steps) in SHOWN.items()
        if name in applicable
        and evidence.plan.target.ours  # another may tell a part of it, or nothing
        and ((said.outcome == "ok") & said.at(*steps)).any()  # else no answer was to show it
        and evidence.requests[column].isna().all()
    ]
    if untold:
        problems.append(
            f"What answers showed is not in the record, so nobody can check {', '.join(untold)}: "
            f"it was made before this was recorded, or the answers told nothing that is understood."
        )
    if not problems and not evidence.clock_steps:  # else that says why
        problems += _unknown(name for name in applicable if found[name] is None)
    audit = Audit(**found, settle_ms=settle_ms(evidence))
    ordered = {name: wrongs[name] for name in _gravest_first(evidence) if name in wrongs}
    unlooked = [name for name in COUNTERS if name in unlooked_at(evidence, beside)]
    return AuditFinding(
        audit, ordered, tuple(problems), tuple(applicable), beside, _nobody(evidence, unlooked)
    )


def _nobody(evidence: Evidence, unlooked: list[str]) -> str:
    """Return what may be said where nobody was found to be wronged: no more than was looked at."""
    if not unlooked:
        return "nobody was wronged"
    names = ", ".join(name.replace("_", " ") for name in unlooked)
    if not evidence.plan.ledgers:
        return (
            f"no answer shows that anybody was wronged (the plan has no ledger, so nobody looked "
            f"for {names})"
        )
    return (
        f"nobody was wronged by what the answers and {evidence.stores.durable} tell (which is too "
        f"little to look for {names})"
    )


def _gravest_first(evidence: Evidence) -> list[str]:
    """Return the counters in the order that their sentences have.

    Where no store holds more tickets than there are places, what was told beyond them was lost and
    sold again: then the loss is the wrong that the others come of. Of somebody else's ledgers the
    one whose word counts says so: another may keep what was paid for a ticket that is gone.
    """
    stores = evidence.stores
    held = durable_rows(stores) if evidence.plan.ledgers else None
    most = stores.most if held is None else int(held["ticket"].nunique())
    if not stores.complete or most > evidence.plan.event.tickets:
        return list(COUNTERS)
    rest = [name for name in COUNTERS if name not in ("oversold", "acked_but_missing")]
    return ["acked_but_missing", "oversold", *rest]


def _unknown(counters: Iterable[str]) -> list[str]:
    """Return a sentence on counters that apply and were not measured, if there are any."""
    words = ", ".join(name.replace("_", " ") for name in counters)
    return [f"Not known, so nobody can say that nobody was wronged: {words}."] if words else []
