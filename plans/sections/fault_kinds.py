"""The catalogue of faults: seeded defects of the reference app, harm done to its stage."""

from dataclasses import dataclass
from typing import Final, Literal

from dress_rehearsal.plans.sections.fault_grades import Unit, parse_grade
from dress_rehearsal.plans.types import LEAST_MEMORY_BYTES, format_duration, format_size

_MOST_SECONDS: Final = 3600
_LEAST: Final = {"cpus": 0.01, "size": LEAST_MEMORY_BYTES}
"""What Docker gives a container at least."""
_CONTAINERS: Final = ("docker",)
"""The stages on which a service has a network and limits of its own."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault of the catalogue.

    Attributes:
        name: as a plan, the timeline and the app's switches have it.
        what: a sentence for people; `{service}` in it stands for the service it is done to.
        unit: what its grade means.
        usual: the grade where a plan names none.
        place: `app` is switched on inside the reference app, `stage` is done to its processes,
            `service` to the service that the plan names.
        momentary: it happens once and is over, or starts to be put right, as soon as it has; the
            others last until they are ended.
        usually_lasts: how long where a plan does not say; to the end of the sale when None.
        most: the largest grade: 1 hour of seconds, a million items, unless it says so.
        stages: on which it can be done.
        same_as: the fault of any service, and the service, that it is another name for.
    """

    name: str
    what: str
    unit: Unit = "switch"
    usual: str = "on"
    place: Literal["app", "stage", "service"] = "app"
    momentary: bool = False
    usually_lasts: str | None = None
    most: int = 1_000_000
    stages: tuple[str, ...] = ("embedded", "docker")
    same_as: tuple[str, str] | None = None

    def level(self, grade: str) -> float:
        """Return a written grade as a number: a share, seconds, items, or 1 for a switch.

        Raises:
            ValueError: it is not written in the fault's unit, is not above zero, or is too large.
        """
        level = parse_grade(self.unit, grade)
        least = _LEAST.get(self.unit)
        if least is not None and level < least:
            what = format_size(round(least)) if self.unit == "size" else f"{least:g}"
            raise ValueError(f"the grade of {self.name} is at least {what}: Docker gives no less")
        most = _MOST_SECONDS if self.unit == "seconds" else self.most
        if level > most:
            what = format_duration(most) if self.unit == "seconds" else f"{most:,}"
            raise ValueError(f"the grade of {self.name} is at most {what}")
        return level


