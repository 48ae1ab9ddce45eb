"""Whether plans and machines are alike: a difference of numbers may be theirs."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.shown import DOCUMENTS, HIDDEN, shown_setting
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.environment import RUN, SPEED
from dress_rehearsal.records.errors import RunDirectoryUnreadableError
from dress_rehearsal.records.files import is_there, reason, regular

_ABSENT: Final = "—"
_DIFFERS: Final = f"{HIDDEN} (differs)"
_SCENARIO: Final = "scenario.py"
_DIGITS: Final = 12
_NOT_REHEARSED: Final = (
    *("seed", "name", "description", "gates", "notify", "metrics", "ledgers"),
    *("scenario.file", "event.roster"),  # where they lie; what a scenario says is held beside it
    *(f"target.{key}" for key in ("url", "allow", "ca_file", "proxy", "headers")),
    *(f"target.{key}" for key in ("command", "folder", "environment", "reset.command")),
)
"""Keys and tables that make no other rehearsal: what is drawn, what is asked of the numbers, where
they are read, and which build of the target is where."""

_NO_FACTS: Final = ("overrides", RUN, SPEED)
"""What of `environment.json` the plan itself says, and what differs by its nature."""


def rehearsed_alike(one: Plan, other: Plan) -> bool:
    """Return whether two plans rehearse the same: they differ by the seed, the target's build and
    what is asked of the numbers at most."""
    return not plan_differences([one, other])


def plan_digest(plan: Plan, scenario: str | None = None) -> str:
    """Return what is equal of plans that rehearse the same, and of no others.

    Args:
        scenario: the digest of the user's own, which is part of what is rehearsed.
    """
    told = {
        key: value for key, value in _settings(plan).items() if not _is_within(key, _NOT_REHEARSED)
    }
    return _digest(json.dumps([sorted(told.items()), scenario], ensure_ascii=True).encode())


def scenario_digest(run: RunDirectory) -> str | None:
    """Return what is equal of runs of one scenario of the user's own; None where it had none.

    Raises:
        RunDirectoryUnreadableError: it is there and cannot be read.
    """
    scenario = run.path / _SCENARIO
    try:
        return _digest(regular(scenario).read_bytes()) if is_there(scenario) else None
    except OSError as error:
        raise RunDirectoryUnreadableError(f"{scenario} cannot be read: {reason(error)}.") from error


def plan_differences(plans: Sequence[Plan]) -> list[str]:
    """Return the keys by which plans rehearse something else, in the plan's order."""
    return [key for key, _ in differing_keys(plans)]


def differing_keys(
    plans: Sequence[Plan], *, everything: bool = False
) -> list[tuple[str, tuple[str, ...]]]:
    """Return each key whose value differs, with the value of each plan as it is shown.

    Of values that are hidden those are marked that differ from the first of them.

    Args:
        everything: also what makes no other rehearsal, but the seed.
    """
    found = _differing([_settings(plan) for plan in plans])
    kept = ("seed",) if everything else _NOT_REHEARSED
    return [(key, _beside(key, values)) for key, values in found if not _is_within(key, kept)]


def differing_facts(
    environments: Sequence[Sequence[Mapping[str, Any]]],
) -> list[tuple[str, tuple[str, ...]]]:
    """Return each fact of the machines that differs: of each side what its runs say, together."""
    sides = []
    for runs in environments:
        said: dict[str, dict[str, None]] = {}
        for run in runs:
            facts = {key: value for key, value in run.items() if key not in _NO_FACTS}
            for key, value in _leaves(facts):
                said.setdefault(key, {})[shown_setting(key, _text(value))] = None
        sides.append({key: ", ".join(values) for key, values in said.items()})
    return _differing(sides)


def flattened(plan: Plan) -> dict[str, str]:
    """Return every value of a plan as it is shown, by its dotted key; nothing secret."""
    return {key: shown_setting(key, value) for key, value in _settings(plan).items()}


def _settings(plan: Plan) -> dict[str, str]:
    document = plan.model_dump(mode="json", exclude_none=True)
    return {key: _text(value) for key, value in _leaves(document)}


def _beside(key: str, values: Sequence[str]) -> tuple[str, ...]:
    shown = [value if value == _ABSENT else shown_setting(key, value) for value in values]
    hidden = [value for value, text in zip(values, shown, strict=True) if text == HIDDEN]
    return tuple(
        _DIFFERS if text == HIDDEN and value != hidden[0] else text
        for value, text in zip(values, shown, strict=True)
    )


def _differing(sides: Sequence[Mapping[str, str]]) -> list[tuple[str, tuple[str, ...]]]:
    keys = dict.fromkeys(key for side in sides for key in side)
    rows = [(key, tuple(side.get(key, _ABSENT) for side in sides)) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def _leaves(document: Any, parts: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    whole = ".".join(parts) in DOCUMENTS
    if isinstance(document, Mapping) and document and not whole:
        for key, value in document.items():
            yield from _leaves(value, (*parts, str(key)))
    elif (
        isinstance(document, list)
        and not whole
        and any(isinstance(each, Mapping) for each in document)
    ):
        for place, value in enumerate(document):
            yield from _leaves(value, (*parts, str(place)))
    else:
        yield ".".join(parts), document


def _text(value: Any) -> str:
    if value is None:
        return _ABSENT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_within(key: str, tables: Sequence[str]) -> bool:
    return any(key == table or key.startswith(f"{table}.") for table in tables)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
