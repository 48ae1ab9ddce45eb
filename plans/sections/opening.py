"""How the sale of an external target opens at T-0, and how the target is reset before it."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from dress_rehearsal.plans.sections.command import Command
from dress_rehearsal.plans.sections.request import PlannedRequest
from dress_rehearsal.plans.types import PositiveDuration, Switch

PLACEHOLDERS: Final = ("t0_ms", "t0_iso", "t0_s")
"""T-0 in the opening request: ms and s since the Unix epoch, and ISO 8601 in UTC."""

_RESET_WITHIN_S: Final = 60.0
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def _instant(value: Any) -> datetime:
    with suppress(ValueError):
        value = datetime.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(value, datetime):
        return value
    raise ValueError("expected an instant with its offset, such as 2026-12-01T10:00:00+09:00")


def _with_offset(value: datetime) -> datetime:
    if value.utcoffset() is None:
        raise ValueError(
            "the offset from UTC is missing, so nobody knows which instant it is: write it behind, "
            "such as 2026-12-01T10:00:00+09:00"
        )
    if not _EARLIEST < value < _LATEST:
        raise ValueError("expected an instant between the years 2000 and 2200")
    return value


Instant = Annotated[datetime, BeforeValidator(_instant), AfterValidator(_with_offset)]
"""A moment that is the same everywhere."""


class Opening(PlannedRequest):
    """What makes the sale open at T-0: a request, the target's own clock, or nothing."""

    at: Instant | None = None
    """The target opens by itself then: that is T-0, and the run is started early enough."""
    already: Switch = False
    """The sale is open: T-0 is only when the rush begins, and nothing is said about its opening."""

    @model_validator(mode="after")
    def _is_one_of_three(self) -> Self:
        ways = (self.request is not None, self.at is not None, self.already)
        if sum(ways) != 1:
            raise ValueError(
                "give one of three: request (it is sent at setup), at (the target opens by itself "
                "at that instant), or already = true"
            )
        if unused := self.unused_keys():
            raise ValueError(f"{' and '.join(unused)} without request have no effect")
        if unknown := self.placeholders() - set(PLACEHOLDERS):
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(
                f"{len(unknown)} unknown placeholder{'s' if len(unknown) > 1 else ''} in braces; "
                f"there are {known}"
            )
        return self


class Reset(PlannedRequest):
    """What puts the target back to where a sale begins, before every performance."""

    command: Command | None = None
    """Started with target.folder and target.environment before target.command; it ends with 0."""
    within: PositiveDuration = _RESET_WITHIN_S
    """How long it may take."""

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.request is None) == (self.command is None):
            raise ValueError("give one of two: request or command")
        if unused := self.unused_keys():
            raise ValueError(f"{' and '.join(unused)} without request have no effect")
        if self.placeholders() & set(PLACEHOLDERS):
            raise ValueError("T-0 is not fixed yet when it is sent: it has no placeholders")
        return self
