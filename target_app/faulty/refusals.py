"""A purchase refused for a reason that is none."""

import time

from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal
from dress_rehearsal.target_app.enrolment import Granting
from dress_rehearsal.target_app.event_status import EventStatus
from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.request_context import NS


class UntrueRefusals:
    """`late_open`, `sold_out_early`, `enrolled_refused`, `held_refused`, `not_admitted_again` and
    `replay_forgotten`.

    Around everything else that grants. A student refused by one of the three in the middle is
    refused whenever they come.

    Args:
        admits: whether there is a waiting room.
    """

    def __init__(self, event_status: EventStatus, grant: Granting, *, admits: bool) -> None:
        self._event_status = event_status
        self._grant = grant
        self._admits = admits

    async def __call__(self, claim: Claim) -> Grant | Refusal:
        code = await self._make_up(claim.bearer.student)
        if code is not None:
            return Refusal(code)
        outcome = await self._grant(claim)
        if isinstance(outcome, Grant) and outcome.replay and FAULTS.strikes("replay_forgotten"):
            return Refusal("already_holds_ticket")
        return outcome

    async def _make_up(self, student: str) -> str | None:
        """Return a problem code that is not so, or None."""
        if self._admits and FAULTS.strikes_for("not_admitted_again", student):
            return "not_admitted"
        if FAULTS.strikes_for("enrolled_refused", student):
            return "not_enrolled"
        if FAULTS.strikes_for("held_refused", student):
            return "already_holds_ticket"
        open_s = since_t0_s(self._event_status)
        if open_s < 0:
            return None
        if open_s < FAULTS.grade("late_open") and await FAULTS.is_chosen("late_open"):
            return "too_early"
        if self._event_status.has_tickets and FAULTS.strikes("sold_out_early"):
            return "sold_out"
        return None


def since_t0_s(event_status: EventStatus) -> float:
    """Return how many seconds ago T-0 was; below zero before it."""
    return (time.time_ns() - event_status.standing.opens_at_ns) / NS
