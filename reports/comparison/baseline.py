"""A baseline: what a rehearsal is held against, and the snapshot of it that its run keeps.

A run is judged from its files alone, so what it was rehearsed against is among them:
`baseline.json` has the medians of the baseline's numbers, and says of which runs they are and which
of them are lower bounds.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.files import named
from dress_rehearsal.reports.alike import plan_differences
from dress_rehearsal.reports.comparison.numbers import Metric, metrics_of, unmeasured, values_of
from dress_rehearsal.reports.comparison.sides import Side, read_sides
from dress_rehearsal.reports.errors import ComparisonRefusedError
from dress_rehearsal.reports.history.intervals import FEWEST
from dress_rehearsal.reports.lower_bounds import over_runs
from dress_rehearsal.reports.numbers import significant
from dress_rehearsal.reports.words import counted

_SCHEMA: Final = 1


def read_baseline(path: Path, plan: Plan) -> Side:
    """Return what a plan is to be held against.

    Raises:
        ComparisonRefusedError: no gate of the plan holds anything against it, or there are runs of
            several plans.
        PlanError, RunDirectoryUnreadableError: there is no run there, or none that can be read.
    """
    if not any(gate.regression for gate in plan.gates):
        raise ComparisonRefusedError(
            "--baseline: no gate of the plan says how much worse its number may become, so nothing "
            'would be held against it: give one a regression, such as regression = "< 10% and < 50 '
            'ms", or leave --baseline out.'
        )
    sides = read_sides([path])
    if len(sides) > 1:
        raise ComparisonRefusedError(
            f"--baseline {named(path)}: runs of {len(sides)} plans are in it: name a run, or a "
            f"folder of repeats of one plan."
        )
    return sides[0]


def remarks_on(base: Side, plan: Plan, runs: int, fingerprint: str | None) -> Iterator[str]:
    """Yield what will keep a rehearsal from being decided by its baseline, before it is performed.

    Args:
        runs: how many are to be performed.
        fingerprint: of the machine that performs them; None where it is not known yet.
    """
    keys = plan_differences([base.plan, plan])
    if keys:
        yield (
            f"The baseline is of another plan ({', '.join(keys[:3])}), so the comparison will "
            f"decide nothing."
        )
    if any(run.lacks_scenario for run in base.runs):
        yield (
            "The baseline has no copy of its scenario (scenario.py is kept with a run's other "
            "files), so the comparison will decide nothing."
        )
    if fingerprint is not None and base.fingerprints != {fingerprint}:
        yield (
            "The baseline was not measured on this machine as it is now, so the comparison will "
            "decide nothing."
        )
    for words, there in (("The baseline has", len(base.runs)), ("There will be", runs)):
        if there < FEWEST:
            yield (
                f"{words} {counted(there, 'run')}, and it takes {FEWEST} a side, so the comparison "
                f"will decide nothing (--repeat {FEWEST})."
            )
    if len(base.runs) >= FEWEST:
        yield from _unmeasured(base, plan)


def _unmeasured(base: Side, plan: Plan) -> Iterator[str]:
    """Yield for which numbers a baseline of enough runs has too few that count, or some without."""
    for gate in plan.gates:
        if gate.regression is None:
            continue
        metric = Metric(gate.path, gate.span)
        there, without = len(values_of(base, metric)), unmeasured(base, metric)
        if there < FEWEST or without:
            why = f", and {without} that count have none" if without else ""
            yield (
                f"Of {metric.name} the baseline has {counted(there, 'number')} that count{why}; it "
                f"takes {FEWEST}, one of each run that counts, so the comparison will not decide "
                f"it: rehearse the baseline with this plan, on a quiet machine."
            )


def snapshot(base: Side) -> dict[str, Any]:
    """Return `baseline.json` of a run that is rehearsed against this."""
    medians, at_least = {}, []
    for metric in metrics_of([base]):
        values = values_of(base, metric)
        if values:
            of_runs = over_runs(values)
            medians[metric.name] = significant(of_runs.median)
            at_least += [metric.name] if "median" in of_runs.at_least else []
    return {
        "schema": _SCHEMA,
        "of": base.name,
        "fingerprints": sorted(each or "" for each in base.fingerprints),
        "runs": [
            {
                "run": run.verdict.run,
                "seed": run.plan.seed,
                "verdict": run.verdict.verdict,
                "commit": run.environment.get("git_commit"),
            }
            for run in base.runs
        ],
        "numbers": medians,
        "at_least": at_least,
    }
