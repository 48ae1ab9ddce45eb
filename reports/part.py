"""Parts of what is published of a run: what each is like, and those of the students' own doing."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from dress_rehearsal.plans.visible import visible_values


class Part(BaseModel):
    """A table of the verdict; None stands for "not measured", never for zero."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    @model_validator(mode="before")
    @classmethod
    def _shown(cls, values: Any) -> Any:
        """Make visible what a target or a damaged file could have put into words and names."""
        return visible_values(values)


class Tries(Part):
    """How often one step was asked for that a student wants once: opening the page, logging in,
    joining the queue, buying.

    `amplification` is its requests for each of the `students` who asked; `after_errors` of the
    requests were sent once an earlier one of the same student had failed; `abandoned` were
    needed no more before they were answered, as of a page that is reloaded.
    """

    students: int
    requests: int
    amplification: float | None
    after_errors: int
    abandoned: int


class Habit(Part):
    """One value of what the students did, as the plan has it: `value` is `off` where it made no
    difference; `basis` says whether this value was measured by anybody, `source` by whom."""

    key: str
    says: str
    value: str
    basis: Literal["measured", "assumed"]
    source: str
