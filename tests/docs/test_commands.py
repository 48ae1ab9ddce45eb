"""Every command that the documentation shows is one that there is, with options that there are."""

import re
import shlex

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


def test_commands_are_found_where_they_stand() -> None:
    text = "A=1 rehearse run x   # why\ncd y && .venv/bin/rehearse plan check z; echo $?\n"
    assert commands(text) == ["run x", "plan check z"]


def test_most_pages_show_commands() -> None:
    assert len(SHELL) > 10
