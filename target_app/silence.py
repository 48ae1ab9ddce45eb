"""Silence: an instrument that measures nothing, for a service with its instruments off."""

from collections.abc import Callable
from typing import Any


class Silent:
    """Takes the place of a counter, gauge or histogram."""

    def __init__(self, *_: Any, **__: Any) -> None:
        return

    def labels(self, *_: str) -> "Silent":
        """The same for all labels."""
        return self

    def inc(self, _: float = 1) -> None:
        """Count nothing."""

    def set(self, _: float) -> None:
        """Show nothing."""

    def set_function(self, _: Callable[[], float]) -> None:
        """Ask nobody."""

    def observe(self, _: float) -> None:
        """Observe nothing."""

    def observe_none(self) -> None:
        """Observe not even nothing."""
