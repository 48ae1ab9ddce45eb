"""Tables of a history: the last runs with their numbers, and what changed between which of them."""

from collections.abc import Sequence

from dress_rehearsal.reports.directions import unit_of
from dress_rehearsal.reports.history.entry import Entry, metric_of
from dress_rehearsal.reports.history.series import Change, Series
from dress_rehearsal.reports.page.tables.table import Cell, Table
from dress_rehearsal.reports.words import EMPTY, SIGNS, bound_words, counted, quantity


def changes_table(series: Series, name: str = "changes") -> Table:
    """Return what changed between which runs, the newest first."""
    columns = [
        ("Number", "text"),
        ("Changed with the run", "text"),
        ("At", "text"),
        ("Build, before → after", "text"),
        ("Before", "number"),
        ("After", "number"),
        ("By", "number"),
        ("p", "number"),
        ("Runs since", "number"),
    ]
    rows = [_change(change) for change in series.changes]
    return Table(name, "Where the level of a number changed", columns, rows)


def last_runs_table(
    series: Series, metrics: Sequence[str], last: int, name: str = "last-runs"
) -> Table:
    """Return the last runs, the newest first, with some of their numbers."""
    columns = [("Run", "text"), ("At", "text"), ("Build", "text"), ("Verdict", "text")]
    columns += [(metric, "number") for metric in metrics]
    rows = [_run(entry, metrics) for entry in series.entries[-last:][::-1]]
    return Table(name, f"The last {counted(len(rows), 'run')}", columns, rows)


def _change(change: Change) -> Sequence[Cell]:
    tone = {True: "found", False: "ok", None: ""}[change.worse]
    builds = " → ".join(build or EMPTY for build in (change.after_build, change.build))
    return (
        Cell(change.metric),
        Cell(change.run),
        Cell(change.when),
        Cell(builds if change.after_build or change.build else EMPTY),
        *map(Cell, change.level_words),
        Cell(change.relative_words or EMPTY, tone),
        Cell(f"{change.p:.1g}"),
        Cell(str(change.runs)),
    )


def _run(entry: Entry, metrics: Sequence[str]) -> Sequence[Cell]:
    why = ", ".join(entry.disturbances)
    doubt = f", disturbed: {why}" if why else ""
    return (
        Cell(entry.run),
        Cell(f"{entry.when:%Y-%m-%d %H:%M}"),
        Cell(entry.build or EMPTY),
        Cell(f"{SIGNS[entry.verdict]} {entry.verdict}{doubt}".replace("_", " ")),
        *(Cell(_number_words(entry, metric)) for metric in metrics),
    )


def _number_words(entry: Entry, metric: str) -> str:
    value = entry.numbers.get(metric)
    if value is None:
        return EMPTY
    words = quantity(value, unit_of(metric_of(metric)))
    return bound_words(words, at_least=metric in entry.at_least)
