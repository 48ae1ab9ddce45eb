"""The sheet: lines that hang below each other, wrapped on a terminal, whole in a pipe."""

from rich.console import Console
from rich.padding import Padding
from rich.text import Text


class Sheet:
    """Shows lines with their indentation.

    Args:
        console: where they are shown.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, text: str = "", indent: int = 0, style: str = "") -> None:
        """Show one line; what of it does not fit goes below its own beginning.

        Blanks that the text begins with are its indentation as well.
        """
        plain = text.lstrip(" ")
        indent += len(text) - len(plain)
        text = plain
        if not text:
            self._console.print()
        elif self._console.file.isatty():
            self._console.print(Padding(Text(text, style), (0, 0, 0, indent), expand=False))
        else:
            self._console.print(Text(f"{' ' * indent}{text}", style), soft_wrap=True)

    def heading(self, text: str) -> None:
        """Show what the next lines are about."""
        self.line()
        self.line(text, style="bold")
