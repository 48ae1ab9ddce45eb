"""A sheet's lines hang below their own beginning on a terminal, and are whole in a pipe."""

import io

from rich.console import Console

from dress_rehearsal.rehearsal.terminal.sheet import Sheet


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines_on(file: io.StringIO) -> list[str]:
    sheet = Sheet(Console(file=file, width=20, color_system=None, force_terminal=False))
    sheet.line("one")
    sheet.line()
    sheet.line("  two words and more than fit [bold]")
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_what_does_not_fit_hangs_and_an_empty_line_is_one() -> None:
    assert lines_on(Terminal()) == ["one", "", "  two words and more", "  than fit [bold]"]
    assert lines_on(io.StringIO()) == ["one", "", "  two words and more than fit [bold]"]
