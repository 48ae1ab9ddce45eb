"""Loading: the buyer's class out of a scenario's file."""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.plans.files import named
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.steps import ROLES
from dress_rehearsal.scenarios.buyer import Buyer
from dress_rehearsal.scenarios.kind import kind_of
from dress_rehearsal.scenarios.ticket_open import ticket_open

_LONGEST = 200


def load_buyer(plan: Plan) -> type[Buyer]:
    """Return the class of a plan's scenario: of its file, or the bundled ticket open.

    A file's module finds what stands beside it, under whatever name, and what is installed.

    Raises:
        PlanError: the file is not there or no Python, raises while it is imported, has no buyer or
            several, or one that cannot be played; the sentence names file and line.
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
    wrong = _unplayable(buyer)
    if wrong is not None:
        raise PlanError(f"The scenario {named(path)}: {wrong}")
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
    if not own:
        raise PlanError(
            f"The scenario {named(path)} has no buyer of its own: write a class of "
            f"dress_rehearsal.scenarios.Buyer there, and not inside another class or function."
        )
    raise PlanError(
        f"The scenario {named(path)} has {len(own)} buyers of its own ({there}): name the one "
        f"that acts as scenario.buyer."
    )


def _unplayable(buyer: type[Buyer]) -> str | None:
    """Return why none of a class could do anything, as a sentence; None: nothing is wrong."""
    name = buyer.__name__
    if inspect.isabstract(buyer):
        missing = [each for each in dir(buyer) if _is_abstract(getattr(buyer, each))]
        return f"{name} is abstract; write its {', '.join(missing)}."
    if not _takes(buyer, None, None):
        return f"{name}.__init__ has to take a person and a client, as Buyer's does."
    for method in Buyer.roles:
        wrong = _uncallable(buyer, method)
        if wrong is not None:
            return f"{name}.{method} {wrong}"
    steps: object = buyer.steps
    if not isinstance(steps, Mapping):
        return f"{name}.steps has to be a dict of steps and their roles."
    for step, role in steps.items():
        if not isinstance(step, str) or role not in ROLES:
            return f"{name}.steps has {step!r}: {role!r}; a role is one of {', '.join(ROLES)}."
    return None


def _is_abstract(attribute: object) -> bool:
    return bool(getattr(attribute, "__isabstractmethod__", False))


def _uncallable(buyer: type[Buyer], method: str) -> str | None:
    """Return why a moment could not be called, or would do nothing."""
    own, usual = getattr(buyer, method), getattr(Buyer, method)
    if own is usual:
        return None
    if not callable(own):
        return "is no method."
    if inspect.iscoroutinefunction(own) or inspect.isasyncgenfunction(own):
        return "is `async def`, and nobody would await it: write `def`."
    if inspect.isgeneratorfunction(own):
        return "yields, and nobody would go on with it: return what it says."
    arguments = inspect.signature(usual).parameters
    is_bound = not inspect.isfunction(inspect.getattr_static(buyer, method))
    if not is_bound and not _takes(own, *arguments):
        return f"has to take {', '.join(arguments)}, and nothing else."
    return None


def _takes(function: object, *arguments: object) -> bool:
    """Return whether something can be called like that, or cannot be asked."""
    try:
        inspect.signature(function).bind(*arguments)  # type: ignore[arg-type]
    except TypeError:
        return False
    except ValueError:  # it has no signature that is known
        return True
    return True


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
