"""Where a fault can occur: what a plan needs to have for it to strike at all."""

from typing import TYPE_CHECKING, Final

from plans.faults import Fault

if TYPE_CHECKING:
    from plans.plan import Plan

_WRITE_BACK: Final = ("redis_writeback", "sqs_writeback")
_GUARDED_BY_UNIQUE: Final = ("atomic_update", "skip_locked")
_IN_POSTGRES: Final = ("row_lock", "optimistic", *_GUARDED_BY_UNIQUE, "redis_lock")
_STRATEGIES: Final[dict[str, tuple[str, ...]]] = {
    "redelivery": _WRITE_BACK,
    "drop_queue_items": _WRITE_BACK,
    # The script in Redis checks and grants in one, and naive has no lock to be early for.
    "duplicate_check_before_lock": _IN_POSTGRES,
    # The others look whether the student holds a ticket, and do not rest on the constraint.
    "unique_off": _GUARDED_BY_UNIQUE,
    # naive keeps no stock: it counts the tickets.
    "double_decrement": (*_IN_POSTGRES, "redis_script", *_WRITE_BACK),
}
"""The strategies in which a fault can occur, where that is not all of them."""


def obstacle(fault: Fault, plan: "Plan") -> str | None:
    """Say what a fault lacks in a plan, so that it could never strike; None when it can."""
    strategies = _STRATEGIES.get(fault.name)
    if strategies is not None and plan.app.allocation not in strategies:
        return (
            f"fault {fault.name} cannot occur with app.allocation = "
            f'"{plan.app.allocation}", only with {_listed(strategies)}'
        )
    match fault.name:
        case "slow_external" | "slow_external_inside" if plan.app.enrolment == "roster":
            lacking = 'app.enrolment = "external"'
        case "client_position" if plan.app.waiting_room == "off":
            lacking = 'app.waiting_room = "poll" or "sse"'
        case "client_position" if plan.students.queue_jumpers == 0:
            lacking = "somebody who tells a position: students.queue_jumpers above 0%"
        case "early_open" if fault.at >= 0:
            lacking = 'to begin before T-0: at = "T-10s", say'
        case "qr_replay" if plan.students.entry == 0:
            lacking = "somebody at the gate: students.entry above 0%"
        case "ineligible_granted" if plan.outsiders == 0:
            lacking = "somebody who is not on the roster: students.outsiders above 0%"
        case _:
            return None
    return f"fault {fault.name} needs {lacking}"


def overlap(faults: tuple[Fault, ...], sale_s: float) -> str | None:
    """Say which two entries of one fault overlap: the end of one would end the other too."""
    last: dict[str, Fault] = {}
    for fault in sorted(faults, key=lambda fault: fault.at):
        before = last.get(fault.name)
        if before is not None and fault.at <= before.ends(sale_s):
            return (
                f"two entries of fault {fault.name} overlap, and the end of one would end the "
                f"other: give the first a `lasts` that is over before the second begins"
            )
        last[fault.name] = fault
    return None


def _listed(names: tuple[str, ...]) -> str:
    *most, final = names
    return f"{', '.join(most)} or {final}"
