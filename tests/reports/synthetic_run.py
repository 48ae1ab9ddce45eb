"""Writes a whole run directory from a seed, without a target: healthy, or with defects on purpose.

`build_run(tmp_path, students=600, tickets=200, seed=7, oversell=3)` gives a `RunDirectory` as the
conductor would leave it behind. Every keyword that is a field of `Defects` seeds that defect.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from tests.reports.synthetic_defects import Defects
from tests.reports.synthetic_files import Files
from tests.reports.synthetic_story import Story


def build_run(
    tmp_path: Path,
    *,
    students: int = 600,
    tickets: int = 200,
    seed: int = 7,
    workers: int = 2,
    allocation: str = "redis_writeback",
    gates: Sequence[tuple[str, str]] = (),
    plan: Mapping[str, Mapping[str, Any]] | None = None,
    **defects: Any,
) -> RunDirectory:
    """Write a run directory under `tmp_path`, the same bytes for the same arguments.

    Args:
        gates: (metric, limit) pairs.
        plan: further sections of the plan, such as `{"schedule": {"lead": "30s"}}`.
        defects: fields of `Defects`.
    """
    resolved = plan_of(
        students=students,
        tickets=tickets,
        seed=seed,
        workers=workers,
        allocation=allocation,
        gates=gates,
        plan=plan,
    )
    story = Story(resolved, Defects(**defects))
    run = RunDirectory(tmp_path / f"20261120T180000Z-synthetic-{seed:06x}")
    for folder in (run.requests, run.metrics, run.logs, run.figures):
        folder.mkdir(parents=True)
    Files(story).write(run)
    return run


def plan_of(
    *,
    students: int = 600,
    tickets: int = 200,
    seed: int = 7,
    workers: int = 2,
    allocation: str = "redis_writeback",
    gates: Sequence[tuple[str, str]] = (),
    plan: Mapping[str, Mapping[str, Any]] | None = None,
    **defects: Any,
) -> Plan:
    """Return the plan of `build_run` with these arguments, whatever goes wrong in it."""
    document: dict[str, Any] = {
        "name": "synthetic",
        "seed": seed,
        "event": {"students": students, "tickets": tickets},
        "schedule": {"lead": "6s", "sale": "8s", "drain": "4s"},
        "students": {"late_mean": "1s", "login_at_open": "2s", "countdown_poll": "1s"},
        "app": {"workers": workers, "allocation": allocation},
        "gates": [{"metric": metric, "limit": limit} for metric, limit in gates],
    }
    for name, section in (plan or {}).items():
        document[name] = {**document.get(name, {}), **section}
    return Plan.model_validate(document)
