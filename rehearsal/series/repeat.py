"""Repeats: one plan performed several times, each with a fresh stage and the next seed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape

from dress_rehearsal.plans import Plan
from dress_rehearsal.rehearsal.baseline import Baseline
from dress_rehearsal.rehearsal.history import Kept
from dress_rehearsal.rehearsal.series.performances import (
    Series,
    perform_series,
    seeded,
    series_folder,
)
from dress_rehearsal.rehearsal.signals import uninterruptible
from dress_rehearsal.rehearsal.slack import notify
from dress_rehearsal.rehearsal.terminal.console import make_console
from dress_rehearsal.rehearsal.terminal.screen import near
from dress_rehearsal.reports.markdown import plain
from dress_rehearsal.reports.several.repeats import repeats_of, write_repeats

_NOTHING_JUDGED: Final = 1


def repeat(
    plans: Sequence[Plan],
    runs: Path,
    roster: Path | None = None,
    *,
    prometheus: bool | None = None,
    overrides: Sequence[str] = (),
    baseline: Baseline | None = None,
    kept: Kept | None = None,
) -> int:
    """Perform one plan with several seeds, and tell what held and how far the numbers spread.

    The run directories stand beside each other in `<runs>/<UTC time>-<plan>-x<N>/`, with
    `repeats.html`, `repeats.md` and `repeats.json`. An interruption ends it with the run in hand,
    and what there is by then is told.

    Args:
        plans: the plan, once with each seed.
        runs: the folder that gets the repeats' own.
        roster: who acts, for a target that has its own people.
        prometheus: whether to run one beside each; none: where the machine has one.
        overrides: what was set otherwise than in the plan's file, as it was given for the first;
            the others differ from it by their seed besides.
        baseline: what they are held against, all of them together.
        kept: which history each run is put into, and of which build it is.

    Returns:
        The exit code of the worst run: 99 before 3 before 0; 3 also when there are fewer verdicts
        than repeats, 1 when there is none. With a baseline, the comparison's where that is worse.

    Raises:
        RehearsalError: the folder cannot be made.
        RecordError: the page cannot be written.
    """
    console = make_console()
    folder = series_folder(runs, f"{plans[0].name}-x{len(plans)}")
    planned = seeded(plans, overrides)
    against = None if baseline is None else baseline.document
    series = perform_series(
        planned, folder, console, roster, prometheus=prometheus, baseline=against, kept=kept
    )
    with uninterruptible():
        return _told(series, folder, console, baseline)


def _told(series: Series, folder: Path, console: Console, baseline: Baseline | None) -> int:
    """Tell what came of the repeats, hold them against a baseline, and return the exit code."""
    if not series.judged:
        console.print("No repeat has a verdict, so there is nothing to tell.", style="red")
        return _NOTHING_JUDGED
    repeats = repeats_of([(one.plan.seed, one.verdict) for one in series.judged], series.planned)
    write_repeats(folder, repeats)
    console.print(plain(repeats.markdown()), markup=False, soft_wrap=True)
    console.print(f"Report: {escape(near(folder / 'repeats.html'))}", soft_wrap=True)
    worst = max(series.judged, key=lambda one: one.verdict.exit_code)  # 99, 3, 0
    trouble = notify(_told_from(folder, worst.plan), worst.verdict)
    if trouble is not None:
        console.print(escape(trouble), style="red")
    if baseline is None:
        return repeats.exit_code
    held = baseline.hold(console, folder, [one.run for one in series.judged])
    return max(repeats.exit_code, held)  # 99, 3, 0


def _told_from(folder: Path, plan: Plan) -> Plan:
    """Return a run's plan with the address of its report as it is among the repeats."""
    if plan.notify.reports_url is None:
        return plan
    address = f"{plan.notify.reports_url}/{quote(folder.name)}"
    notify = plan.notify.model_copy(update={"reports_url": address})
    return plan.model_copy(update={"notify": notify})
