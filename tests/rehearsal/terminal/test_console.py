"""The console shows what it is given, whatever that is, wherever it is shown."""

import io
import sys

import pytest
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dress_rehearsal.rehearsal.terminal.console import is_drawable, make_console
from dress_rehearsal.rehearsal.terminal.streams import Outlet

EVIL = "\x1b]0;owned\x07 \x9b31m\x00 \u202e\u2028"
SHOWN = r"\x1b]0;owned\x07 \x9b31m\x00 \u202e\u2028"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def printed(monkeypatch):
    """Print on a terminal that takes no colours: any control character on it is a wrong."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "200")

    def printed(*what):
        terminal = Terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            make_console().print(*what)
        return terminal.getvalue()

    return printed


@pytest.mark.parametrize("wrap", [str, Text, Panel], ids=["a string", "a text", "a panel"])
def test_control_characters_are_shown(printed, wrap):
    shown = printed(wrap(EVIL))
    assert "owned" in shown
    assert not any(ord(one) < 32 or one in "\x7f\x9b\u202e\u2028" for one in shown if one != "\n")


def test_a_string_loses_nothing(printed):
    table = Table("name")
    table.add_row(escape(EVIL))
    assert printed(escape(EVIL), table).count(SHOWN) == 2


def test_markup_and_emoji_from_outside_are_words(printed):
    words = "[bold]loud[/] [link=http://x]x[/link] HTTP:100: \x1b[red]"
    assert printed(escape(words)) == words.replace("\x1b", r"\x1b") + "\n"


def test_a_pipe_gets_whole_sentences(monkeypatch):
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stdout", pipe)
    make_console().print("word " * 100)
    assert pipe.getvalue().count("\n") == 1


@pytest.mark.parametrize("columns", ["0", "1", "20", "²", "-5", "many", "99999", "9" * 5000])
def test_any_width_can_be_drawn_for(monkeypatch, columns):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", columns)
    console = make_console()
    table = Table("check", "value", "needed")
    table.add_row("open files", "1,024 (hard 4,096)", "16,100")
    with Live(Panel(table), console=console):
        console.print("the verdict, in a sentence of some words")
    assert "verdict" in terminal.getvalue()


@pytest.mark.parametrize(
    ("terminal", "variables", "drawn"),
    [
        pytest.param(True, {"TERM": "xterm"}, True, id="a terminal"),
        pytest.param(True, {"TERM": "dumb"}, False, id="one that moves no cursor"),
        pytest.param(False, {"TERM": "xterm", "FORCE_COLOR": "1"}, False, id="a coloured log"),
    ],
)
def test_pictures_move_on_real_terminals_only(monkeypatch, terminal, variables, drawn):
    for name in ("TERM", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal() if terminal else io.StringIO())
    assert is_drawable(make_console()) is drawn


def test_a_terminal_that_goes_away_is_drawn_on_no_more(monkeypatch):
    class Gone(Terminal):
        def write(self, text):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setenv("TERM", "xterm")
    console = make_console()
    with Live("a picture", console=console):
        console.print("a line")
    assert isinstance(console.file, Outlet)
    assert console.file.failure.errno == 5
