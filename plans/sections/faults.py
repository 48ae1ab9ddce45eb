"""The faults a plan may schedule, each with its moment."""

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from dress_rehearsal.plans.sections.fault_kinds import FAULTS
from dress_rehearsal.plans.sections.stage import SERVICES, called
from dress_rehearsal.plans.types import Duration, Section, format_duration, parse_duration

_SERVICE: Final = rf"^(?:{'|'.join(SERVICES)}|app-[1-9][0-9]?)$"

if TYPE_CHECKING:
    FaultName = str  # type checkers cannot read a Literal off a table
else:
    FaultName = Literal[tuple(FAULTS)]


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
    service: Annotated[str, Field(pattern=_SERVICE)] | None = None
    """Whom it is done to: a service of the stage, or one container of the app, such as `app-2`.

    Of several containers of a service it is always the first: `app` is `app-1`.
    """
    jitter: Duration = 0.0
    """By how much a `latency` varies."""
    grade: str
    """How bad: a share, a delay, a number of items or `"on"`, as the fault's unit is."""

    @property
    def level(self) -> float:
        """The grade as a number: a share from 0 to 1, seconds, items, or 1 for a switch."""
        return FAULTS[self.name].level(self.grade)

    @property
    def title(self) -> str:
        """The fault as people and the timeline name it: `leak`, or `pause postgres`."""
        return self.name if self.service is None else f"{self.name} {self.service}"

    @property
    def what(self) -> str:
        """What it does, as a sentence for people."""
        words = FAULTS[self.name].what.format(service=called(self.service or ""))
        return words.replace("`lasts`", format_duration(self.lasts or 0.0))

    @property
    def deed(self) -> tuple[str, str]:
        """What is done to which service, under whichever name; no service where it is to none."""
        return FAULTS[self.name].same_as or (self.name, self.service or "")

    @property
    def whom(self) -> str:
        """The service it is done to, as a sentence begins: `PostgreSQL`, `The app`, `app-2`."""
        name = called(self.deed[1])
        return f"T{name[1:]}" if name.startswith("the ") else name

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off, and nothing between."""
        return FAULTS[self.name].unit == "switch"

    @property
    def strength(self) -> str:
        """Its grade as people read it: `100ms ± 20ms`."""
        return f"{self.grade} ± {format_duration(self.jitter)}" if self.jitter else self.grade

    def ends(self, sale_s: float) -> float:
        """Return when it ends, in seconds from T-0, where the sale closes at `sale_s`."""
        if self.lasts is not None:
            return min(self.at + self.lasts, sale_s)
        kind = FAULTS[self.name]
        # One that the app does to itself may happen at any time until its switch is off again.
        return self.at if kind.momentary and kind.place != "app" else sale_s

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

    @model_validator(mode="after")
    def _service_where_it_is_done_to_one(self) -> Self:
        of_a_service = FAULTS[self.name].place == "service"
        if of_a_service and self.service is None:
            raise ValueError(f'{self.name} needs a service: service = "postgres", say')
        if not of_a_service and self.service is not None:
            raise ValueError(f"{self.name} is done to no service of your choice: leave service out")
        if self.jitter and self.name != "latency":
            raise ValueError("jitter is for latency")
        if self.jitter > self.level:
            raise ValueError("jitter is more than the latency itself")
        return self
