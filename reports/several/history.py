"""What `rehearse history show` tells: each series' last runs, its changes and a figure."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from markupsafe import Markup
from pydantic import Field

from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.records.files import reason, remedy
from dress_rehearsal.reports.figures.drawing import Drawing, Missing
from dress_rehearsal.reports.figures.history import draw_history
from dress_rehearsal.reports.history.entry import Entry
from dress_rehearsal.reports.history.series import FEWEST, Change, Series
from dress_rehearsal.reports.markdown import escaped, markdown_table
from dress_rehearsal.reports.page.tables import Table
from dress_rehearsal.reports.page.tables.history import changes_table, last_runs_table
from dress_rehearsal.reports.page.templates import rendered
from dress_rehearsal.reports.part import Part
from dress_rehearsal.reports.words import EMPTY, counted

_COLUMNS: Final = 3
"""Numbers that stand in the table of the last runs."""


class HistorySeries(Part):
    """One plan on one machine: its runs, the oldest first, and its changes, the newest first.

    `undecided` are those that lower bounds leave open.
    """

    plan: str
    plan_digest: str
    fingerprint: str | None
    runs: tuple[Entry, ...]
    changes: tuple[Change, ...]
    undecided: tuple[Change, ...] = ()


class History(Part):
    """The whole of `history.json` that `rehearse history show --out` writes."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    max_pvalue: float
    min_magnitude: float
    series: tuple[HistorySeries, ...]
    left_out: tuple[str, ...]


class HistoryReport:
    """A history as people read it.

    Args:
        series: the one with the newest run first; at least one.
        left_out: a sentence for each file that is no entry.
        wanted: the numbers that are shown; none: those that changed, then times and rates.
        last: how many runs of each are shown and drawn.
    """

    def __init__(
        self,
        series: Sequence[Series],
        left_out: Sequence[str],
        *,
        wanted: Sequence[str],
        last: int,
        max_pvalue: float,
        min_magnitude: float,
    ) -> None:
        self._series = series
        self._left_out = tuple(left_out)
        self._wanted = wanted
        self._last = last
        self._criteria = (max_pvalue, min_magnitude)

    def text(self) -> str:
        """Return the bytes of `history.json`."""
        max_pvalue, min_magnitude = self._criteria
        document = History(
            max_pvalue=max_pvalue,
            min_magnitude=min_magnitude,
            series=tuple(
                HistorySeries(
                    plan=each.plan,
                    plan_digest=each.entries[-1].plan_digest,
                    fingerprint=each.entries[-1].fingerprint,
                    runs=each.entries,
                    changes=each.changes,
                    undecided=each.undecided,
                )
                for each in self._series
            ),
            left_out=self._left_out,
        ).model_dump(mode="json", by_alias=True)
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def markdown(self) -> str:
        """Return the bytes of `history.md`."""
        blocks = []
        for number, series in enumerate(self._series, start=1):
            changes, runs = self._tables(series, number)
            blocks.append(f"## {escaped(heading(series))}")
            blocks.append(escaped(sentence(series)))
            blocks += [_in_markdown(changes)] if changes.rows else []
            blocks.append(_in_markdown(runs))
        blocks += [escaped(remark) for remark in self._left_out]
        return "\n\n".join(blocks) + "\n"

    def write(self, folder: Path) -> None:
        """Write `history.html`, `history.md`, `history.json` and a figure a series into a folder.

        Raises:
            RunDirectoryUnusableError: one cannot be written.
        """
        figures = self._figures()
        files = {
            "history.json": self.text(),
            "history.md": self.markdown(),
            "history.html": self._page(figures),
        }
        drawn = [each for each in figures if isinstance(each, Drawing)]
        files |= {f"{each.name}.svg": each.wide.file for each in drawn}
        for name, text in files.items():
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
            except OSError as error:
                raise RunDirectoryUnusableError(
                    f"{folder / name} cannot be written: {reason(error)}; "
                    f"{remedy(error, 'choose another folder with --out')}."
                ) from error

    def _tables(self, series: Series, number: int) -> tuple[Table, Table]:
        columns = series.shown(self._wanted, len(self._wanted) or _COLUMNS)
        return (
            changes_table(series, f"changes-{number}"),
            last_runs_table(series, columns, self._last, f"last-runs-{number}"),
        )

    def _figures(self) -> list[Drawing | Missing]:
        return [
            draw_history(each, each.shown(self._wanted), self._last, f"history-{number}")
            for number, each in enumerate(self._series, start=1)
        ]

    def _page(self, figures: Sequence[Drawing | Missing]) -> str:
        parts = [
            (heading(series), sentence(series), figure, *self._tables(series, number))
            for number, (series, figure) in enumerate(
                zip(self._series, figures, strict=True), start=1
            )
        ]
        return rendered("histories.html.j2", parts=parts, left_out=self._left_out, svg=Markup)


def heading(series: Series) -> str:
    """Return what a series is of."""
    machine = series.entries[-1].fingerprint or "not known"
    return f"{series.plan}, machine {machine}: {counted(len(series.entries), 'run')}"


def sentence(series: Series) -> str:
    """Return what was found, and in a second sentence what is undecided."""
    among = f"{counted(series.believed, 'run')}{series.left_out_words}"
    if series.changes:
        said = f"{counted(len(series.changes), 'change')} of level in {among}."
        return f"{said} {series.undecided_words}".rstrip()
    if series.believed < FEWEST:
        return f"Too few to tell a change from chance: {among}, and it takes {FEWEST}."
    return f"No change of level in {among}. {series.undecided_words}".rstrip()


def _in_markdown(table: Table) -> str:
    texts = [place for place, (_, kind) in enumerate(table.columns) if kind != "number"]
    rows = [[cell.text or EMPTY for cell in row] for row in table.rows]
    return markdown_table([title for title, _ in table.columns], rows, texts)
