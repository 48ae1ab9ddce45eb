"""A secret in any place of a plan, in any shape, is shown by no sentence about that plan."""

import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from dress_rehearsal.plans import Plan, PlanInvalidError
from dress_rehearsal.plans.read import check_plan

SECRET = "q7Hd-4711-SENTINEL-Zm9vYmFy"
SHAPES = {
    "a text": SECRET,
    "a list": [SECRET],
    "a table's value": {"name": SECRET},
    "a table's key": {SECRET: 1},
    "a list of tables": [{SECRET: SECRET}],
    "a table of tables": {SECRET: {SECRET: SECRET}},
}


def places(model: type[BaseModel], before: tuple[str | int, ...] = ()) -> Iterator[Sequence[Any]]:
    """Every key of a document, down to the last; `x` and 0 where names or positions are free."""
    for name, field in model.model_fields.items():
        place = (*before, field.alias or name)
        yield place
        for free, section in sections(field.annotation):
            yield (*place, *free)
            yield from places(section, (*place, *free))


def sections(annotation: Any) -> Iterator[tuple[tuple[str | int, ...], type[BaseModel]]]:
    """The sections within an annotation, and where in it they stand."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield (), annotation
        return
    step = {tuple: (0,), list: (0,), dict: ("app",)}.get(typing.get_origin(annotation), ())
    for inner in typing.get_args(annotation):
        for free, section in sections(inner):
            yield (*step, *free), section


def document(place: Sequence[str | int], value: object) -> Any:
    for part in reversed(place):
        value = [value] if isinstance(part, int) else {part: value}
    return value


PLACES = {".".join(map(str, place)): place for place in places(Plan)}


def test_the_places_are_those_of_nested_tables_too() -> None:
    assert {"stage.limits.app.cpus", "gates.0.limit", "metrics.0.pools.used"} <= PLACES.keys()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_secret_anywhere_is_not_shown(shape: str) -> None:
    shown = []
    for key, place in PLACES.items():
        plan = {"name": "shop", **document(place, SHAPES[shape])}
        try:
            check_plan(plan, "shop.toml")
        except PlanInvalidError as refused:
            shown += [f"{key}: {one}" for one in refused.problems if SECRET in one]
    assert shown == []
