"""Tickets that were left while students gave up: a sale that kept them from buying.

To give up is no error of the target's: it may have said to come again, and somebody else may have
bought meanwhile. But whoever is told so until patience or attempts run out, while tickets are left,
was not served; and where it is said to everybody for ever, nothing else would tell.

What a ledger holds counts as sold, whoever bought it, also where it does not say when, and so does
what it held before where that fits beside it. Without a ledger of somebody else's shop nobody knows
what was sold before or to others: there it is a doubt.
"""

from typing import Final, NamedTuple

from dress_rehearsal.plans import Gate
from dress_rehearsal.reports.audit.tickets import granted_tickets
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.gates.excuses import excuse_of
from dress_rehearsal.reports.gates.number import number_of
from dress_rehearsal.reports.schema import Measured
from dress_rehearsal.reports.trust import TrustFinding
from dress_rehearsal.reports.words import agreeing, counted, percent, written

_GAVE_UP: Final = Gate(metric="census.gave_up", limit="<= 1%")
_MANY: Final = 0.01


class Unsold(NamedTuple):
    """A sentence where it is the target's doing, or where it need not be; else nothing."""

    failures: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def find_unsold(evidence: Evidence, measured: Measured, trust: TrustFinding) -> Unsold:
    """Return whether more than 1% of the students gave up though tickets were left for certain.

    A limit of the plan's own on `census.gave_up` takes its place.
    """
    plan, census, granted = evidence.plan, measured.census, measured.sale.granted
    asked = any(gate.limit and gate.path == _GAVE_UP.path for gate in plan.gates)
    if plan.load is not None or asked or granted is None:
        return Unsold()
    tickets, may_have = plan.event.tickets, census.unknown + census.in_flight
    if not evidence.stores.complete:
        may_have += census.failed  # an error may have come after the ticket
    sold = max(granted, granted_tickets(evidence)) + evidence.stores.before_of(tickets)
    left = tickets - sold - may_have
    if left <= 0 or census.gave_up <= _MANY * census.students:
        return Unsold()
    share = percent(census.gave_up, census.students)
    said = (
        f"Tickets were left: {counted(census.gave_up, 'student')} ({share}) gave up, and "
        f"{written(left)} of {counted(tickets, 'ticket')} {agreeing(left, 'was', 'were')} never "
        f"sold"
    )
    excuse = excuse_of(_GAVE_UP, number_of(_GAVE_UP, measured, evidence), evidence, trust)
    if excuse is None and not plan.target.ours and "count" not in evidence.stores.known:
        excuse = (
            "no ledger says what was sold before or to others. Add [[ledgers]] to the plan, or set "
            "event.tickets to what is left"
        )
    return Unsold(doubts=(f"{said}, but {excuse}.",)) if excuse else Unsold((f"{said}.",))
