"""Reading: a plan from TOML with overrides, and the resolved plan back to TOML."""

import difflib
import json
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import tomli_w
from pydantic import BaseModel, ValidationError

from dress_rehearsal.plans.errors import PlanError, PlanInvalidError
from dress_rehearsal.plans.plan import Plan

BUNDLED: Final = Path(__file__).parent
"""The folder of the plans that come with the project."""

_MATRIX: Final = "matrix.toml"


def bundled_plans() -> list[Path]:
    """Return the files of the plans that come with the project; the matrix is none."""
    return sorted(path for path in BUNDLED.glob("*.toml") if path.name != _MATRIX)


def read_plan(source: Path, overrides: Iterable[str] = ()) -> Plan:
    """Return a plan, read and checked.

    Args:
        source: a TOML file; a bare name such as `festival` or `plans/festival.toml` that is not
            a file here is looked up among the bundled plans.
        overrides: `section.key=value` texts as given to `--set`, applied in order.

    Raises:
        PlanError: the file cannot be read or is not TOML.
        PlanInvalidError: keys, types, units or ranges are wrong; all are named at once.
    """
    path = find_bundled(source)
    document = read_document(path)
    if "rows" in document:
        raise PlanError(f"{path} is a matrix of plans, not a plan: run it with `rehearse matrix`.")
    overridden = {}
    for text in overrides:
        overridden[_override(document, text)] = text
    return check_plan(document, str(path), overridden)


def read_document(path: Path) -> dict[str, Any]:
    """Return a TOML file's tables and values.

    Raises:
        PlanError: it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"The plan {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"The plan {path} is not valid TOML: {error}.") from error


def check_plan(
    document: Mapping[str, Any], name: str, overridden: Mapping[str, str] | None = None
) -> Plan:
    """Return the Plan that a parsed document says.

    Args:
        name: of the document, for the sentences.
        overridden: dotted key to the `--set` text that set it, named instead of the document.

    Raises:
        PlanInvalidError: one sentence for each wrong key, all at once.
    """
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        raise PlanInvalidError(problem_sentences(error, name, Plan, overridden or {})) from error


def plan_toml(plan: Plan) -> str:
    """Return the resolved plan as TOML, every default included; reading it gives the same plan."""
    return tomli_w.dumps(plan.model_dump(mode="json", exclude_none=True))


def plan_schema() -> dict[str, Any]:
    """Return the plan's JSON Schema, for editors that complete and check TOML."""
    schema = Plan.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def problem_sentences(
    error: ValidationError,
    name: str,
    model: type[BaseModel],
    overridden: Mapping[str, str] | None = None,
) -> list[str]:
    """Return everything that is wrong with a document of `model`, a sentence for each wrong key."""
    return [_sentence(name, problem, model, overridden or {}) for problem in error.errors()]


def find_bundled(source: Path) -> Path:
    """Return the file itself, or the one among the bundled that is meant by a bare name.

    Raises:
        PlanError: there is neither.
    """
    if source.is_file():
        return source
    for candidate in sorted(BUNDLED.glob("*.toml")):
        if source in (Path(candidate.stem), Path("plans", candidate.name)):
            return candidate
    names = ", ".join(path.stem for path in bundled_plans())
    raise PlanError(f"There is no plan {source}; give a TOML file or a bundled plan: {names}.")


def _override(document: dict[str, Any], text: str) -> str:
    key, equals, written = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise PlanError(f"--set {text}: write it as section.key=value, such as app.workers=4.")
    table = document
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise PlanError(f"--set {text}: {part} is a value, not a section of the plan.")
    table[parts[-1]] = _toml_value(written.strip())
    return key.strip()


def _toml_value(written: str) -> Any:
    """Return the value as TOML has it; what is not TOML is a string without its quotes."""
    try:
        return tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        return written


def _sentence(
    name: str, problem: Any, model: type[BaseModel], overridden: Mapping[str, str]
) -> str:
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location)
    value = problem["input"]
    shown = json.dumps(value, default=str, ensure_ascii=False)
    # What stands in `notify`, in the right place or not, may be a secret.
    secret = location[:1] == ["notify"]
    if secret:
        shown = "…"
    where = next(
        (
            f"--set {set_key if secret else text}"
            for set_key, text in overridden.items()
            if _overlap(set_key, key)
        ),
        name,
    )
    match problem["type"]:
        case "extra_forbidden":
            return f"{where}: there is no key {key} (value {shown}); {_known_keys(model, location)}"
        case "missing":
            return f"{where}: the key {key} is missing; it must be given."
        case "value_error":
            reason = str(problem["ctx"]["error"])
        case "tuple_type":
            reason = "expected a list"
        case "model_type" | "dict_type":
            reason = "expected a table of keys"
        case _:
            message = problem["msg"]
            reason = message.removeprefix("Input should be ")
            if reason != message:
                reason = f"expected {reason}"
    if isinstance(value, dict):
        return f"{where}: {key + ': ' if key else ''}{reason}."
    return f"{where}: {key} = {shown}: {reason}."


def _overlap(set_key: str, key: str) -> bool:
    """Return whether one key is the other, or a section that holds it."""
    one, other = set_key.split("."), key.split(".") if key else []
    return bool(other) and all(a == b for a, b in zip(one, other, strict=False))


def _known_keys(model: type[BaseModel], location: list[str]) -> str:
    for part in location[:-1]:
        if part in model.model_fields:  # else a position in a list, or a name in a table
            model = _section(model.model_fields[part].annotation)
    known = sorted(model.model_fields)
    close = difflib.get_close_matches(location[-1], known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known keys there: {', '.join(known)}."


def _section(annotation: Any) -> type[BaseModel]:
    """Return the section model in an annotation such as `tuple[Gate, ...]` or `Event`."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation
    for argument in typing.get_args(annotation):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument
    raise TypeError(f"{annotation!r} holds no section")
