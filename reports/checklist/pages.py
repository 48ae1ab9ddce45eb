"""The checklist as people read, print and sign it: `checklist.html` and `checklist.md`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.reports.checklist.checklist import Checklist
from dress_rehearsal.reports.markdown import escaped, markdown_table
from dress_rehearsal.reports.page.tables import Cell, Table
from dress_rehearsal.reports.page.templates import rendered
from dress_rehearsal.reports.schema import Status
from dress_rehearsal.reports.words import SIGNS, counted, written

QUESTION: Final = "Go or no-go?"
_UNDECIDED: Final = (
    "This page decides nothing: it says what speaks for going ahead and what against."
)
_MOST_ROWS: Final = 8
"""Rows of a table on the page, so that it fits two sheets of A4; the Markdown has all of them."""
_MOST_SENTENCES: Final = 10
_SHORT: Final = 200
_COVERED: Final = ("subject", "rehearsed", "not rehearsed")
_SWITCHES: Final = ("fault or switch", "answered again", "how that is known", "run")
_FINDINGS: Final = ("kind", "what", "run", "since then")
_RUNS: Final = ("run", "verdict", "who came", "why")
_TONES: Final[dict[Status, str]] = {"pass": "ok", "fail": "found", "inconclusive": "open"}
_RECOVERED: Final = {"yes": "ok", "no": "found", "not known": "open"}
ROLES: Final = ("Sale", "Development", "Operations", "Whoever decides")


def checklist_markdown(checklist: Checklist) -> str:
    """Return the bytes of `checklist.md`: all of it."""
    blocks = [
        f"# {QUESTION} {escaped(', '.join(checklist.plans))}",
        f"{_UNDECIDED} {escaped(_about(checklist))}",
        "## What speaks for it",
        _list(checklist.speaks_for or ("Nothing that was rehearsed.",)),
        "## What speaks against it",
        _list(checklist.speaks_against or ("Nothing that was rehearsed.",)),
        "## What was rehearsed, and what was not",
        markdown_table(_COVERED, [each[:3] for each in checklist.covered], texts=(0, 1, 2)),
        "## Headroom",
        _list(checklist.headroom),
        "## Kill switches",
        markdown_table(_SWITCHES, _switch_rows(checklist), texts=(0, 1, 2, 3))
        if checklist.switches
        else "None was flipped.",
        "## Open findings",
        markdown_table(_FINDINGS, _finding_rows(checklist), texts=(0, 1, 2, 3))
        if checklist.findings
        else "None.",
        "## The runs",
        markdown_table(_RUNS, _run_rows(checklist), texts=(0, 1, 3)),
        _list((*_beyond(checklist), *checklist.same)),
        "## The decision",
        markdown_table(
            ("for", "name", "go or no-go", "on condition that", "date, signature"),
            [(role, " ", " ", " ", " ") for role in ROLES],
            texts=(0, 1, 2, 3, 4),
        ),
        "Version of the app: …",
    ]
    return "\n\n".join(blocks) + "\n"


def checklist_page(checklist: Checklist) -> str:
    """Return the bytes of `checklist.html`: what fits two sheets of A4, and what is left out."""
    return rendered(
        "checklist.html.j2",
        checklist=checklist,
        question=QUESTION,
        undecided=_UNDECIDED,
        about=_about(checklist),
        speaks_for=_cut(checklist.speaks_for) or ("Nothing that was rehearsed.",),
        speaks_against=_cut(checklist.speaks_against) or ("Nothing that was rehearsed.",),
        headroom=[_shortened(line) for line in checklist.headroom],
        covered=_table("covered", "Rehearsed, and not", _COVERED, _covered_cells(checklist)),
        switches=_table(
            "switches",
            "Kill switches that were flipped",
            _SWITCHES,
            _rows(
                [
                    [Cell(fault), Cell(word, _RECOVERED[word]), Cell(how), Cell(run)]
                    for fault, word, how, run in _switch_rows(checklist)
                ]
            ),
        ),
        findings=_table(
            "findings",
            "Open findings",
            _FINDINGS,
            _rows(
                [
                    [Cell(each.kind, "found" if each.is_grave else "open"), *map(Cell, row[1:])]
                    for each, row in zip(checklist.findings, _finding_rows(checklist), strict=True)
                ]
            ),
        ),
        runs=_table(
            "runs",
            "The runs, the newest first",
            _RUNS,
            _rows(
                [
                    [
                        Cell(run.run, href=run.href),
                        Cell(run.verdict.verdict, _TONES[run.verdict.verdict]),
                        Cell(written(run.came)),
                        Cell(_shortened(run.verdict.reasons[0])),
                    ]
                    for run in checklist.runs
                ]
            ),
        ),
        same=[_shortened(line) for line in (*_beyond(checklist), *checklist.same)],
        roles=ROLES,
    )


def write_checklist(folder: Path, checklist: Checklist) -> None:
    """Write both into a folder.

    Raises:
        RunDirectoryUnusableError: one cannot be written.
    """
    for name, text in (
        ("checklist.html", checklist_page(checklist)),
        ("checklist.md", checklist_markdown(checklist)),
    ):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise RunDirectoryUnusableError(
                f"{folder / name} cannot be written: {error.strerror or error}; choose another "
                f"folder with --out."
            ) from error


def _about(checklist: Checklist) -> str:
    return (
        f"Of {counted(len(checklist.runs) + checklist.beyond, 'run')}, written "
        f"{checklist.written}. {written(checklist.expected)} people are expected "
        f"({checklist.expects})."
    )


def _beyond(checklist: Checklist) -> tuple[str, ...]:
    if not checklist.beyond:
        return ()
    runs = counted(checklist.beyond, "further run")
    return (f"{runs} went beyond the plan's own number, to find out what breaks.",)


def _covered_cells(checklist: Checklist) -> list[list[Cell]]:
    return [
        [
            Cell(each.subject),
            Cell(each.rehearsed),
            Cell(each.not_rehearsed, "open" if each.against else ""),
        ]
        for each in checklist.covered
    ]


def _switch_rows(checklist: Checklist) -> list[tuple[str, str, str, str]]:
    return [(each.fault, each.recovered, each.says, each.run) for each in checklist.switches]


def _finding_rows(checklist: Checklist) -> list[tuple[str, str, str, str]]:
    return [
        (
            each.kind,
            _shortened(each.says),
            each.run,
            f"a later run of the same passed: {each.later}"
            if each.later
            else "no later run clears it",
        )
        for each in checklist.findings
    ]


def _run_rows(checklist: Checklist) -> list[tuple[str, str, str, str]]:
    return [
        (
            run.run,
            f"{SIGNS[run.verdict.verdict]} {run.verdict.verdict}",
            written(run.came),
            run.verdict.reasons[0],
        )
        for run in checklist.runs
    ]


def _table(name: str, caption: str, titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table:
    columns = [(title.capitalize(), "text") for title in titles]
    return Table(name, caption, columns, rows)


def _rows(rows: list[list[Cell]]) -> list[list[Cell]]:
    """Return as many rows as there is room for, and one that says how many more there are."""
    if len(rows) <= _MOST_ROWS:
        return rows
    more = len(rows) - _MOST_ROWS + 1
    said = Cell(f"{more} more; all are in checklist.md")
    return [*rows[: _MOST_ROWS - 1], [said, *([Cell("")] * (len(rows[0]) - 1))]]


def _cut(sentences: Sequence[str]) -> list[str]:
    shown = [_shortened(each) for each in sentences]
    if len(shown) <= _MOST_SENTENCES:
        return shown
    more = len(shown) - _MOST_SENTENCES + 1
    return [*shown[: _MOST_SENTENCES - 1], f"{more} more; all are in checklist.md."]


def _shortened(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[:_SHORT].rstrip()}…"


def _list(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(each)}" for each in sentences)
