"""The live view: drawn again and again while a person watches, where there is a terminal."""

from abc import ABC, abstractmethod
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live


class LiveView(ABC):
    """Something to look at while it is entered; elsewhere than on a terminal nothing is drawn.

    Args:
        console: where to show it.
        transient: what was drawn is wiped away in the end.
    """

    def __init__(self, console: Console, *, transient: bool = False) -> None:
        self.console = console
        self._transient = transient
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self._render,
                console=self.console,
                refresh_per_second=4,
                transient=self._transient,
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    @abstractmethod
    def _render(self) -> RenderableType:
        """Give what is to be seen now."""
