"""The capacity as people read it: `capacity.md`, `capacity.html` and `capacity.svg`."""

from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

from markupsafe import Markup

from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.reports.capacity.figure import draw_capacity
from dress_rehearsal.reports.capacity.schema import Capacity, CapacityTry, Estimate, Usl
from dress_rehearsal.reports.capacity.standing import Outcome
from dress_rehearsal.reports.figures.drawing import Drawing, Missing
from dress_rehearsal.reports.markdown import escaped, markdown_table
from dress_rehearsal.reports.page.tables import Cell, Table
from dress_rehearsal.reports.page.templates import rendered
from dress_rehearsal.reports.schema import Status
from dress_rehearsal.reports.words import (
    EMPTY,
    SIGNS,
    bound_words,
    cell,
    counted,
    milliseconds,
    seconds,
    span_words,
    written,
)

FILE: Final = "capacity.json"
_COLUMNS: Final = ("run", "load", "outcome", "p99", "95% interval", "tickets/s", "answers/s", "why")
_KINDS: Final = ("text", "number", "text", "number", "number", "number", "number", "meaning")
_TONES: Final[dict[Outcome, str]] = {
    "pass": "ok",
    "fail": "found",
    "wrong": "found",
    "limited": "open",
    "undecided": "open",
}
_SIGNS: Final[dict[Outcome, str]] = {
    "pass": SIGNS["pass"],
    "fail": SIGNS["fail"],
    "wrong": SIGNS["fail"],
    "limited": SIGNS["inconclusive"],
    "undecided": SIGNS["inconclusive"],
}
_USL_COLUMNS: Final = ("of the law", "value", "95% interval")
_OWN_WORDS: Final[dict[Status, str]] = {
    "pass": "The plan's own number passes",
    "fail": "The plan's own number does not pass",
    "inconclusive": "Whether the plan's own number passes is not decided",
}


def capacity_markdown(capacity: Capacity) -> str:
    """Return the bytes of `capacity.md`."""
    blocks = [
        f"# {SIGNS[capacity.verdict]} {escaped(capacity.plan)}: {escaped(capacity.sentence)}",
        "\n".join(f"- {escaped(line)}" for line in _lines(capacity)),
        markdown_table(_COLUMNS, _rows(capacity), texts=(0, 2, 7)),
        _usl_markdown(capacity),
    ]
    return "\n\n".join(blocks) + "\n"


def write_capacity(folder: Path, capacity: Capacity) -> None:
    """Write what a search came to into the folder of its runs.

    Raises:
        RunDirectoryUnusableError: a file cannot be written.
    """
    figure = draw_capacity(capacity)
    files: dict[str, Callable[[], str]] = {
        FILE: capacity.text,
        "capacity.md": lambda: capacity_markdown(capacity),
        "capacity.html": lambda: _page(capacity, figure),
    }
    if isinstance(figure, Drawing):
        files["capacity.svg"] = lambda: figure.wide.file
    for name, text in files.items():
        write_file(folder / name, text())


def write_numbers(folder: Path, capacity: Capacity) -> None:
    """Write `capacity.json` alone: what is known so far, while the search goes on.

    Raises:
        RunDirectoryUnusableError: it cannot be written.
    """
    write_file(folder / FILE, capacity.text())


