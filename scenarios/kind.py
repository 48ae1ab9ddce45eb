"""What kind of scenario a Python file holds, and who can act in it: read, and never run.

What only running it would show, such as classes that are made by a call, is not held against it.
"""

import ast
import warnings
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, TypeGuard

from dress_rehearsal.plans import PlanError
from dress_rehearsal.plans.files import named, read_bytes
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.scenarios.buyer import Buyer

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


def check_actors(path: Path, chosen: str | None = None) -> None:
    """Check that a scenario's file has the buyer that acts, or may have users of Locust's.

    Args:
        chosen: the class that the plan names, as scenario.buyer.

    Raises:
        PlanError: it cannot; the sentence names file and line.
    """
    tree = _tree(path)
    nodes = list(ast.walk(tree))
    classes = {each.name: each for each in nodes if isinstance(each, ast.ClassDef) and each.bases}
    imports = [each for each in nodes if _imports_buyer(each)]
    if any(_makes_classes(each) for each in nodes):
        return
    if not imports:
        if classes or any(isinstance(each, ast.Import | ast.ImportFrom) for each in nodes):
            return
        raise PlanError(
            f"The scenario {named(path)} has neither a buyer nor users of Locust's: write a class "
            f"of dress_rehearsal.scenarios.Buyer, or name a locustfile."
        )
    if not classes:
        raise PlanError(
            f"The scenario {named(path)}, line {_line(imports[0])}, imports Buyer and has no "
            f"buyer: write a class of dress_rehearsal.scenarios.Buyer, with what buying means."
        )
    if chosen is not None and chosen not in classes:
        raise PlanError(
            f"The scenario {named(path)} has no class scenario.buyer; there are: "
            f"{', '.join(sorted(classes))}."
        )
    certain = {each.name: each for each in tree.body if _is_buyers(each, imports)}
    if chosen is None and len(certain) > 1 and not _bases(classes.values()) & certain.keys():
        lines = ", ".join(f"{name} in line {each.lineno}" for name, each in certain.items())
        raise PlanError(
            f"The scenario {named(path)} has {len(certain)} buyers of its own ({lines}): name the "
            f"one that acts as scenario.buyer."
        )
    for each in certain.values():
        if chosen in (None, each.name):
            _check_moments(path, each)
    acting = certain.get(chosen or next(iter(classes))) if chosen or len(classes) == 1 else None
    if acting is not None and not any(_says_buy(each) for each in nodes):
        raise PlanError(
            f"The scenario {named(path)}, line {acting.lineno}: {acting.name} does not say what "
            f"buying means; give it a method buy that returns Granted, Pending or Refused."
        )


def has_shape(path: Path) -> bool:
    """Return whether a Locust file has a class of Locust's `LoadTestShape`, as far as it is written
    out: it alone then says how many users act.

    Raises:
        PlanError: the file is not there, or is not Python.
    """
    classes = [each for each in ast.walk(_tree(path)) if isinstance(each, ast.ClassDef)]
    return any(
        ast.unparse(base).rpartition(".")[2] == "LoadTestShape"
        for each in classes
        for base in each.bases
    )


def moments_of(path: Path, chosen: str | None = None) -> frozenset[str] | None:
    """Return the moments that whoever acts in a scenario's file may define; all others certainly do
    not come. None where that is not to be read: a base of another file's, say, may define any.

    Args:
        chosen: the class that the plan names, as scenario.buyer.

    Raises:
        PlanError: the file is not there, or is not Python.
    """
    tree = _tree(path)
    nodes = list(ast.walk(tree))
    classes = [each for each in nodes if isinstance(each, ast.ClassDef)]
    named_once = {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}
    if len(named_once) < len(classes) or any(_makes_classes(each) for each in nodes):
        return None
    ours = _names_of_buyer(each for each in nodes if _imports_buyer(each))
    lines = {
        name: line
        for name in named_once
        if (line := _line_of_descent(name, named_once, ours)) is not None
    }
    if chosen is None:
        bases = _bases(named_once.values())
        acting = [name for name in lines if name not in bases]
        chosen = acting[0] if len(acting) == 1 else None
    if chosen is None or chosen not in lines:
        return None
    within = [node for each in lines[chosen] for node in ast.walk(each)]
    return frozenset(
        moment
        for moment in Buyer.roles
        if any(_binds(each, moment) for each in within)
        or any(_sets(each, moment) for each in nodes)
    )


def _line_of_descent(
    name: str, classes: Mapping[str, ast.ClassDef], ours: Collection[str]
) -> list[ast.ClassDef] | None:
    """Return a class and all that it inherits from, up to our own Buyer; None where some of it is
    not to be read."""
    line: list[ast.ClassDef] = []
    while name not in ours:
        each = classes.get(name)
        if each is None or each in line or each.decorator_list or each.keywords:
            return None
        if len(each.bases) != 1 or not isinstance(each.bases[0], ast.Name):
            return None
        line.append(each)
        name = each.bases[0].id
    return line


def _check_moments(path: Path, buyer: ast.ClassDef) -> None:
    for each in buyer.body:
        if isinstance(each, ast.AsyncFunctionDef) and each.name in Buyer.roles:
            raise PlanError(
                f"The scenario {named(path)}, line {each.lineno}: {buyer.name}.{each.name} is "
                f"`async def`, and nobody would await it: write `def`."
            )


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


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 1))


def _makes_classes(node: ast.AST) -> bool:
    """Return whether it may make a class in another way than by saying so."""
    match node:
        case ast.Call(func=ast.Name(id="type"), args=[_, _, _]):
            return True
        case ast.Call(func=ast.Name(id="exec" | "new_class") | ast.Attribute(attr="new_class")):
            return True
        case _:
            return False


def _is_buyers(node: ast.AST, imports: list[ast.AST]) -> TypeGuard[ast.ClassDef]:
    """Return whether it is a class whose only base is our own Buyer, and nothing more."""
    if not isinstance(node, ast.ClassDef) or node.decorator_list or node.keywords:
        return False
    names = _names_of_buyer(imports)
    return (
        len(node.bases) == 1 and isinstance(node.bases[0], ast.Name) and (node.bases[0].id in names)
    )


def _names_of_buyer(imports: Iterable[ast.AST]) -> set[str]:
    """Return by which names a file has our own Buyer."""
    return {
        alias.asname or alias.name
        for each in imports
        if isinstance(each, ast.ImportFrom) and each.module == _ROOM
        for alias in each.names
        if alias.name == "Buyer"
    }


def _bases(classes: Iterable[ast.ClassDef]) -> set[str]:
    return {
        node.id
        for each in classes
        for base in each.bases
        for node in ast.walk(base)
        if isinstance(node, ast.Name)
    }


def _binds(node: ast.AST, name: str) -> bool:
    """Return whether it may give the class that it stands in something of a name."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return node.name == name
        case ast.Name(ctx=ast.Store()):
            return node.id == name
        case ast.alias():
            return (node.asname or node.name) in (name, "*")
        case _:
            return False


def _sets(node: ast.AST, name: str) -> bool:
    """Return whether it may give a class something of a name, wherever it stands."""
    match node:
        case ast.Attribute(ctx=ast.Store()):
            return node.attr == name
        case ast.Constant(value=str()):
            return node.value == name
        case _:
            return False


def _says_buy(node: ast.AST) -> bool:
    """Return whether it may give a class its method buy."""
    match node:
        case ast.FunctionDef(name="buy") | ast.AsyncFunctionDef(name="buy"):
            return True
        case ast.Name(id="buy") | ast.Attribute(attr="buy") | ast.Constant(value="buy"):
            return True
        case _:
            return False
