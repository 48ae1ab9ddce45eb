"""Whose scenario is performed: the bundled ticket open, or a file of the user's own."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from dress_rehearsal.plans.types import Section


class Scenario(Section):
    """Whose scenario is performed."""

    file: str | None = None
    """A Python file, relative to the plan's folder; the bundled ticket open where left out."""
    buyer: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")] | None = None
    """Which class of it acts, where it has several buyers."""


def place_scenario(document: dict[str, Any], beside: Path) -> None:
    """Make the paths of a plan's scenario and roster absolute ones: a run is made elsewhere.

    Args:
        document: the plan as it was parsed; what is wrong in it is left for its check.
        beside: the plan's folder.
    """
    for section, key in (("scenario", "file"), ("event", "roster")):
        table = document.get(section)
        path = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict) and isinstance(path, str) and path and "\0" not in path:
            table[key] = str(beside.absolute() / path)
