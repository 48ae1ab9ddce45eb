"""Repeats: one plan performed several times, each with a fresh stage and the next seed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from rich.markup import escape

from dress_rehearsal.plans import Plan
from dress_rehearsal.rehearsal.series.performances import Planned, make_folder, perform_series
from dress_rehearsal.rehearsal.slack import notify
from dress_rehearsal.rehearsal.terminal.console import make_console
from dress_rehearsal.rehearsal.terminal.screen import near
from dress_rehearsal.reports.repeats import repeats_of, write_repeats

_NOTHING_JUDGED: Final = 1


def repeat(
    plans: Sequence[Plan],
    runs: Path,
    roster: Path | None = None,
    *,
    prometheus: bool | None = None,
    overrides: Sequence[str] = (),
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

    Returns:
        The exit code of the worst run: 99 before 3 before 0; 3 also when there are fewer verdicts
        than repeats, 1 when there is none.

    Raises:
        RehearsalError: the folder cannot be made.
        RecordError: the page cannot be written.
    """
    console = make_console()
    folder = make_folder(runs, f"{plans[0].name}-x{len(plans)}")
    alike = [text for text in overrides if text.partition("=")[0].strip() != "seed"]
    planned = [
        Planned(f"seed {plan.seed}", plan, [*alike, f"seed={plan.seed}"] if turn else overrides)
        for turn, plan in enumerate(plans)
    ]
    series = perform_series(planned, folder, console, roster, prometheus=prometheus)
    if not series.judged:
        console.print("No repeat has a verdict, so there is nothing to tell.", style="red")
        return _NOTHING_JUDGED
    repeats = repeats_of([(one.plan.seed, one.verdict) for one in series.judged], series.planned)
    write_repeats(folder, repeats)
    console.print(repeats.markdown(), markup=False, soft_wrap=True)
    console.print(f"Report: {escape(near(folder / 'repeats.html'))}", soft_wrap=True)
    worst = max(series.judged, key=lambda one: one.verdict.exit_code)  # 99, 3, 0
    try:
        trouble = notify(_told_from(folder, worst.plan), worst.verdict)
    except KeyboardInterrupt:  # all is judged, and stays so
        trouble = "Interrupted: the verdict was not posted to Slack."
    if trouble is not None:
        console.print(escape(trouble), style="red")
    return repeats.exit_code


def _told_from(folder: Path, plan: Plan) -> Plan:
    """Return a run's plan with the address of its report as it is among the repeats."""
    if plan.notify.reports_url is None:
        return plan
    address = f"{plan.notify.reports_url}/{quote(folder.name)}"
    notify = plan.notify.model_copy(update={"reports_url": address})
    return plan.model_copy(update={"notify": notify})