FAULTS: Final[dict[str, FaultKind]] = {
    kind.name: kind
    for kind in (
        FaultKind("leak", "a purchase keeps its PostgreSQL connection", "share", "20%"),
        FaultKind(
            "nested_acquire",
            "a purchase holds one connection and asks for a second",
            "share",
            "100%",
        ),
        FaultKind("slow_database", "every transaction takes so much longer", "seconds", "200ms"),
        FaultKind("slow_external", "the enrolment API answers so much later", "seconds", "500ms"),
        FaultKind(
            "slow_external_inside",
            "the enrolment API is slow and is asked while a PostgreSQL connection is held",
            "seconds",
            "500ms",
        ),
        FaultKind("loop_block", "a purchase blocks its worker's event loop", "seconds", "200ms"),
        FaultKind(
            "kill_after_grant", "a worker dies between granting and answering, once", momentary=True
        ),
        FaultKind(
            "redelivery",
            "the queue delivers twice and the writer does not look whether the row is there",
            "share",
            "100%",
        ),
        FaultKind(
            "drop_queue_items",
            "a full error queue drops what comes after so many items",
            "items",
            "100",
        ),
        FaultKind(
            "duplicate_check_before_lock",
            "the check for a second ticket comes so long before the lock",
            "seconds",
            "400ms",
        ),
        FaultKind("unique_off", "the tickets table has no unique constraints"),
        FaultKind("client_position", "the waiting room believes the position a client sends"),
        FaultKind("double_decrement", "a grant takes two tickets from the stock", "share", "100%"),
        FaultKind("early_open", "clicks before T-0 are granted"),
        FaultKind("qr_replay", "a QR code admits again and again"),
        FaultKind("views_lost", "page views are read, then written, and so lost", "share", "100%"),
        FaultKind("ineligible_granted", "nobody asks whether a buyer is on the roster"),
        FaultKind(
            "late_open",
            "one worker opens so late, and says `too_early` until then",
            "seconds",
            "2s",
        ),
        FaultKind(
            "enrolled_refused",
            "students on the roster are told `not_enrolled`, the same ones always",
            "share",
            "2%",
        ),
        FaultKind(
            "sold_out_early", "clicks are told `sold_out` while there are tickets", "share", "3%"
        ),
        FaultKind(
            "wrong_owner",
            "of two tickets each is written down for the other's student",
            "share",
            "5%",
        ),
        FaultKind(
            "qr_refused",
            "the QR code of a ticket never opens, the same ones' always",
            "share",
            "20%",
        ),
        FaultKind(
            "last_first",
            "clicks of so long after T-0 are gathered, then served the last first",
            "seconds",
            "3s",
        ),
        FaultKind(
            "held_refused",
            "students without a ticket are told `already_holds_ticket`, the same ones always",
            "share",
            "5%",
        ),
        FaultKind(
            "replay_forgotten",
            "a purchase sent again with its key is told `already_holds_ticket`",
            "share",
            "100%",
        ),
        FaultKind(
            "not_admitted_again",
            "students whose turn it is are told `not_admitted`, the same ones always",
            "share",
            "10%",
        ),
        FaultKind("session_lost", "a session is lost as soon as it begins", "share", "10%"),
        FaultKind(
            "entry_refused",
            "a good QR code is turned away at the entrance, the same tickets' always",
            "share",
            "20%",
        ),
        FaultKind(
            "lock_held",
            "a purchase keeps the lock that all others wait for in PostgreSQL so long",
            "seconds",
            "300ms",
        ),
        FaultKind(
            "slow_code", "a purchase takes so long in the app's own code", "seconds", "300ms"
        ),
        FaultKind(
            "busy_code", "a purchase computes for so long in the app's own code", "seconds", "20ms"
        ),
        FaultKind("slow_login", "a login takes so long in the app's own code", "seconds", "500ms"),
        FaultKind("slow_redis", "a purchase keeps Redis busy so long", "seconds", "10ms"),
        FaultKind("worker_crash", "a worker of the app is killed", place="stage", momentary=True),
        FaultKind("redis_wipe", "Redis loses everything it holds", place="stage", momentary=True),
        FaultKind(
            "redis_down",
            "Redis is killed, and started again after `lasts`",
            place="stage",
            usually_lasts="2s",
            same_as=("kill", "redis"),
        ),
        FaultKind(
            "database_down",
            "PostgreSQL is killed, and started again after `lasts`",
            place="stage",
            usually_lasts="2s",
            same_as=("kill", "postgres"),
        ),
        FaultKind(
            "sigterm_mid_sale",
            "the app is asked to end, and started again",
            place="stage",
            momentary=True,
            same_as=("restart", "app"),
        ),
        FaultKind(
            "worker_stopped",
            "a worker of the app is stopped, and goes on after `lasts`",
            place="stage",
            usually_lasts="3s",
        ),
        FaultKind(
            "database_stopped",
            "PostgreSQL is stopped, and goes on after `lasts`",
            place="stage",
            usually_lasts="3s",
            same_as=("pause", "postgres"),
        ),
        FaultKind(
            "cpu_hogs",
            "so many other programs, which are nobody's, take a processor each",
            "items",
            "2",
            place="stage",
            usually_lasts="8s",
            most=64,
        ),
        FaultKind(
            "pause",
            "{service} stands still, and goes on after `lasts`",
            place="service",
            usually_lasts="3s",
        ),
        FaultKind(
            "kill",
            "{service} is killed, and started again after `lasts`",
            place="service",
            usually_lasts="2s",
        ),
        FaultKind(
            "restart",
            "{service} is asked to end, and started again",
            place="service",
            momentary=True,
        ),
        FaultKind(
            "network_cut",
            "{service} is cut from the network, and back after `lasts`",
            place="service",
            usually_lasts="3s",
            stages=_CONTAINERS,
        ),
        FaultKind(
            "latency",
            "what goes to {service} and what comes back is under way so much longer together",
            "seconds",
            "100ms",
            place="service",
            usually_lasts="10s",
            stages=_CONTAINERS,
        ),
        FaultKind(
            "packet_loss",
            "so many of the packets to and from {service} are lost, and sent again by TCP",
            "share",
            "2%",
            place="service",
            usually_lasts="10s",
            stages=_CONTAINERS,
        ),
        FaultKind(
            "cpu_squeeze",
            "{service} gets no more than so many CPUs",
            "cpus",
            "0.2",
            place="service",
            usually_lasts="10s",
            most=1024,
            stages=_CONTAINERS,
        ),
        FaultKind(
            "memory_limit",
            "{service} gets no more memory than that",
            "size",
            "64 MiB",
            place="service",
            usually_lasts="10s",
            most=2**40,
            stages=_CONTAINERS,
        ),
    )
}
"""Every fault by name."""
