"""Whose scenario is performed: the bundled ticket open, or a file of the user's own."""

from typing import Annotated, Any

from pydantic import Field

from dress_rehearsal.plans.types import Section


class Scenario(Section):
    """Whose scenario is performed."""

    file: str | None = None
    """A Python file, relative to the plan's folder; the bundled ticket open where left out."""
    buyer: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")] | None = None
    """Which class of it acts, where it has several buyers."""


def place_scenario(document: dict[str, Any], beside: Any) -> None:
    """Make the path of a plan's scenario an absolute one: a run is made elsewhere.

    Args:
        document: the plan as it was parsed; what is wrong in it is left for its check.
        beside: the plan's folder.
    """
    scenario = document.get("scenario")
    file = scenario.get("file") if isinstance(scenario, dict) else None
    if isinstance(scenario, dict) and isinstance(file, str) and file and "\0" not in file:
        scenario["file"] = str(beside.absolute() / file)
