"""Sides to be compared: runs of which only what a test is about differs."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.plans import Gate, Plan, plan_toml
from dress_rehearsal.reports.comparison.sides import Side, SideRun
from dress_rehearsal.reports.lower_bounds import RunNumber
from dress_rehearsal.reports.schema import Verdict
from tests.steps import PURCHASE

P99 = f"latency_ms[{PURCHASE}].p99"
AT_LEAST = partial(RunNumber, at_least=True)
MARGINS = "< 10% and < 20 ms"
MACHINE = {"fingerprint": "3f2a", "git_commit": "a" * 40, "packages": {"litestar": "2.15"}}


@pytest.fixture(scope="session")
def run_of(evidence_of, verdict_of) -> Callable[..., SideRun]:
    """One run whose purchases took so long: `run_of(120.0, seed=3, verdict={…}, plan={…})`; at
    least so long: `run_of(AT_LEAST(10_000.0))`."""

    def build(p99: float | RunNumber | None, seed: int = 1, **changed: Any) -> SideRun:
        evidence = evidence_of(students=60, tickets=20)
        own = verdict_of(students=60, tickets=20)
        gates = (Gate(metric=P99, limit="<= 3s", regression=MARGINS),)
        update = {"seed": seed, "gates": gates, **changed.get("plan", {})}
        bought = own.latency_ms[PURCHASE]
        took: dict[str, Any] = {"p99": p99}
        if isinstance(p99, RunNumber):
            took = {"p99": p99.value, "given_up": bought.count, "failed": bought.count}
        latency = own.latency_ms | {PURCHASE: bought.model_copy(update=took)}
        said: dict[str, Any] = {"run": f"run-{seed}", "latency_ms": latency, "doubts": ()}
        verdict = own.model_copy(update=said | changed.get("verdict", {}))
        return SideRun(
            verdict, evidence.plan.model_copy(update=update), MACHINE | changed.get("machine", {})
        )

    return build


@pytest.fixture(scope="session")
def side_of(run_of) -> Callable[..., Side]:
    """A side of runs whose purchases took so long: `side_of("new", [100.0, 101.0])`."""

    def build(name: str, p99s: Sequence[float | RunNumber | None], **changed: Any) -> Side:
        runs = (run_of(p99, seed, **changed) for seed, p99 in enumerate(p99s, start=1))
        return Side(name, tuple(runs))

    return build


@pytest.fixture(scope="session")
def written() -> Callable[[Path, Side], Path]:
    """Write the runs of a side into a folder, as `rehearse run --repeat` leaves them."""

    def write(folder: Path, side: Side) -> Path:
        import json

        for run in side.runs:
            own = folder / run.verdict.run
            own.mkdir(parents=True)
            (own / "plan.toml").write_text(plan_toml(run.plan))
            (own / "verdict.json").write_text(run.verdict.text())
            (own / "environment.json").write_text(json.dumps(run.environment))
        return folder

    return write


__all__ = ["AT_LEAST", "MACHINE", "MARGINS", "P99", "Plan", "Verdict"]
