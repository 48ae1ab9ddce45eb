"""A plan is named as a command takes it, where whoever reads that can type it."""

import shlex
from pathlib import Path

import pytest

from dress_rehearsal.plans import as_typed, read_plan
from dress_rehearsal.plans.overrides import in_effect

SMOKE = Path("smoke")


@pytest.mark.parametrize(
    ("overrides", "typed"),
    [
        ([], "smoke"),
        (["seed=7"], "smoke"),
        (["app.workers=4", "seed=7"], "smoke --set app.workers=4"),
        (["app={workers=4}"], "smoke --set app.workers=4"),
        (["schedule.sale=7s"], "smoke --set schedule.sale=7s"),
        (["app.allocation = row_lock"], "smoke --set app.allocation=row_lock"),
    ],
)
def test_what_is_typed_makes_the_same_plan(overrides: list[str], typed: str) -> None:
    plan = read_plan(SMOKE, overrides)
    said = as_typed(plan, in_effect(overrides, plan))
    assert said == typed
    again = read_plan(SMOKE, shlex.split(said)[2::2])
    assert again.model_copy(update={"seed": plan.seed}) == plan


@pytest.mark.parametrize(
    ("overrides", "recorded"),
    [
        (["app.workers=4"], []),
        (["app.workers=4"], ["app.workers=3"]),
        (["app.workers=4"], ["app.workers=4", "app.nothing=3"]),
        (["description=For us only"], ["description=For us only"]),
        (["name=mine"], ["name=mine"]),
        (["description=a`b"], ["description=a`b"]),
    ],
    ids=["not recorded", "of another", "not known", "not shown", "another name", "breaks out"],
)
def test_what_nobody_could_type_has_no_name(overrides: list[str], recorded: list[str]) -> None:
    assert as_typed(read_plan(SMOKE, overrides), recorded) is None
