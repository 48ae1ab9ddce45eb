"""A series: one plan after the other, each on a stage of its own and judged, until all are done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape

from dress_rehearsal.compose import StageError
from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.records.timeline import ABORTED
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.run import rehearse
from dress_rehearsal.rehearsal.terminal.screen import Screen, print_verdict
from dress_rehearsal.reports.schema import Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """One run of a series; `interrupted` when it was cut short, and the series with it."""

    label: str
    plan: Plan
    run: RunDirectory
    verdict: Verdict
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Series:
    """What came of a series: the runs that have a verdict, in their order."""

    judged: tuple[Judged, ...]
    planned: int
    interrupted: bool

    @property
    def complete(self) -> bool:
        """Whether every plan was performed to its end and judged."""
        return len(self.judged) == self.planned and not self.interrupted


class Planned(NamedTuple):
    """One run to be: the words that tell it from the others, its plan, and what was set otherwise
    than in the plan's file, its own part of the series included."""

    label: str
    plan: Plan
    overrides: Sequence[str] = ()


def perform_series(
    plans: Sequence[Planned],
    runs: Path,
    console: Console,
    roster: Path | None = None,
    *,
    prometheus: bool | None = None,
    baseline: Mapping[str, Any] | None = None,
) -> Series:
    """Perform every plan, the next one even when one has no verdict, until somebody interrupts.

    A run that is interrupted is judged as far as it went, and is the last.

    Args:
        runs: the folder that gets the run directories.
        roster: who acts, for a target that has its own people.
        prometheus: whether to run one beside each; none: where the machine has one.
        baseline: what each is rehearsed against, as it keeps it.
    """
    judged: list[Judged] = []
    interrupted = False
    try:
        for number, (label, plan, overrides) in enumerate(plans, start=1):
            console.print(f"[bold]{number} of {len(plans)}: {escape(label)}[/]")
            try:
                screen = Screen(console)
                verdict = rehearse(
                    plan,
                    runs,
                    screen,
                    roster,
                    prometheus=prometheus,
                    overrides=overrides,
                    baseline=baseline,
                )
            except (PlanError, RecordError, RehearsalError, StageError) as error:
                console.print(f"{label} has no verdict: {error}", style="red", markup=False)
                continue
            run = RunDirectory.open(runs / verdict.run)
            interrupted = any(
                event.kind == "abort" and event.name != ABORTED for event in run.timeline()
            )
            judged.append(Judged(label, plan, run, verdict, interrupted))
            print_verdict(console, verdict, run.path)
            if interrupted:
                break
    except KeyboardInterrupt:  # before there was anything of a run to report, or after its verdict
        interrupted = True
    return Series(tuple(judged), len(plans), interrupted)
