"""Whose scenario is performed: the bundled ticket open, or a file of the user's own."""

from dress_rehearsal.plans.types import Section


class Scenario(Section):
    """Whose scenario is performed."""

    file: str | None = None
    """A Python file, relative to the plan's folder; the bundled ticket open where left out."""
