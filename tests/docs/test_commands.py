"""Every command that the documentation shows is one that there is, with options that there are."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from dress_rehearsal.rehearsal.cli import _parser
from tests.docs.blocks import PAGES, Block, blocks_of

_OURS = re.compile(
    r"(?:^|[;&|]\s*)(?:\w+=\S+ )*(?:\.venv/bin/)?rehearse ([^;&|>\n]*)", re.MULTILINE
)


def commands(text: str) -> list[str]:
    """Return the arguments of each call of `rehearse` in a text of shell."""
    joined = text.replace("\\\n", " ")
    uncommented = re.sub(r"\s+#[^\n]*", "", joined)
    return [found.strip() for found in _OURS.findall(uncommented)]


SHELL = [block for page in PAGES for block in blocks_of(page, "sh") if commands(block.text)]


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_a_command_that_is_shown_can_be_given(block: Block) -> None:
    for command in commands(block.text):
        arguments = shlex.split(command)
        if "[" in command:  # a usage line
            continue
        try:
            _parser().parse_args(arguments)
        except SystemExit as ended:
            assert ended.code == 0, f"{block}: rehearse {command}"


OF_A_PLAN = ("--students", "--seed", "--set")  # told of below the table
OF_A_LOCUST_FILE = (
    "-H",
    "-u",
    "-r",
    "-t",
    "-T",
    "-E",
    "--allow",
)  # told of at `rehearse run FILE.py`
TABLE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text("utf-8").split("\n## ")[1]


def untold(table: str, parser: argparse.ArgumentParser, *words: str) -> Iterator[str]:
    """Yield each option of the commands of which the reference's table of commands says nothing."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, one in action.choices.items():
                yield from untold(table, one, *words, word)
            return
    called = "|".join(re.escape(" ".join(name)) for name in (("rehearse", *words), words))
    told = re.findall(rf"`(?:{called})[ `].*", table)
    row = " ".join(told)
    for action in parser._actions:
        names = [*action.option_strings]
        if action.help == argparse.SUPPRESS or not names or "-h" in names:
            continue
        elsewhere = {*OF_A_PLAN, *(OF_A_LOCUST_FILE if words == ("capacity",) else ())}
        if not elsewhere & {*names} and not any(re.search(rf"{name}\b", row) for name in names):
            yield f"{' '.join(words)} {names[-1]}"


def test_every_option_is_told_of_in_the_row_of_its_command() -> None:
    assert list(untold(TABLE, _parser())) == []
    lacking = TABLE.replace("[--lanes N] ", "").replace(
        "`stage down [--stage NAME]`", "`stage down`"
    )
    assert list(untold(lacking, _parser())) == ["matrix --lanes", "stage down --stage"]


def test_commands_are_found_where_they_stand() -> None:
    text = "A=1 rehearse run x   # why\ncd y && .venv/bin/rehearse plan check z; echo $?\n"
    assert commands(text) == ["run x", "plan check z"]


def test_most_pages_show_commands() -> None:
    assert len(SHELL) > 10
