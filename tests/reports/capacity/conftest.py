"""What a search came to, made of loads and outcomes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.plans import read_plan
from dress_rehearsal.reports.capacity.result import Sought, capacity_of
from dress_rehearsal.reports.capacity.schema import Capacity, CapacityTry, Level
from tests.steps import PURCHASE

VERDICTS = {"pass": "pass", "fail": "fail"}
STEPS = read_plan(Path("steps"))
FESTIVAL = read_plan(Path("festival"))


def sought(**changed: Any) -> Sought:
    usual: dict[str, Any] = {
        "plan": FESTIVAL,
        "over": "event.students",
        "own": 12_000,
        "least": 750,
        "most": 192_000,
        "why_most": "16 times the plan's own",
        "value": 1.0,
        "within": 0.1,
        "repeats": 3,
        "remarks": ("event.tickets (5,000 of 12,000) keeps its share of the students.",),
        "most_tries": 14,
        "most_s": 1_610.0,
    }
    return Sought(**(usual | changed))


def one(people: int, outcome: str, number: int = 0, **changed: Any) -> CapacityTry:
    values: dict[str, Any] = {
        "run": f"20261120T18{number:04d}Z-festival-{people}",
        "seed": 2026 + number,
        "load": people,
        "people": people,
        "outcome": outcome,
        "verdict": VERDICTS.get(outcome, "inconclusive"),
        "reason": f"Because of {outcome}.",
        "cause": "Cause of slowness: the app's event loops.",
        "broken": "census.failed is 7, the limit is == 0" if outcome == "fail" else None,
        "p99_ms": people / 10,
        "p99_low": people / 11,
        "p99_high": people / 9,
        "tickets_per_s": 900.0,
        "answers_per_s": 4_000,
        "took_s": 110.0,
    }
    return CapacityTry(**(values | changed))


@pytest.fixture
def found() -> Callable[..., Capacity]:
    """Return what tries come to: `found((12_000, "pass"), (24_000, "fail"), ended="found")`."""

    def build(*tries: tuple[int, str], ended: Any = "found", **changed: Any) -> Capacity:
        made = [one(people, word, number) for number, (people, word) in enumerate(tries)]
        return capacity_of(sought(**changed), made, step=PURCHASE, ended=ended, took_s=1_234.5)

    return build


def level(number: int, each: float = 40.0) -> Level:
    return Level(run="run", from_s=2, until_s=10, in_flight=number, answers_per_s=number * each)