def write_file(path: Path, text: str) -> None:
    """Write a file beside runs.

    Raises:
        RunDirectoryUnusableError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunDirectoryUnusableError(
            f"{path} cannot be written: {error.strerror or error}; the runs are kept, each with "
            f"its own report."
        ) from error


def _lines(capacity: Capacity) -> list[str]:
    """Return what there is to say, a sentence each; the most important first."""
    return [
        *(each.says for each in capacity.headroom),
        *([f"What breaks first: {capacity.breaks}"] if capacity.breaks else []),
        *([] if capacity.breaks else [_unbroken(capacity)]),
        capacity.ended,
        _bound(capacity),
        *capacity.remarks,
    ]


def _unbroken(capacity: Capacity) -> str:
    if all(each.outcome == "undecided" for each in capacity.tries):
        return "What breaks first is not known."
    return "Nothing was seen to break."


def _bound(capacity: Capacity) -> str:
    once = all(len(each.outcomes) == 1 for each in capacity.loads)
    often = (
        f"A load near the edge was tried up to {written(capacity.repeats)} times, and passes where "
        f"most of its runs do and none went wrong."
        if capacity.repeats > 1
        else "Each load was tried once."
        if once
        else "A load was tried again only where a run of it decided nothing."
    )
    return (
        f"{counted(len(capacity.tries), 'run')} in {seconds(round(capacity.took_s))}; told before "
        f"it began: at most {written(capacity.most_tries)} in {seconds(round(capacity.most_s))}. "
        f"{often}"
    )


def _rows(capacity: Capacity) -> list[tuple[str, ...]]:
    return [
        (
            each.run,
            written(float(each.load)),
            f"{_SIGNS[each.outcome]} {each.outcome}",
            _p99(each),
            span_words(each.p99_low, each.p99_high, milliseconds),
            cell(each.tickets_per_s),
            cell(each.answers_per_s),
            _why(each),
        )
        for each in sorted(capacity.tries, key=lambda one: one.people)
    ]


def _p99(each: CapacityTry) -> str:
    return bound_words(cell(each.p99_ms, milliseconds), at_least=each.p99_at_least)


def _why(each: CapacityTry) -> str:
    if each.outcome == "pass":
        return each.cause
    return f"{each.reason} {each.cause}"


def _usl_rows(usl: Usl) -> list[tuple[str, str, str]]:
    names: list[tuple[str, Estimate]] = [
        ("answers a second of one request under way", usl.each_per_s),
        ("contention", usl.contention),
        ("coherency", usl.coherency),
        ("requests under way beyond which throughput falls", usl.peak),
        ("answers a second there, the most there can be", usl.most_per_s),
    ]
    return [(name, _number(each.value), _interval(each)) for name, each in names]


def _usl_markdown(capacity: Capacity) -> str:
    if capacity.usl is None:
        return escaped(capacity.usl_missing or "")
    return "\n\n".join(
        [
            f"## Scalability law, through {capacity.usl.levels} steady levels",
            markdown_table(_USL_COLUMNS, _usl_rows(capacity.usl)),
        ]
    )


def _number(value: float | None) -> str:
    return EMPTY if value is None else f"{value:.4g}" if value < 1 else written(value)


def _interval(each: Estimate) -> str:
    if each.low is None:
        return "no end" if each.value is None else EMPTY
    return f"{_number(each.low)} to {'no end' if each.high is None else _number(each.high)}"


def _page(capacity: Capacity, figure: Drawing | Missing) -> str:
    rows = [
        [
            Cell(own.run, href=f"{quote(own.run)}/report.html"),
            Cell(load),
            Cell(own.outcome, _TONES[own.outcome]),
            *map(Cell, rest),
        ]
        for own, (_, load, _, *rest) in zip(
            sorted(capacity.tries, key=lambda one: one.people), _rows(capacity), strict=True
        )
    ]
    titles = [title if title == "p99" else title.capitalize() for title in _COLUMNS]
    columns = list(zip(titles, _KINDS, strict=True))
    law = None
    if capacity.usl is not None:
        law = Table(
            "usl",
            f"Scalability law, through {capacity.usl.levels} steady levels",
            [("Of the law", "text"), ("Value", "number"), ("95% interval", "number")],
            [[Cell(words) for words in row] for row in _usl_rows(capacity.usl)],
        )
    return rendered(
        "capacity.html.j2",
        capacity=capacity,
        own=_OWN_WORDS[capacity.verdict],
        lines=_lines(capacity),
        figure=figure,
        svg=Markup,
        tries=Table("tries", f"Each run, by its load in {capacity.unit}", columns, rows),
        law=law,
    )
