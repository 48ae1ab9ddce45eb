"""The claims: every word that a target can say, and the counter whose check holds it to the facts.

Whatever a student was told is a claim about the world at that moment: that there was nothing left,
that it was too early, that the ticket is theirs. `CLAIMS` is the one list of those words. A word
that says no more than that the target failed is in `NO_CLAIM`: it is counted among the failures.
Any other word of an answer is unchecked, and said to be.
"""

from collections import Counter
from typing import Final

import numpy as np
import pandas as pd

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.tables import OWN_WORDS
from dress_rehearsal.reports.numbers import integers

CLAIMS: Final = {
    # yes
    "granted": ("oversold", "wrong_owner", "acked_but_missing", "ineligible", "sold_early"),
    "pending": ("stuck_students",),
    "issued": ("false_issued", "acked_but_missing"),
    "replayed": ("replays_refused", "duplicate_students"),
    "admitted": ("early_admissions", "false_not_admitted"),
    "qr": ("wrong_code", "denied_tickets", "refused_entry"),
    "number": ("false_number",),
    "place": ("false_place",),
    "countdown": ("false_countdown",),
    "waiting": ("false_state",),
    "open": ("false_state",),
    "remaining": ("false_remaining",),
    "entered": ("double_entry", "lost_entries"),
    "viewed": ("lost_views",),
    # no
    "too_early": ("false_too_early",),
    "sold_out": ("false_sold_out", "false_state"),
    "not_enrolled": ("false_not_enrolled",),
    "not_eligible": ("false_not_enrolled",),
    "already_holds_ticket": ("false_already_holds", "acked_but_missing"),
    "not_admitted": ("false_not_admitted",),
    "not_in_queue": ("lost_places",),
    "unauthenticated": ("lost_sessions",),
    "bad_credentials": ("refused_logins",),
    "too_many_attempts": ("refused_logins",),
    "ticket_pending": ("denied_tickets",),
    "ticket_unknown": ("denied_tickets",),
    "already_entered": ("refused_entry",),
    "qr_expired": ("refused_entry",),
    "qr_invalid": ("refused_entry",),
    # that the request itself is wrong, which the students' are not
    "invalid_request": ("false_rejections",),
    "idempotency_key_required": ("false_rejections",),
    "event_unknown": ("false_rejections",),
    "fault_unknown": ("false_rejections",),
    "not_found": ("false_rejections",),
    "method_not_allowed": ("false_rejections",),
    "request_too_large": ("false_rejections",),
}
"""A word, and the audit's counters that check it: the codes of refusals as targets send them, and
names for what is told by a success."""

NO_CLAIM: Final = frozenset(
    {
        "internal_error",
        "overloaded",
        "dependency_unavailable",
        "not_ready",
        "guards_missing",
        *OWN_WORDS,
    }
)
"""Words that say nothing about the sale, only that something failed."""

_OF_ANY_SCENARIO: Final = frozenset(
    {
        *("sold_out", "too_early", "already_holds_ticket", "not_eligible", "not_enrolled"),
        "qr_expired",
    }
)
"""Words that mean the same in a scenario of somebody's own. Others may, there, mean anything."""
_OF_A_ROOM: Final = frozenset({"not_admitted", "not_in_queue"})
"""And these, where the plan says that the target has a waiting room."""

REJECTIONS: Final = tuple(word for word, by in CLAIMS.items() if by == ("false_rejections",))


def checked_words(plan: Plan, steps: Steps) -> frozenset[str]:
    """Return the words of refusals that a rehearsal holds to the facts.

    Args:
        steps: of its scenario, whose `claims` says that all of them mean what they do here.
    """
    if steps.claims:
        return frozenset(CLAIMS)
    return _OF_ANY_SCENARIO | (_OF_A_ROOM if plan.app.waiting_room != "off" else frozenset())


def unchecked_words(requests: pd.DataFrame, plan: Plan, steps: Steps) -> dict[str, int]:
    """Return every word of an answer that no check holds to the facts, and how often it was said.

    Also the words of a success that name a state. Answers of the server's own failure (5xx) claim
    nothing, whatever their word.
    """
    status = integers(requests["status"])
    found: Counter[str] = Counter()
    for column, chosen, checked in (
        ("error", (status > 0) & (status < 500), checked_words(plan, steps)),
        ("told_state", True, CLAIMS),
    ):
        words = pd.Categorical(requests[column])
        said = words.codes[(words.codes >= 0) & chosen]
        often = np.bincount(said, minlength=len(words.categories))
        for word, number in zip(words.categories, often.tolist(), strict=True):
            if number and word not in checked:
                found[str(word)] += number
    return {word: found[word] for word in sorted(found) if word not in NO_CLAIM}
