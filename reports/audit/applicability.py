"""Which counters of the audit a run can decide, and why not the others.

A counter does not apply where there was nothing to be wronged by (no waiting room, nobody at the
entrance), or where nothing that could decide it was to be known: what the ledgers of somebody
else's target do not say, nobody can hold an answer against. A wrong that is found all the same, by
the answers alone, is a wrong.
"""

from collections.abc import Collection, Mapping
from typing import Final

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.steps import (
    CODE,
    COUNTDOWN,
    ENTRANCE,
    JOIN,
    PAGE,
    QUEUE,
    TICKET,
    Steps,
)
from dress_rehearsal.reports.audit.said import Said
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import Fact

SHOWN: Final = {
    "wrong_code": ("told_code", CODE),
    "false_number": ("told_number", TICKET),
    "false_place": ("told_position", JOIN, QUEUE),
    "false_countdown": ("told_opens_ns", PAGE, COUNTDOWN),
    "false_state": ("told_state", PAGE, COUNTDOWN, JOIN, QUEUE),
    "false_remaining": ("told_remaining", COUNTDOWN),
}
"""Counters of what an answer shows beside its word: the column, and the steps that show it."""

_ROOM: Final = ("early_admissions", "false_not_admitted", "lost_places")
"""Those that only a waiting room can wrong somebody by."""

_OPENING: Final = ("sold_early", "early_admissions", "false_too_early", "false_state")
"""Those that need an instant at which the sale opens."""

_NEEDS: Final[Mapping[str, Fact]] = {
    "oversold": "count",
    "duplicate_students": "owners",
    "wrong_owner": "owners",
    "acked_but_missing": "count",
    "held_without_ack": "owners",
    "ineligible": "owners",
    "sold_early": "times",
    "false_sold_out": "count",
    "false_already_holds": "owners",
    "false_issued": "commits",
    "stuck_students": "tickets",
}
"""What has to be known for a counter to be decided; without it a wrong can only be come upon."""

_UNSAID: Final[Mapping[Fact, str]] = {
    "count": "how many tickets were sold",
    "tickets": "which tickets were sold",
    "owners": "whose the tickets are",
    "times": "when tickets were granted",
    "numbers": "in which order tickets were granted",
    "commits": "when a ticket's row was written",
}

_UNLIMITED: Final = "event.per_student = 0 sets no limit"
_UNOPENED: Final = "the sale was open already, or nothing opened it at T-0"
_ALONE: Final = "there are no two stores to be compared"
_NO_ROOM: Final = "there is no waiting room"
_UNCOUNTED: Final = "nobody read the target's own counter of page views"
_THEIRS: Final = "what the target's answers show beside their word is its own to choose"
_UNREAD: Final = "whose ticket a page shows was not read: the scenario does not say claims = True"
_NO_ENTRY: Final = "nobody went to the entrance"
_NO_WORD: Final = "the scenario's answers have no word for it"
_NO_KEYS: Final = "the scenario sends no idempotency keys"
_UNOPENED_TICKETS: Final = "the scenario opens no ticket"
_WHO_SAYS: Final = "no ledger of the plan's says"
_NOBODY_SAYS: Final = "the plan has no ledger that says"

_OWN_WORDS: Final = ("lost_sessions", "refused_logins", "false_rejections")
"""Counters of words that only answers under the names known here have."""


def not_applicable(
    said: Said, found: Mapping[str, int | None], *, gate_unread: bool
) -> dict[str, str]:
    """Return why counters do not apply to this run, by their names.

    Args:
        found: what each counter came to; one above zero applies, unless it has no meaning here.
        gate_unread: the entrance's own table should have been read and was not.
    """
    evidence = said.evidence
    reasons = _meaningless(evidence)
    nothing_there = _nothing_there(said, gate_unread=gate_unread)
    reasons |= {
        name: reason
        for name, reason in nothing_there.items()
        if name not in reasons and found[name] is None
    }
    undecided = {**_not_said(evidence), **_not_in_scenario(evidence.steps)}
    reasons |= {
        name: reason
        for name, reason in undecided.items()
        if name not in reasons and not found[name]
    }
    return reasons


