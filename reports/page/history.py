"""The page's section on how a run's numbers stand beside those of the runs before it."""

from dataclasses import dataclass

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.figures.drawing import Drawing, Missing
from dress_rehearsal.reports.figures.history import draw_history
from dress_rehearsal.reports.history.series import series_of
from dress_rehearsal.reports.history.snapshot import read_snapshot
from dress_rehearsal.reports.page.tables.history import changes_table, last_runs_table
from dress_rehearsal.reports.page.tables.table import Table

_LAST = 10
_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class HistorySection:
    """What stands in it; `wrong` where the run's `history.json` could not be read."""

    figure: Drawing | Missing | None = None
    changes: Table | None = None
    undecided: str = ""
    runs: Table | None = None
    wrong: str | None = None


def history_section(run: RunDirectory) -> HistorySection | None:
    """Return the section of a run that was put into a history, None of any other."""
    entries, wrong = read_snapshot(run)
    if not entries:
        return None if wrong is None else HistorySection(wrong=wrong)
    series = series_of(entries)[0]
    metrics = series.shown()
    return HistorySection(
        figure=draw_history(series, metrics),
        changes=changes_table(series) if series.changes else None,
        undecided=series.undecided_words,
        runs=last_runs_table(series, metrics[:_COLUMNS], _LAST),
    )
