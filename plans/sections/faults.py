"""The faults a plan may schedule: seeded defects of the reference app, harm done to its stage."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema, model_validator

from dress_rehearsal.plans.types import (
    Duration,
    Section,
    format_duration,
    parse_duration,
    parse_share,
)

Unit = Literal["share", "seconds", "items", "switch"]
"""What a grade means: `"20%"` of the cases, `"300ms"` of delay, `"100"` items, or just `"on"`."""


_MOST_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault of the catalogue.

    Attributes:
        name: as a plan, the timeline and the app's switches have it.
        what: a sentence for people.
        unit: what its grade means.
        usual: the grade where a plan names none.
        place: `app` is switched on inside the reference app, `stage` is done to its processes.
        momentary: it happens once and is over, or starts to be put right, as soon as it has; the
            others last until they are ended.
        usually_lasts: how long where a plan does not say; to the end of the sale when None.
        most: the largest grade: 1 hour of seconds, a million items, unless it says so.
    """

    name: str
    what: str
    unit: Unit = "switch"
    usual: str = "on"
    place: Literal["app", "stage"] = "app"
    momentary: bool = False
    usually_lasts: str | None = None
    most: int = 1_000_000

    def level(self, grade: str) -> float:
        """Return a written grade as a number: a share, seconds, items, or 1 for a switch.

        Raises:
            ValueError: it is not written in the fault's unit, is not above zero, or is too large.
        """
        level = parse_grade(self.unit, grade)
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
        ),
        FaultKind(
            "database_down",
            "PostgreSQL is killed, and started again after `lasts`",
            place="stage",
            usually_lasts="2s",
        ),
        FaultKind(
            "sigterm_mid_sale",
            "the app is asked to end, and started again",
            place="stage",
            momentary=True,
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
    )
}
"""Every fault by name."""

if TYPE_CHECKING:
    FaultName = str  # type checkers cannot read a Literal off a table
else:
    FaultName = Literal[tuple(FAULTS)]


_ITEMS: Final = re.compile("[0-9]{1,7}")


def parse_moment(value: Any) -> float:
    """Return the seconds from T-0 of a moment such as `"T+2s"`, `"T-500ms"` or `"T"`.

    Raises:
        ValueError: the value is not written like that.
    """
    text = "".join(value.split()) if isinstance(value, str) else ""
    if text in ("T", "T-0"):
        return 0.0
    if text[:2] not in ("T+", "T-"):
        raise ValueError('expected a moment around T-0, such as "T+2s" or "T-500ms"')
    seconds = parse_duration(text[2:])
    return seconds if text[1] == "+" else -seconds


def format_moment(seconds: float) -> str:
    """Return seconds from T-0 as they are written: `"T+2s"`."""
    return f"T{'-' if seconds < 0 else '+'}{format_duration(abs(seconds))}"


Moment = Annotated[
    float,
    BeforeValidator(parse_moment),
    PlainSerializer(format_moment),
    WithJsonSchema({"type": "string", "examples": ["T+2s", "T-500ms", "T"]}),
]
"""Seconds from T-0, written `"T+2s"`."""


class Fault(Section):
    """Something that is made to go wrong during the rehearsal."""

    name: FaultName
    at: Moment
    """When it begins."""
    lasts: Duration | None = None
    """How long; to the end of the sale when left out, but for what is done to processes."""
    grade: str
    """How bad: a share, a delay, a number of items or `"on"`, as the fault's unit is."""

    @property
    def level(self) -> float:
        """The grade as a number: a share from 0 to 1, seconds, items, or 1 for a switch."""
        return FAULTS[self.name].level(self.grade)

    def ends(self, sale_s: float) -> float:
        """Return when it ends, in seconds from T-0, where the sale closes at `sale_s`."""
        if self.lasts is not None:
            return min(self.at + self.lasts, sale_s)
        kind = FAULTS[self.name]
        # One that the app does to itself may happen at any time until its switch is off again.
        return self.at if kind.momentary and kind.place == "stage" else sale_s

    @model_validator(mode="before")
    @classmethod
    def _usual_values(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        name = values.get("name")
        if not isinstance(name, str) or name not in FAULTS:
            return {"grade": "", **values}  # it is the name that is wrong
        kind = FAULTS[name]
        filled = {"grade": kind.usual, **values}
        if kind.usually_lasts is not None:
            filled.setdefault("lasts", kind.usually_lasts)
        if isinstance(filled["grade"], int) and not isinstance(filled["grade"], bool):
            filled["grade"] = str(filled["grade"])  # of 64 bits at most
        return filled

    @model_validator(mode="after")
    def _grade_fits(self) -> Self:
        FAULTS[self.name].level(self.grade)
        return self


def parse_grade(unit: Unit, text: str) -> float:
    """Return a written grade as a number: a share from 0 to 1, seconds, items, or 1 for a switch.

    Raises:
        ValueError: it is not written in the fault's unit, or is not above zero.
    """
    if unit == "share":
        level = parse_share(text)
    elif unit == "seconds":
        level = parse_duration(text)
    elif unit == "items":
        level = float(text) if _ITEMS.fullmatch(text) else 0.0
    else:
        level = 1.0 if text == "on" else 0.0
    example = {"share": "20%", "seconds": "300ms", "items": "100", "switch": "on"}[unit]
    if level <= 0 or (unit == "share" and level > 1):
        raise ValueError(f'grade must be above zero and written like "{example}"')
    return level
