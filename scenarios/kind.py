"""What kind of scenario a Python file holds, found by reading it, never by running it."""

import ast
import warnings
from pathlib import Path
from typing import Final, Literal

from dress_rehearsal.plans import PlanError
from dress_rehearsal.plans.files import named, read_bytes
from dress_rehearsal.plans.visible import visible_line

Kind = Literal["buyers", "locust"]

_MOST_BYTES: Final = 4 * 1024 * 1024
_ROOM: Final = "dress_rehearsal.scenarios"
_HOUSE, _, _ROOM_NAME = _ROOM.partition(".")


def kind_of(path: Path) -> Kind:
    """Return whether a file has buyers of ours, or users of Locust's own.

    It has buyers where it imports `Buyer`, or the module it is in, from `dress_rehearsal.scenarios`
    anywhere; any other file is Locust's.

    Raises:
        PlanError: it is not there, is no file, or is not Python; the sentence names file and line.
    """
    return "buyers" if any(_imports_buyer(node) for node in ast.walk(_tree(path))) else "locust"


def _tree(path: Path) -> ast.Module:
    content = read_bytes(path, "The scenario", _MOST_BYTES)
    try:
        with warnings.catch_warnings():  # what its author is told when it runs, is enough
            warnings.simplefilter("ignore")
            return ast.parse(content)
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise PlanError(
            f"The scenario {named(path)}{line} is not Python: {visible_line(error.msg)}."
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise PlanError(f"The scenario {named(path)} is not Python that can be read.") from error


def _imports_buyer(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(each.name == _ROOM for each in node.names)
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        names = {each.name for each in node.names}
        if node.module == _HOUSE:
            return _ROOM_NAME in names
        return node.module == _ROOM and bool(names & {"Buyer", "*"})
    return False
