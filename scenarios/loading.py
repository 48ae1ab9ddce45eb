"""Loading: the buyer's class out of a scenario's file."""

import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.plans.files import named
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.scenarios.buyer import Buyer
from dress_rehearsal.scenarios.kind import kind_of
from dress_rehearsal.scenarios.ticket_open import ticket_open

_LONGEST = 200


def load_buyer(plan: Plan) -> type[Buyer]:
    """Return the class of a plan's scenario: of its file, or the bundled ticket open.

    A file's module finds what stands beside it, under whatever name, and what is installed.

    Raises:
        PlanError: the file is not there or no Python, raises while it is imported, or has no buyer
            or several; the sentence names file and line.
        ScenarioError: what the bundled ticket open needs is not there.
    """
    if plan.scenario.file is None:
        return ticket_open(plan)
    path = Path(plan.scenario.file)
    if kind_of(path) != "buyers":
        raise PlanError(
            f"The scenario {named(path)} has no buyer: write a class of "
            f"dress_rehearsal.scenarios.Buyer, with what buying means."
        )
    module = _imported(path)
    found = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Buyer) and each.__module__ == module.__name__
    ]
    # Of a class and one made of it, the latter is meant.
    own = {
        each.__name__: each for each in found if not any(each in one.__mro__[1:] for one in found)
    }
    buyer = _chosen(plan.scenario.buyer, own, {each.__name__: each for each in found}, path)
    if buyer.buy is Buyer.buy:
        raise PlanError(
            f"The scenario {named(path)}: {buyer.__name__} does not say what buying means; give it "
            f"a method buy that returns Granted, Pending or Refused."
        )
    return buyer


def _chosen(
    name: str | None, own: dict[str, type[Buyer]], found: dict[str, type[Buyer]], path: Path
) -> type[Buyer]:
    if name is not None and name in found:
        return found[name]
    if name is None and len(own) == 1:
        return next(iter(own.values()))
    there = ", ".join(sorted(found)) or "none"
    if name is not None:
        raise PlanError(
            f"The scenario {named(path)} has no class scenario.buyer; there are: {there}."
        )
    raise PlanError(
        f"The scenario {named(path)} has {len(own) or 'no'} buyers of its own ({there}): name the "
        f"one that acts as scenario.buyer."
    )


def _imported(path: Path) -> ModuleType:
    name = f"scenario_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PlanError(f"The scenario {named(path)} is not a file that ends with .py.")
    module = importlib.util.module_from_spec(spec)
    with _leaving_no_byte_code():
        sys.modules[name] = module
        sys.path.insert(0, str(path.parent))
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise PlanError(_why(path, error)) from error
    return module


def _why(path: Path, error: BaseException) -> str:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == path
    ]
    at = f", line {lines[-1]}" if lines else ""
    said = visible_line(str(error))[:_LONGEST].rstrip(".")
    return (
        f"The scenario {named(path)}{at} cannot be loaded: "
        f"{type(error).__name__}{f': {said}' if said else ''}."
    )


@contextmanager
def _leaving_no_byte_code() -> Iterator[None]:
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
