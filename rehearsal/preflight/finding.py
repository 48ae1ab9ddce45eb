"""What was found of this machine or of what runs on it: a row of the doctor's table."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the checkup."""

    check: str
    value: str
    needed: str
    status: Status
    limits: str
    """What it limits, as a sentence."""
    change: str | None
    """The command, or the key of the plan, that changes it."""
    fewer_help: bool = False
    """Whether fewer students would need less of it than there is."""
