"""What all tables of a plan share."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the plan: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
