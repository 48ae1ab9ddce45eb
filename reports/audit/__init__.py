"""The audit: was anyone wronged? Every counter stands for one kind of wrong, independently.

The generator's word (what students were told) is held against each store's word at the end. A
purchase whose answer never came (`unknown`, `in_flight`) may or may not hold a ticket.

No wrong hides another. A record that is known to be cut (see `reports.evidence.timeline`) lacks
the last seconds: there a student who had not started, or was under way, may hold a ticket too, and
what the missing rows would explain counts as no wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.records.tables import COUNTDOWN, JOIN, PAGE, QR, QUEUE, TICKET
from dress_rehearsal.reports.audit.claims import CLAIMS, NO_CLAIM, unchecked_words
from dress_rehearsal.reports.audit.countdown import page_wrongs
from dress_rehearsal.reports.audit.double_entry import double_entries, gate_problems
from dress_rehearsal.reports.audit.holders import denied_tickets, refused_entry
from dress_rehearsal.reports.audit.lost_views import VIEWS, lost_views
from dress_rehearsal.reports.audit.pending import pending_problems
from dress_rehearsal.reports.audit.queue_places import false_places
from dress_rehearsal.reports.audit.refusals import refusal_wrongs
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
    stores = evidence.stores
    found: dict[str, int | None] = dict.fromkeys(COUNTERS)
    wrongs: dict[str, str] = {}
    parts = {
        **ticket_wrongs(evidence),
        **refusal_wrongs(evidence),
        **page_wrongs(evidence),
        **holder_wrongs(evidence),
        "false_place": false_places(evidence),
        "sold_early": sold_early(evidence),
        "denied_tickets": denied_tickets(evidence),
        "refused_entry": refused_entry(evidence),
        "double_entry": double_entries(evidence),
        "lost_views": lost_views(evidence),
    }
    for name, part in parts.items():
        if part is not None:
            found[name] = part[0]
            if part[0]:
                wrongs[name] = part[1]
    problems = list(stores.problems)
    if evidence.promises.students.empty:
        problems.append(
            "There is no record of what students were told (students.parquet has no rows)."
        )
    unread = gate_problems(evidence)
    problems += pending_problems(evidence) + unread
    applicable = _applicable(evidence, found, gate_unread=bool(unread))
    if found["lost_views"] is None and "lost_views" in applicable:
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
    audit = Audit(**found, settle_ms=settle_ms(evidence))
    ordered = {name: wrongs[name] for name in COUNTERS if name in wrongs}
    return AuditFinding(audit, ordered, tuple(problems), tuple(applicable))


def _applicable(
    evidence: Evidence, found: Mapping[str, int | None], *, gate_unread: bool
) -> list[str]:
    """Return the counters that this run should decide: of what it had, and of what was found."""
    embedded = evidence.plan.target.stage == "embedded"
    had = {name: _is_shown(evidence, name) for name in _SHOWN}
    had |= dict.fromkeys(_ROOM, evidence.plan.app.waiting_room != "off")
    # Nobody may have gone to the entrance.
    had |= {"refused_entry": False, "double_entry": gate_unread, "lost_views": embedded}
    several = len(evidence.stores.expected) > 1
    return [
        name
        for name in COUNTERS
        if (several if name == "store_drift" else found[name] is not None or had.get(name, True))
    ]


def _is_shown(evidence: Evidence, counter: str) -> bool:
    """Return whether somebody must have been shown what a counter is about.

    Whatever other targets show beside the word of an answer is theirs to choose.
    """
    steps = evidence.requests["step"].astype("object")
    answered = (evidence.requests["outcome"] == "ok") & steps.isin(_SHOWN[counter][1:])
    return evidence.plan.target.stage == "embedded" and bool(answered.any())
