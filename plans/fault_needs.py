"""What a fault needs of a plan to be able to strike, and what of other faults."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from dress_rehearsal.plans.sections.fault_kinds import FAULTS
from dress_rehearsal.plans.sections.faults import Fault
from dress_rehearsal.plans.strategies import STRATEGIES, Strategy

if TYPE_CHECKING:
    from dress_rehearsal.plans.plan import Plan

_OCCURS: Final[dict[str, Callable[[Strategy], bool]]] = {
    "redelivery": lambda strategy: strategy.writes_back,
    "drop_queue_items": lambda strategy: strategy.writes_back,
    # The script in Redis checks and grants in one, and naive has no lock to be early for.
    "duplicate_check_before_lock": lambda strategy: (
        strategy.sound and not strategy.holders_in_redis
    ),
    "unique_off": lambda strategy: strategy.rests_on_unique,
    # naive keeps no stock to take a second ticket from.
    "double_decrement": lambda strategy: strategy.sound,
}
"""Whether a fault can occur with a strategy, where that is not all of them."""


_Need = tuple[Callable[[Fault, "Plan"], bool], str]
_EXTERNAL: Final[_Need] = (
    lambda _, plan: plan.app.enrolment == "external",
    'app.enrolment = "external"',
)
_ROOM: Final[_Need] = (
    lambda _, plan: plan.app.waiting_room != "off",
    'app.waiting_room = "poll" or "sse"',
)
_ENTRY: Final[_Need] = (
    lambda _, plan: plan.students.entry > 0,
    "somebody at the entrance: students.entry above 0%",
)
_IN_TIME: Final[_Need] = (
    lambda fault, _: fault.at < fault.level,
    "to begin before its grade, counted from T-0, is over",
)
_CONNECTED_TO: Final[_Need] = (
    lambda fault, _: not (fault.service or "").startswith("writeback"),
    "a service that others connect to, and nobody connects to writeback: name what it uses, such "
    "as postgres",
)
_MOST_RELAYED: Final = 9_000
_ROOM_IN_THE_RELAY: Final[_Need] = (
    lambda fault, plan: fault.service != "nginx" or plan.event.students <= _MOST_RELAYED,
    f"at most {_MOST_RELAYED:,} students before nginx: the relay has two descriptors for each",
)
_NEEDS: Final[dict[str, tuple[_Need, ...]]] = {
    "slow_external": (_EXTERNAL,),
    "slow_external_inside": (_EXTERNAL,),
    "latency": (_CONNECTED_TO, _ROOM_IN_THE_RELAY),
    "packet_loss": (_CONNECTED_TO, _ROOM_IN_THE_RELAY),
    "client_position": (
        _ROOM,
        (
            lambda _, plan: plan.students.queue_jumpers > 0,
            "somebody who tells a position: students.queue_jumpers above 0%",
        ),
    ),
    "not_admitted_again": (_ROOM,),
    "early_open": ((lambda fault, _: fault.at < 0, 'to begin before T-0: at = "T-10s", say'),),
    "late_open": (_IN_TIME,),
    "last_first": (_IN_TIME,),
    "qr_replay": (_ENTRY,),
    "entry_refused": (_ENTRY,),
    "ineligible_granted": (
        (
            lambda _, plan: plan.outsiders > 0,
            "somebody who is not on the roster: students.outsiders above 0%",
        ),
    ),
    "replay_forgotten": (
        (
            lambda _, plan: plan.students.double_clickers > 0,
            "somebody who clicks twice: students.double_clickers above 0%",
        ),
    ),
}
"""What a fault needs of a plan to occur: whether it is there, and its words where it is not."""


def obstacle(fault: Fault, plan: "Plan") -> str | None:
    """Return what a fault lacks in a plan, so that it could never strike; None when it can."""
    occurs = _OCCURS.get(fault.name)
    if occurs is not None and not occurs(plan.app.strategy):
        possible = [name for name, strategy in STRATEGIES.items() if occurs(strategy)]
        return (
            f"fault {fault.name} cannot occur with app.allocation = "
            f'"{plan.app.allocation}", only with {_listed(possible)}'
        )
    kind = FAULTS[fault.name]
    if plan.target.stage not in kind.stages and plan.target.ours:
        named = " or ".join(f'"{stage}"' for stage in kind.stages)
        return f"fault {fault.title} needs target.stage = {named}"
    if fault.service is not None and fault.service not in services_of(plan):
        return (
            f"fault {fault.title}: the stage of this plan has no {fault.service}, only "
            f"{_listed(services_of(plan), 'and')}"
        )
    for is_there, words in _NEEDS.get(fault.name, ()):
        if not is_there(fault, plan):
            return f"fault {fault.name} needs {words}"
    return None


def services_of(plan: "Plan") -> list[str]:
    """Return the services that a plan's stage has, as its faults may name them."""
    found = ["postgres", "redis", "app"]
    if plan.app.strategy.writes_back:
        found.append("writeback")
    if plan.app.enrolment == "external":
        found.append("neighbours")
    if plan.app.strategy.queue is not None:
        found.append(plan.app.strategy.queue)
    if plan.target.stage == "docker":
        found.append("nginx")
        containers = plan.stage.containers(plan.app.workers)
        found += [f"app-{number}" for number in range(1, containers + 1)]
    return found


_ENDS_IT: Final = ("kill", "restart")


def overlap(faults: tuple[Fault, ...], sale_s: float) -> str | None:
    """Return which two faults overlap of which the end of one would end the other too.

    Those are two entries of one fault, and two by which the same service ends.
    """
    last: dict[tuple[str, str], Fault] = {}
    for fault in sorted(faults, key=lambda fault: fault.at):
        kind, service = fault.deed
        deed = ("end" if kind in _ENDS_IT else kind, meant(service))
        before = last.get(deed)
        if before is not None and fault.at <= before.ends(sale_s):
            return (
                f"{_both(before, fault)} overlap, and the end of one would end the other: give "
                f"the first a `lasts` that is over before the second begins"
            )
        last[deed] = fault
    return None


def meant(service: str) -> str:
    """Return which container a fault of a service is done to: of an app in several `app-1`."""
    return "app-1" if service == "app" else service


def _both(first: Fault, second: Fault) -> str:
    if first.title == second.title:
        return f"two entries of fault {first.title}"
    if first.deed[0] != second.deed[0]:
        return f"the faults {first.title} and {second.title}, which end the same service,"
    return f"two entries of fault {first.title}, which is also {second.title},"


def _listed(names: Sequence[str], last: str = "or") -> str:
    *most, final = names
    return f"{', '.join(most)} {last} {final}"
