"""The console: where every command shows what it has to say, and the one place that makes one.

Texts from outside are shown, never obeyed: control characters are made visible, and a word between
colons is no emoji. Markup is ours alone: whatever is not ours is escaped by who prints it.
"""

import os
import sys
from collections.abc import Iterator
from typing import IO, Any, Final, cast

from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from dress_rehearsal.plans.visible import visible
from dress_rehearsal.rehearsal.terminal.streams import Outlet, VisibleOutlet

_SIZES: Final = ("COLUMNS", "LINES")
_NARROWEST, _WIDEST = 20, 1_000
_LOWEST, _HIGHEST = 5, 1_000


class VisibleConsole(Console):
    """A console that shows control characters instead of sending them to the terminal."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Render, with every text made visible; the console's own control codes stay."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(visible(text), style)

    def render_str(self, text: str, **how: Any) -> Text:
        """Render a string, with what the library would drop from it in silence made visible."""
        return super().render_str(visible(text), **how)

    @property
    def size(self) -> ConsoleDimensions:
        """The size to draw for: a terminal that claims no room, or too much, is not believed."""
        width, height = super().size
        return ConsoleDimensions(
            min(max(width, _NARROWEST), _WIDEST), min(max(height, _LOWEST), _HIGHEST)
        )

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size


def make_console(*, stderr: bool = False) -> Console:
    """Return a console on standard output or standard error, which never fails.

    Lines are wrapped on a terminal only: what reads a pipe or a file wants whole sentences.
    """
    stream = sys.stderr if stderr else sys.stdout
    outlet = stream.outlet if isinstance(stream, VisibleOutlet) else Outlet(stream)
    return VisibleConsole(
        file=cast("IO[str]", outlet),
        soft_wrap=not outlet.isatty(),
        highlight=False,
        emoji=False,
        _environ=_environment(),
    )


def is_drawable(console: Console) -> bool:
    """Return whether pictures can move there: on a terminal, and one that is not dumb.

    `FORCE_COLOR`, which CI systems set, makes a pipe colourful, but no terminal.
    """
    return console.is_interactive and console.file.isatty()


def _environment() -> dict[str, str]:
    """Return this process's environment without sizes that are no numbers."""
    environment = dict(os.environ)
    for name in _SIZES:
        value = environment.get(name, "")
        if not (value.isascii() and value.isdecimal() and len(value) <= 5):
            environment.pop(name, None)
    return environment
