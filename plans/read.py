"""Reading: a plan from TOML with overrides, and the resolved plan back to TOML."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import tomli_w
from pydantic import ValidationError

from dress_rehearsal.plans.document import read_document
from dress_rehearsal.plans.errors import PlanError, PlanInvalidError
from dress_rehearsal.plans.files import is_file, kind_of, named
from dress_rehearsal.plans.overrides import override
from dress_rehearsal.plans.plan import Plan
from dress_rehearsal.plans.problems import (
    option_of,
    placed_at,
    problem_sentences,
    secret_keys,
    source_of,
)
from dress_rehearsal.plans.sections.ledgers import placed
from dress_rehearsal.plans.sections.scenario import place_scenario
from dress_rehearsal.plans.shown import shown_key, shown_override

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
        raise PlanError(
            f"{named(path)} is a matrix of plans, not a plan: run it with `rehearse matrix`."
        )
    keys = [override(document, text) for text in overrides]
    overridden = {key: option_of(shown_key(key.split("."))) for key in keys}
    _place_commands(document, path.parent)
    _place_certificates(document, path.parent)
    placed(document, path.parent)
    place_scenario(document, path.parent)
    for each in _tables(document.get("metrics")):
        _place(each, path.parent)
    return check_plan(document, named(path), overridden)


def _place_commands(document: dict[str, Any], beside: Path) -> None:
    """Make the folder of a plan's commands an absolute one: a run is made elsewhere."""
    target = document.get("target")
    if not isinstance(target, dict):
        return
    reset = target.get("reset")
    if "command" not in target and not (isinstance(reset, dict) and "command" in reset):
        return
    folder = target.get("folder", ".")
    if isinstance(folder, str) and "\0" not in folder:
        target["folder"] = str(beside.absolute() / folder)


def _place_certificates(document: dict[str, Any], beside: Path) -> None:
    """Make the path of a target's certificates an absolute one."""
    target = document.get("target")
    if isinstance(target, dict):
        _place(target, beside)


def _place(section: dict[str, Any], beside: Path) -> None:
    """Make the path of a section's certificates an absolute one."""
    file = section.get("ca_file")
    if isinstance(file, str) and "\0" not in file:
        section["ca_file"] = str(beside.absolute() / file)


def _tables(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def check_plan(
    document: Mapping[str, Any], name: str, overridden: Mapping[str, str] | None = None
) -> Plan:
    """Return the Plan that a parsed document says.

    Args:
        name: of the document, for the sentences.
        overridden: dotted key to the option that set it, named instead of the document.

    Raises:
        PlanInvalidError: one sentence for each wrong key, all at once.
    """
    try:
        plan = Plan.model_validate(document)
    except ValidationError as error:
        raise PlanInvalidError(problem_sentences(error, name, Plan, overridden)) from error
    refuse_secrets(plan.model_dump(mode="json"), name, overridden)
    return plan


def refuse_secrets(document: Any, name: str, overridden: Mapping[str, str] | None = None) -> None:
    """Refuse a document that seems to hold a secret: a plan is written to its run, and shown.

    Raises:
        PlanInvalidError: one sentence for each such key.
    """
    problems = [
        f"{placed_at(source_of(key.split('.'), name, overridden or {}), key)} seems to hold a "
        f"password, a token or a webhook, and plans are written to every run: take it out."
        for key in secret_keys(document)
    ]
    if problems:
        raise PlanInvalidError(problems)


def plan_toml(plan: Plan) -> str:
    """Return the resolved plan as TOML, every default included; reading it gives the same plan."""
    return tomli_w.dumps(plan.model_dump(mode="json", exclude_none=True))


def plan_schema() -> dict[str, Any]:
    """Return the plan's JSON Schema, for editors that complete and check TOML."""
    schema = Plan.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def as_typed(plan: Plan, overrides: Iterable[str] = ()) -> str | None:
    """Return how a command names a plan but for its seed: "smoke --set app.workers=4".

    Args:
        overrides: what was set otherwise than in the plan's file, as a run has it recorded.

    Returns:
        None where nobody could type it: the plan is no bundled one, or not what these overrides
        make of it, or one of them may not be shown.
    """
    own = BUNDLED / f"{plan.name}.toml"
    given = [text for text in overrides if text.partition("=")[0].strip() != "seed"]
    if own not in bundled_plans() or not all(map(_may_be_typed, given)):
        return None
    try:
        if read_plan(own, [*given, f"seed={plan.seed}"]) != plan:
            return None
    except PlanError:
        return None
    return " ".join([plan.name, *(f"--set {shlex.quote(text)}" for text in given)])


def _may_be_typed(override: str) -> bool:
    return override.isprintable() and "`" not in override and shown_override(override) == override


def find_bundled(source: Path) -> Path:
    """Return the file itself, or the one among the bundled that is meant by a bare name.

    Raises:
        PlanError: there is neither.
    """
    if is_file(source):
        return source
    for candidate in sorted(BUNDLED.glob("*.toml")):
        if source in (Path(candidate.stem), Path("plans", candidate.name)):
            return candidate
    names = ", ".join(path.stem for path in bundled_plans())
    kind = kind_of(source)
    there = "" if kind is None else f", which is {kind}"
    raise PlanError(
        f"There is no plan {named(source)}{there}; give a TOML file or a bundled plan: {names}."
    )
