"""The audit: was anyone wronged? Every counter stands for one kind of wrong, independently.

The generator's word (what students were told) is held against each store's word at the end. A
purchase whose answer never came (`unknown`, `in_flight`) may or may not hold a ticket.

No wrong hides another. A record that is known to be cut (see `reports.evidence.timeline`) lacks
the last seconds: there a student who had not started, or was under way, may hold a ticket too, and
what the missing rows would explain counts as no wrong. Where a clock was set meanwhile, times of
before and after that do not compare, so what only times would show is not decided.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.records.tables import COUNTDOWN, JOIN, PAGE, QR, QUEUE, SCAN, TICKET
from dress_rehearsal.reports.audit.claims import CLAIMS, NO_CLAIM, unchecked_words
from dress_rehearsal.reports.audit.countdown import page_wrongs
from dress_rehearsal.reports.audit.entries import double_entries, entry_problems, lost_entries
from dress_rehearsal.reports.audit.holders import denied_tickets, refused_entry
from dress_rehearsal.reports.audit.lost_views import VIEWS, lost_views
from dress_rehearsal.reports.audit.pending import pending_problems
from dress_rehearsal.reports.audit.queue_places import false_places
from dress_rehearsal.reports.audit.refusals import refusal_wrongs
from dress_rehearsal.reports.audit.said import Said
from dress_rehearsal.reports.audit.sold_early import sold_early
from dress_rehearsal.reports.audit.ticket_pages import holder_wrongs
from dress_rehearsal.reports.audit.tickets import settle_ms, ticket_wrongs
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.schema import Audit

__all__ = ["CLAIMS", "COUNTERS", "NO_CLAIM", "AuditFinding", "audit_run", "unchecked_words"]

COUNTERS: Final = tuple(name for name in Audit.model_fields if name != "settle_ms")
"""The counters that must be zero, the gravest first; `settle_ms` is a duration."""

_ROOM: Final = ("early_admissions", "false_not_admitted", "lost_places")
"""Those that only a waiting room can wrong somebody by."""

_SHOWN: Final = {
    "wrong_code": ("told_code", QR),
    "false_number": ("told_number", TICKET),
    "false_place": ("told_position", JOIN, QUEUE),
    "false_countdown": ("told_opens_ns", PAGE, COUNTDOWN),
    "false_state": ("told_state", PAGE, COUNTDOWN, JOIN, QUEUE),
    "false_remaining": ("told_remaining", COUNTDOWN),
}
"""Counters of what an answer shows beside its word: the column, and the steps that show it."""


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
and count more besides: see `reports.audit.tickets`."""


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


def audit_run(evidence: Evidence) -> AuditFinding:
    """Return what is found when what students were told is held against what the stores hold."""
    if evidence.plan.load is not None:  # nobody was told anything, and no store is read
        return AuditFinding(Audit(**dict.fromkeys(Audit.model_fields)), {}, (), ())
    stores, said = evidence.stores, Said(evidence)
    found: dict[str, int | None] = dict.fromkeys(COUNTERS)
    wrongs: dict[str, str] = {}
    parts = {
        **ticket_wrongs(said),
        **refusal_wrongs(said),
        **page_wrongs(said),
        **holder_wrongs(said),
        "false_place": false_places(said),
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
    problems += pending_problems(evidence) + unread
    applicable = _applicable(said, found, gate_unread=bool(unread))
    if "lost_views" in applicable and found["lost_views"] is None and not evidence.clock_steps:
        problems.append(
            f"The page views could not be checked: {VIEWS} was never read, or it counted "
            f"views of which it is unknown whether they were asked for."
        )
    untold = [
        name
        for name, (column, *_) in _SHOWN.items()
        if name in applicable and evidence.requests[column].isna().all()
    ]
    if untold:
        problems.append(
            f"What answers showed is not in the record, so nobody can check {', '.join(untold)}: "
            f"it was made before this was recorded, or the answers told nothing that is understood."
        )
    if not problems and not evidence.clock_steps:  # else that says why
        problems += _unknown(name for name in applicable if found[name] is None)
    audit = Audit(**found, settle_ms=settle_ms(evidence))
    ordered = {name: wrongs[name] for name in COUNTERS if name in wrongs}
    return AuditFinding(audit, ordered, tuple(problems), tuple(applicable))


def _applicable(said: Said, found: Mapping[str, int | None], *, gate_unread: bool) -> list[str]:
    """Return the counters that this run should decide: there was something to be wronged by."""
    evidence = said.evidence
    here = evidence.plan.target.stage == "embedded"
    room = evidence.plan.app.waiting_room != "off"
    there = {
        "store_drift": len(evidence.stores.expected) > 1,
        "double_entry": gate_unread,  # else nobody went to the entrance
        "lost_entries": gate_unread,
        "refused_entry": bool((said.step == SCAN).any()),
        "lost_views": here,
        **dict.fromkeys(_ROOM, room),  # without one there was nobody to be told that
        **{name: _is_shown(said, name) for name in _SHOWN},
    }
    return [
        name
        for name in COUNTERS
        if there.get(name, True) or (found[name] is not None and name != "store_drift")
    ]


def _is_shown(said: Said, counter: str) -> bool:
    """Return whether somebody must have been shown what a counter is about.

    Whatever other targets show beside the word of an answer is theirs to choose.
    """
    answered = (said.outcome == "ok") & said.at(*_SHOWN[counter][1:])
    return said.evidence.plan.target.stage == "embedded" and bool(answered.any())


def _unknown(counters: Iterable[str]) -> list[str]:
    """Return a sentence on counters that apply and were not measured, if there are any."""
    words = ", ".join(name.replace("_", " ") for name in counters)
    return [f"Not known, so nobody can say that nobody was wronged: {words}."] if words else []
