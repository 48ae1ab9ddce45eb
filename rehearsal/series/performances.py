"""A series: one plan after the other, each on a stage of its own and judged, until all are done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape

from dress_rehearsal.compose import StageError
from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.records.files import remedy, resolved
from dress_rehearsal.records.timeline import ABORTED
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.history import Kept
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
    than in the plan's file, its own part of the series included.

    `folder` is where below the series' own it stands; `build` which build of the target it is of,
    where that is another than the others'; `app_python` the Python that the app of ours is run by.
    """

    label: str
    plan: Plan
    overrides: Sequence[str] = ()
    folder: str = ""
    build: str | None = None
    app_python: Path | None = None


def seeded(plans: Sequence[Plan], overrides: Sequence[str]) -> list[Planned]:
    """Return runs of one plan with a seed each.

    Args:
        overrides: what was set otherwise than in the plan's file, as it was given for the first;
            the others differ from it by their seed besides.
    """
    alike = [text for text in overrides if text.partition("=")[0].strip() != "seed"]
    return [
        Planned(f"seed {plan.seed}", plan, [*alike, f"seed={plan.seed}"] if turn else overrides)
        for turn, plan in enumerate(plans)
    ]


def series_folder(runs: Path, name: str) -> Path:
    """Make `<runs>/<UTC time>-<name>/` for the runs of a series, and return it.

    Raises:
        RehearsalError: it cannot be made.
    """
    folder = resolved(runs) / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise RehearsalError(
            f"The folder {folder} cannot be made: {error.strerror or error}; "
            f"{remedy(error, 'choose another folder with --out')}."
        ) from error
    return folder


def perform_series(
    plans: Sequence[Planned],
    runs: Path,
    console: Console,
    roster: Path | None = None,
    *,
    prometheus: bool | None = None,
    baseline: Mapping[str, Any] | None = None,
    kept: Kept | None = None,
) -> Series:
    """Perform every plan, the next one even when one has no verdict, until somebody interrupts.

    A run that is interrupted is judged as far as it went, and is the last.

    Args:
        runs: the folder that gets the run directories.
        roster: who acts, for a target that has its own people.
        prometheus: whether to run one beside each; none: where the machine has one.
        baseline: what each is rehearsed against, as it keeps it.
        kept: which history each run is put into, and of which build it is.
    """
    judged: list[Judged] = []
    interrupted = False
    try:
        for number, planned in enumerate(plans, start=1):
            console.print(f"[bold]{number} of {len(plans)}: {escape(planned.label)}[/]")
            one = perform(
                planned, runs, console, roster, prometheus=prometheus, baseline=baseline, kept=kept
            )
            if one is None:
                continue
            judged.append(one)
            interrupted = one.interrupted
            if interrupted:
                break
    except KeyboardInterrupt:  # before there was anything of a run to report, or after its verdict
        interrupted = True
    return Series(tuple(judged), len(plans), interrupted)


def perform(
    planned: Planned,
    runs: Path,
    console: Console,
    roster: Path | None = None,
    *,
    prometheus: bool | None = None,
    baseline: Mapping[str, Any] | None = None,
    kept: Kept | None = None,
) -> Judged | None:
    """Perform one plan and print its verdict; None, and why is printed, where there is none.

    Args:
        runs, roster, prometheus, baseline, kept: as of `perform_series`.
    """
    kept = kept or Kept()
    folder = runs / planned.folder
    try:
        verdict = rehearse(
            planned.plan,
            folder,
            Screen(console),
            roster,
            prometheus=prometheus,
            overrides=planned.overrides,
            baseline=baseline,
            kept=kept if planned.build is None else replace(kept, build=planned.build),
            app_python=planned.app_python,
        )
    except (PlanError, RecordError, RehearsalError, StageError) as error:
        console.print(f"{planned.label} has no verdict: {error}", style="red", markup=False)
        return None
    run = RunDirectory.open(folder / verdict.run)
    interrupted = any(event.kind == "abort" and event.name != ABORTED for event in run.timeline())
    print_verdict(console, verdict, run.path)
    return Judged(planned.label, planned.plan, run, verdict, interrupted)
