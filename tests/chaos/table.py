"""The chaos table as Markdown, and its place in a page."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.chaos.cells import COMPONENTS, Blow, Cell, Moment
from tests.chaos.perform import Result

BEGIN: Final = "<!-- chaos table -->"
END: Final = "<!-- end of the chaos table -->"
_LONGEST: Final = 160


def markdown(results: Sequence[Result], date: str) -> str:
    """Return what came of every cell as tables: a row a component and blow, a column a moment."""
    by_name = {result.name: result for result in results}
    right = sum(result.status == "right" for result in results)
    lines = [f"{date}: {right} of {len(results)} right.", ""]
    lines += [f"| struck | blow | {' | '.join(Moment)} |", "|---|---|" + "---|" * len(Moment)]
    for component in COMPONENTS:
        for blow in Blow:
            cells = [_brief(by_name, Cell(component, blow, moment)) for moment in Moment]
            if any(cell != "–" for cell in cells):
                lines.append(f"| {component.name} | {blow} | {' | '.join(cells)} |")
    blows = {Cell(part, blow, at).name for part in COMPONENTS for blow in Blow for at in Moment}
    others = [result for result in results if result.name not in blows]
    if others:
        lines += [
            "",
            "| what befell it | verdict | ended after | the first reason |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {one.name} | {_word(one)} | {_after(one)} | {_cut(one.said)} |" for one in others
        ]
    return "\n".join(lines) + "\n"


def insert(page: Path, table: str) -> None:
    """Put a table between the marks of a page, in place of what is there.

    Raises:
        ValueError: the page has no such marks.
    """
    text = page.read_text("utf-8")
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not marked.search(text):
        raise ValueError(f"{page} has no place for the table: it lacks the line {BEGIN}")
    page.write_text(marked.sub(lambda _: f"{BEGIN}\n{table}{END}", text), "utf-8")


def _brief(by_name: Mapping[str, Result], cell: Cell) -> str:
    result = by_name.get(cell.name)
    if result is not None:
        return f"{_word(result)}, {_after(result)}"
    gone = cell.moment is Moment.JUDGING and not cell.component.lasts
    return "gone by then" if gone else "–"


def _word(result: Result) -> str:
    again = "" if result.tries == 1 else f" (at try {result.tries})"
    if result.status == "right":
        return f"{result.word}{again}"
    return f"**{result.status}** ({result.word}){again}"


def _after(result: Result) -> str:
    return "–" if result.after_s is None else f"{result.after_s:.0f} s"


def _cut(text: str) -> str:
    flat = " ".join(text.split()).replace("|", "\\|")
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 1]}…"
