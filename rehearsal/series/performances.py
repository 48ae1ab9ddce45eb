"""A series: one plan after the other, each on a stage of its own and judged, until all are done."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

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
from dress_rehearsal.rehearsal.series.bound import SeriesTime
from dress_rehearsal.rehearsal.signals import noticed
from dress_rehearsal.rehearsal.terminal.screen import Screen, print_verdict
from dress_rehearsal.reports.schema import Verdict

_INTERRUPTED: Final = "interrupted before it was judged"


@dataclass(frozen=True, slots=True)
class Judged:
    """One run of a series.

    Attributes:
        interrupted: whether it was cut short, and the series with it.
        is_last: whether the series was, once this one had been judged.
    """

    label: str
    plan: Plan
    run: RunDirectory
    verdict: Verdict
    interrupted: bool
    is_last: bool = False


class Unjudged(NamedTuple):
    """A run of a series that has no verdict, and why, the end of a sentence."""

    label: str
    why: str


@dataclass(frozen=True, slots=True)
class Series:
    """What came of a series: of each run that was planned, in their order."""

    outcomes: tuple[Judged | Unjudged, ...]
    interrupted: bool

    @property
    def judged(self) -> tuple[Judged, ...]:
        """The runs that have a verdict."""
        return tuple(one for one in self.outcomes if isinstance(one, Judged))

    @property
    def planned(self) -> int:
        """How many runs there were to be."""
        return len(self.outcomes)

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

    Of two that begin in one second the other has a random word before its name, which stays last:
    `*-x5` names repeats.

    Raises:
        RehearsalError: it cannot be made.
    """
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    folder = resolved(runs) / f"{stamp}-{name}"
    try:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            folder = folder.with_name(f"{stamp}-{secrets.token_hex(3)}-{name}")
            folder.mkdir()
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

    How long that takes is told before the first, and how far it is after each. A run that is
    interrupted is judged as far as it went, and is the last.

    Args:
        runs: the folder that gets the run directories.
        roster: who acts, for a target that has its own people.
        prometheus: whether to run one beside each; none: where the machine has one.
        baseline: what each is rehearsed against, as it keeps it.
        kept: which history each run is put into, and of which build it is.
    """
    outcomes: list[Judged | Unjudged] = []
    interrupted = False
    times, began_s = SeriesTime.of([planned.plan for planned in plans]), time.monotonic()
    console.print(times.told(), markup=False)
    try:
        for number, planned in enumerate(plans, start=1):
            console.print(f"[bold]{number} of {len(plans)}: {escape(planned.label)}[/]")
            one_began_s = time.monotonic()
            one = perform(
                planned, runs, console, roster, prometheus=prometheus, baseline=baseline, kept=kept
            )
            outcomes.append(one)
            now_s = time.monotonic()
            if isinstance(one, Judged):
                if one.interrupted or one.is_last:
                    interrupted = one.interrupted
                    break
                times.took(number - 1, now_s - one_began_s)
            if ahead := times.ahead(number, now_s - began_s):
                console.print(ahead, markup=False)
    except KeyboardInterrupt:  # before there was anything of a run to report, or between two
        pass
    left = [Unjudged(planned.label, _INTERRUPTED) for planned in plans[len(outcomes) :]]
    return Series((*outcomes, *left), interrupted or bool(left))


def perform(
    planned: Planned,
    runs: Path,
    console: Console,
    roster: Path | None = None,
    *,
    prometheus: bool | None = None,
    baseline: Mapping[str, Any] | None = None,
    kept: Kept | None = None,
) -> Judged | Unjudged:
    """Perform one plan and print its verdict, or why there is none.

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
        with noticed() as came:  # what is judged stays so, whatever the user presses
            run = RunDirectory.open(folder / verdict.run)
            cut = any(event.kind == "abort" and event.name != ABORTED for event in run.timeline())
            print_verdict(console, verdict, run.path)
    except (PlanError, RecordError, RehearsalError, StageError) as error:
        console.print(f"No verdict of {planned.label}: {error}", style="red", markup=False)
        short = error.short if isinstance(error, StageError) else str(error).partition("\n")[0]
        return Unjudged(planned.label, short.rstrip("."))
    return Judged(planned.label, planned.plan, run, verdict, cut, came())
