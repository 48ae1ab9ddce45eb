"""The noise: one build performed several times, and what its numbers differ by."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.markup import escape

from dress_rehearsal.plans import Plan
from dress_rehearsal.rehearsal.series.performances import perform_series, seeded, series_folder
from dress_rehearsal.rehearsal.signals import uninterruptible
from dress_rehearsal.rehearsal.terminal.console import make_console
from dress_rehearsal.rehearsal.terminal.screen import near
from dress_rehearsal.reports.comparison import Side, side_of
from dress_rehearsal.reports.markdown import plain
from dress_rehearsal.reports.schema import EXIT_CODES
from dress_rehearsal.reports.several.noise import noise_of, write_noise

_NOTHING_JUDGED: Final = 1


def measure_noise(
    plans: Sequence[Plan],
    runs: Path,
    roster: Path | None = None,
    *,
    overrides: Sequence[str] = (),
) -> int:
    """Perform one plan several times, and tell how far its numbers spread and which margins hold.

    The runs stand in `<runs>/<UTC time>-<plan>-noise-x<N>/`, with `noise.json` and `noise.md`.

    Args:
        plans: the plan, once with each seed.
        runs: the folder that gets the series' own.
        roster: who acts, for a target that has its own people.
        overrides: what was set otherwise than in the plan's file, as it was given for the first.

    Returns:
        0 where margins can be told, 3 where too few runs were undisturbed, 1 without any.

    Raises:
        RehearsalError: the folder cannot be made.
        RecordError: what was found cannot be written.
    """
    console = make_console()
    folder = series_folder(runs, f"{plans[0].name}-noise-x{len(plans)}")
    series = perform_series(seeded(plans, overrides), folder, console, roster, prometheus=False)
    if not series.judged:
        console.print("No run has a verdict, so there is nothing to tell.", style="red")
        return _NOTHING_JUDGED
    with uninterruptible():
        side = side_of(plans[0].name, [one.run for one in series.judged])
        return told(side, folder, series.planned)


def told(side: Side, folder: Path, planned: int) -> int:
    """Tell how far the numbers of runs of one build spread; return 0, or 3 without margins.

    Args:
        folder: of the runs; gets `noise.json` and `noise.md`.
        planned: how many runs there were meant to be.

    Raises:
        RecordError: what was found cannot be written.
    """
    console = make_console()
    noise = noise_of(side, side.plan, planned)
    write_noise(folder, noise)
    console.print(plain(noise.markdown()), markup=False, soft_wrap=True)
    console.print(f"Noise: {escape(near(folder / 'noise.md'))}", soft_wrap=True)
    return EXIT_CODES[noise.verdict]
