"""The faults a plan may schedule: seeded defects of the reference app and mishaps of its stage."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

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


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault of the catalogue.

    Attributes:
        place: `app` is switched on inside the reference app, `stage` is done to its processes.
        usual: the grade where a plan names none.
        what: a sentence for people.
    """

    name: str
    place: Literal["app", "stage"]
    unit: Unit
    usual: str
    what: str


_APP: Final[tuple[tuple[str, Unit, str, str], ...]] = (
    ("leak", "share", "20%", "a purchase keeps its PostgreSQL connection"),
    ("nested_acquire", "share", "100%", "a purchase holds one connection and asks for a second"),
    ("slow_database", "seconds", "200ms", "every transaction takes so much longer"),
    ("slow_external", "seconds", "500ms", "the enrolment API answers so much later"),
    (
        *("slow_external_inside", "seconds", "500ms"),
        "the enrolment API is slow and is asked while a PostgreSQL connection is held",
    ),
    ("loop_block", "seconds", "200ms", "a purchase blocks its worker's event loop"),
    ("kill_after_grant", "switch", "on", "a worker dies between granting and answering, once"),
    (
        *("redelivery", "share", "100%"),
        "the queue delivers twice and the writer does not look whether the row is there",
    ),
    ("drop_queue_items", "items", "100", "a full error queue drops what comes after so many items"),
    (
        *("duplicate_check_before_lock", "seconds", "400ms"),
        "the check for a second ticket comes so long before the lock",
    ),
    ("unique_off", "switch", "on", "the tickets table has no unique constraints"),
    ("client_position", "switch", "on", "the waiting room believes the position a client sends"),
    ("double_decrement", "share", "100%", "a grant takes two tickets from the stock"),
    ("early_open", "switch", "on", "clicks before T-0 are granted"),
    ("qr_replay", "switch", "on", "a QR code admits again and again"),
    ("views_lost", "share", "100%", "page views are read, then written, and so lost"),
    ("ineligible_granted", "switch", "on", "nobody asks whether a buyer is on the roster"),
)
_STAGE: Final[tuple[tuple[str, Unit, str, str], ...]] = (
    ("worker_crash", "switch", "on", "a worker of the app is killed"),
    ("redis_wipe", "switch", "on", "Redis loses everything it holds"),
    ("redis_down", "switch", "on", "Redis is killed, and started again after `lasts`"),
    ("database_down", "switch", "on", "PostgreSQL is killed, and started again after `lasts`"),
    ("sigterm_mid_sale", "switch", "on", "the app is asked to end, and started again"),
)
FAULTS: Final[dict[str, FaultKind]] = {
    **{kind[0]: FaultKind(kind[0], "app", *kind[1:]) for kind in _APP},
    **{kind[0]: FaultKind(kind[0], "stage", *kind[1:]) for kind in _STAGE},
}
"""Every fault by name."""

_DOWN_S: Final = 2.0
_OUTAGES: Final = frozenset({"redis_down", "database_down"})
_OVER_AT_ONCE: Final = frozenset({"worker_crash", "redis_wipe", "sigterm_mid_sale"})
"""Faults that are over, or start to be put right, as soon as they have happened."""


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
    """Write seconds from T-0 as `"T+2s"`."""
    return f"T{'-' if seconds < 0 else '+'}{format_duration(abs(seconds))}"


Moment = Annotated[
    float,
    BeforeValidator(parse_moment),
    PlainSerializer(format_moment),
    WithJsonSchema({"type": "string", "examples": ["T+2s", "T-500ms", "T"]}),
]
"""Seconds from T-0, written `"T+2s"`."""

FaultName = Literal[
    "leak",
    "nested_acquire",
    "slow_database",
    "slow_external",
    "slow_external_inside",
    "loop_block",
    "kill_after_grant",
    "redelivery",
    "drop_queue_items",
    "duplicate_check_before_lock",
    "unique_off",
    "client_position",
    "double_decrement",
    "early_open",
    "qr_replay",
    "views_lost",
    "ineligible_granted",
    "worker_crash",
    "redis_wipe",
    "redis_down",
    "database_down",
    "sigterm_mid_sale",
]


class Fault(Section):
    """Something that is made to go wrong during the rehearsal."""

    name: FaultName
    at: Moment
    """When it begins."""
    lasts: Duration | None = None
    """How long; to the end of the sale when left out (an outage: 2 s)."""
    grade: str
    """How bad: a share, a delay, a number of items or `"on"`, as the fault's unit is."""

    @property
    def level(self) -> float:
        """The grade as a number: a share from 0 to 1, seconds, items, or 1 for a switch."""
        return parse_grade(FAULTS[self.name].unit, self.grade)

    def ends(self, sale_s: float) -> float:
        """Return when it ends, in seconds from T-0, where the sale closes at `sale_s`."""
        if self.lasts is not None:
            return min(self.at + self.lasts, sale_s)
        return self.at if self.name in _OVER_AT_ONCE else sale_s

    @model_validator(mode="before")
    @classmethod
    def _usual_values(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        name = values.get("name")
        if not isinstance(name, str) or name not in FAULTS:
            return {"grade": "", **values}  # it is the name that is wrong
        filled = {"grade": FAULTS[name].usual, **values}
        if name in _OUTAGES:
            filled.setdefault("lasts", format_duration(_DOWN_S))
        if isinstance(filled["grade"], int) and not isinstance(filled["grade"], bool):
            filled["grade"] = str(filled["grade"])
        return filled

    @model_validator(mode="after")
    def _grade_fits(self) -> Self:
        parse_grade(FAULTS[self.name].unit, self.grade)
        return self


def parse_grade(unit: Unit, text: str) -> float:
    """Return a written grade as a number.

    Raises:
        ValueError: it is not written in the fault's unit, or is not above zero.
    """
    if unit == "share":
        level = parse_share(text)
    elif unit == "seconds":
        level = parse_duration(text)
    elif unit == "items":
        level = float(int(text)) if text.isdecimal() else 0.0
    else:
        level = 1.0 if text == "on" else 0.0
    example = {"share": "20%", "seconds": "300ms", "items": "100", "switch": "on"}[unit]
    if level <= 0 or (unit == "share" and level > 1):
        raise ValueError(f'grade must be above zero and written like "{example}"')
    return level