def foreseen(plan: Plan, known: Collection[Fact], ledgers: int, steps: Steps) -> dict[str, str]:
    """Return why counters will not apply to a rehearsal of somebody else's target, by their names.

    Args:
        known: what its ledgers say.
        ledgers: how many there are.
        steps: of its scenario, by the roles that it has.
    """
    reasons: dict[str, str] = {}
    if not plan.event.per_student:
        reasons["duplicate_students"] = _UNLIMITED
    if not plan.opens_at_t0:
        reasons |= dict.fromkeys(_OPENING, _UNOPENED)
    if ledgers < 2:
        reasons["store_drift"] = _ALONE
    if plan.app.waiting_room == "off":
        reasons |= dict.fromkeys(_ROOM, _NO_ROOM)
    reasons |= _unread(steps)
    if steps.claims and not keeps_places(plan, steps):
        reasons["false_place"] = _THEIRS
    reasons |= {"lost_views": _UNCOUNTED} | _not_in_scenario(steps)
    if not steps.of_role(ENTRANCE):
        reasons |= dict.fromkeys(("refused_entry", "double_entry", "lost_entries"), _NO_ENTRY)
    who = _WHO_SAYS if ledgers else _NOBODY_SAYS
    for name, fact in _NEEDS.items():
        if fact not in known:
            reasons.setdefault(name, f"{who} {_UNSAID[fact]}")
    return reasons


def unlooked_at(evidence: Evidence, reasons: Mapping[str, str]) -> list[str]:
    """Return the wrongs that may have been done and that no ledger was there to show.

    Args:
        reasons: as of `not_applicable`.
    """
    beyond = _not_said(evidence)
    # When a row was written is the stores' of our own to say; no ledger of somebody else's does.
    return [
        name
        for name, reason in reasons.items()
        if beyond.get(name) == reason and name in _NEEDS
        if _NEEDS[name] != "commits"
    ]


def keeps_places(plan: Plan, steps: Steps) -> bool:
    """Return whether somebody else's target has a line of which its students are told places."""
    room = steps.claims and bool(steps.of_role(JOIN, QUEUE))
    return room and plan.app.waiting_room != "off" and plan.event.order == "first_come"


def unread_pages(steps: Steps) -> bool:
    """Return whether tickets were opened and nobody read whose they are."""
    return not steps.claims and bool(steps.of_role(CODE))


def _unread(steps: Steps) -> dict[str, str]:
    """Return counters of what answers show, where the scenario does not say what they mean."""
    if steps.claims:
        return {}
    pages = {"wrong_code": _UNREAD} if unread_pages(steps) else {}
    return dict.fromkeys(SHOWN, _THEIRS) | pages


def _meaningless(evidence: Evidence) -> dict[str, str]:
    """Return counters of a rule that was not made, so that nothing can have broken it."""
    reasons: dict[str, str] = {}
    if not evidence.plan.event.per_student:
        reasons["duplicate_students"] = _UNLIMITED
    if not evidence.plan.opens_at_t0:
        reasons |= dict.fromkeys(_OPENING, _UNOPENED)
    reasons |= _unread(evidence.steps)
    if not evidence.plan.target.ours:
        reasons["lost_views"] = _UNCOUNTED
    if len(evidence.stores.expected) < 2:
        reasons["store_drift"] = _ALONE
    return reasons


def _nothing_there(said: Said, *, gate_unread: bool) -> dict[str, str]:
    """Return counters of what this rush did not have."""
    evidence = said.evidence
    embedded = evidence.plan.target.ours
    reasons: dict[str, str] = {}
    if evidence.plan.app.waiting_room == "off":
        reasons |= dict.fromkeys(_ROOM, _NO_ROOM)
    scanned = bool(said.at(ENTRANCE).any())
    if not scanned:
        reasons["refused_entry"] = _NO_ENTRY
    if not gate_unread:
        why = "its table was not read" if scanned else _NO_ENTRY
        reasons |= dict.fromkeys(("double_entry", "lost_entries"), why)
    for name, (_, *steps) in SHOWN.items():
        # Whatever other targets show beside the word of an answer is theirs to choose.
        if not embedded:
            reasons[name] = _THEIRS
        elif not ((said.outcome == "ok") & said.at(*steps)).any():
            reasons[name] = "no answer was to show it"
    return reasons


def _not_said(evidence: Evidence) -> dict[str, str]:
    """Return counters that need what no ledger of the target says."""
    if evidence.plan.target.ours or (not evidence.plan.ledgers and evidence.stores.expected):
        return {}
    known = evidence.stores.known
    has_one = bool(evidence.plan.ledgers)
    who = _WHO_SAYS if has_one else _NOBODY_SAYS
    return {name: f"{who} {_UNSAID[fact]}" for name, fact in _NEEDS.items() if fact not in known}


def _not_in_scenario(steps: Steps) -> dict[str, str]:
    """Return counters of what a scenario does not do."""
    reasons = {} if steps.claims else dict.fromkeys(_OWN_WORDS, _NO_WORD)
    if not steps.idempotent:
        reasons["replays_refused"] = _NO_KEYS
    if not steps.of_role(TICKET, CODE):
        reasons["denied_tickets"] = _UNOPENED_TICKETS
    return reasons
