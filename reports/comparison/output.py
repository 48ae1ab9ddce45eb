"""What is written of a comparison: JSON for programs, Markdown for a pull request, and a page."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from secrets import token_hex
from types import MappingProxyType
from typing import Final, TypeVar

from markupsafe import Markup

from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.records.files import is_there, remedy
from dress_rehearsal.reports.comparison.schema import Comparison, Differing, Outcome, SideNumber
from dress_rehearsal.reports.comparison.tables import (
    OUTCOMES,
    POOL_COLUMNS,
    SIDE_COLUMNS,
    bought_steps,
    census_rows,
    number_columns,
    number_rows,
    pool_rows,
    same_words,
    side_rows,
)
from dress_rehearsal.reports.comparison.words import (
    audit_words,
    cause_words,
    origin_words,
    verdict_words,
)
from dress_rehearsal.reports.directions import unit_of
from dress_rehearsal.reports.figures.comparison import NO_VERDICT, Bars, Spread, draw_comparison
from dress_rehearsal.reports.figures.palette import FORMS, WIDE, Form
from dress_rehearsal.reports.figures.svg import Svg
from dress_rehearsal.reports.markdown import escaped, markdown_table
from dress_rehearsal.reports.page.tables import Cell, Table
from dress_rehearsal.reports.page.templates import rendered
from dress_rehearsal.reports.schema import Status
from dress_rehearsal.reports.words import EMPTY, SIGNS, capitalized, quantity

_AS_STATUS: Final[dict[Outcome, Status]] = {
    "no_worse": "pass",
    "worse": "fail",
    "undecided": "inconclusive",
}
_TITLES: Final = {
    "sale.tickets_per_s": "Tickets a second",
    "sale.sold_out_after_s": "Sold out after",
}
_TEXTS: Final = {"verdict", "audit", "cause"}
_WRAPPED: Final = {
    *(*_TEXTS, "tickets/s", "sold out after", "purchase p99", "pool wait p99"),
    *("side", "base", "here", "difference", "95% interval", "held"),
}
"""Columns of a page whose words may go on in a second line."""
_MOST_DIFFERENCES: Final = 60
_Side = TypeVar("_Side")
_NONE: Final[Mapping[int, tuple[str, str]]] = MappingProxyType({})


def headline(comparison: Comparison) -> str:
    """Return what came of it in one line."""
    names = " against ".join((comparison.sides[-1].name, comparison.sides[0].name))
    if len(comparison.sides) > 2:
        names = f"{len(comparison.sides) - 1} sides against {comparison.sides[0].name}"
    return f"{capitalized(OUTCOMES[comparison.outcome])}: {names}"


def overview(comparison: Comparison | None, missing: Mapping[int, tuple[str, str]] = _NONE) -> str:
    """Return the table with a row a side in Markdown; columns nobody measured are left out.

    Args:
        comparison: None where no side has a run.
        missing: sides without a run, by their place in the table: their name, and why.
    """
    rows = [] if comparison is None else list(side_rows(comparison))
    for place, (name, why) in sorted(missing.items()):
        rest = [EMPTY] * (len(SIDE_COLUMNS) - 2)
        rows.insert(place, (name, f"{EMPTY} {NO_VERDICT}: {why}", *rest))
    columns = dict(zip(SIDE_COLUMNS, zip(*rows, strict=True), strict=True))
    shown = {head: cells for head, cells in columns.items() if set(cells) != {EMPTY}}
    texts = [0, *(place for place, head in enumerate(shown) if head in _TEXTS)]
    return markdown_table(list(shown), zip(*shown.values(), strict=True), texts)


def number_table(comparison: Comparison) -> str:
    """Return every number that differs in Markdown, a row for each side but the first."""
    head = number_columns(comparison)
    texts = [place for place, title in enumerate(head) if title in ("number", "side", "held")]
    return markdown_table(head, number_rows(comparison), texts)


def comparison_markdown(comparison: Comparison) -> str:
    """Return the bytes of `comparison.md`."""
    names = [side.name for side in comparison.sides]
    blocks = [
        f"# {SIGNS[_AS_STATUS[comparison.outcome]]} {escaped(headline(comparison))}",
        "\n".join(f"- {escaped(reason)}" for reason in comparison.reasons),
        *map(escaped, comparison.notes),
        "\n".join(f"- {escaped(origin_words(side))}" for side in comparison.sides),
        overview(comparison),
        "## Numbers",
        number_table(comparison),
        escaped(same_words(comparison)),
        *_block("Students", ("end", *names), census_rows(comparison)),
        *_block("Pools", POOL_COLUMNS, pool_rows(comparison), texts=(0, 1)),
        *_differing("What differs between the plans", comparison.plans, names),
        *_differing("What differs between machines and versions", comparison.environments, names),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def comparison_figure(
    comparison: Comparison, missing: Mapping[int, tuple[str, str]] = _NONE
) -> str:
    """Return the figure as SVG that stands alone.

    Args:
        missing: as of `overview`.
    """
    return _drawn(comparison, missing=missing).file


def comparison_page(comparison: Comparison) -> str:
    """Return the bytes of `comparison.html`: one file, which asks nobody for anything."""
    names = [side.name for side in comparison.sides]
    sides = map(_cells, side_rows(comparison))
    ends = [("End", "text"), *((name, "number") for name in names)]
    numbers = [_number_cells(row) for row in number_rows(comparison)]
    return rendered(
        "comparison.html.j2",
        headline=headline(comparison),
        comparison=comparison,
        status=_AS_STATUS[comparison.outcome],
        word=OUTCOMES[comparison.outcome],
        first=_without(comparison.outcome, comparison.reasons[0]),
        origins=list(map(origin_words, comparison.sides)),
        # Made here, quotes escaped.
        figures={form.name: Markup(_drawn(comparison, form).element) for form in FORMS},  # noqa: S704
        sides=_table("sides", "The sides, the first of which is the base", SIDE_COLUMNS, sides),
        numbers=_table("numbers", "Every number that differs", number_columns(comparison), numbers),
        same=same_words(comparison),
        census=Table("ends", "Where students ended", ends, [*map(_cells, census_rows(comparison))]),
        pools=_table("pools", "Pools that filled or leaked", POOL_COLUMNS, pool_rows(comparison)),
        plans=_differences("plans", "The plans", comparison.plans, names),
        environments=_differences(
            "environments", "Machines and versions", comparison.environments, names
        ),
    )


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write `comparison.json`, `.md` and `.html` into a folder.

    Raises:
        RunDirectoryUnusableError: one cannot be written.
    """
    files: dict[str, Callable[[Comparison], str]] = {
        "comparison.json": Comparison.text,
        "comparison.md": comparison_markdown,
        "comparison.html": comparison_page,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, made in files.items():
            (folder / name).write_text(made(comparison), encoding="utf-8")
    except OSError as error:
        raise RunDirectoryUnusableError(
            f"The comparison cannot be written into {folder}: {error.strerror or error}; "
            f"{remedy(error, 'choose another folder with --out')}."
        ) from error


def beside(first: Path) -> Path:
    """Return the folder for a comparison when none is named: a new one beside the runs."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = first.resolve().parent / f"comparison-{stamp}"
    return folder.with_name(f"{folder.name}-{token_hex(3)}") if is_there(folder) else folder


def _drawn(
    comparison: Comparison,
    form: Form = WIDE,
    missing: Mapping[int, tuple[str, str]] = _NONE,
) -> Svg:
    """Return one panel a number: those of the sale, buying, and what gates hold."""
    held = {one.name for one in comparison.regressions}
    shown = {number.name: number for number in comparison.overview}
    shown |= {number.name: number for number in comparison.numbers if number.name in held}
    titles = {**_TITLES, **_buying_titles(comparison)}
    sides = _among(comparison.sides, missing)
    bars = []
    for number in shown.values():
        own = _among(number.sides, missing)
        if all(side is None or side.median is None for side in own):
            continue
        bars.append(
            Bars(
                titles.get(number.name, number.name),
                [None if side is None else side.median for side in own],
                partial(quantity, unit=unit_of(number.metric)),
                [
                    None if side is None or every is None else _ends(side, len(every.runs))
                    for side, every in zip(own, sides, strict=True)
                ],
                [side is not None and "median" in side.at_least for side in own],
                unjudged=missing,
            )
        )
    names = [missing[place][0] if side is None else side.name for place, side in enumerate(sides)]
    said = [
        f"{NO_VERDICT}: {missing[place][1]}"
        if side is None
        else f"{verdict_words(side)}; audit {audit_words(side.audit)}; cause: {cause_words(side)}"
        for place, side in enumerate(sides)
    ]
    return draw_comparison(names, bars, said, form=form)


def _buying_titles(comparison: Comparison) -> dict[str, str]:
    """Return what the numbers of buying are called: of a purchase of several requests each one."""
    steps = bought_steps(comparison)
    if len(steps) < 2:
        return dict.fromkeys(steps, "Buying, p99")
    return {metric: f"Buying, p99 of {step}" for metric, step in steps.items()}


def _among(sides: Sequence[_Side], missing: Collection[int]) -> list[_Side | None]:
    """Return sides in the places that are theirs among those without a run."""
    judged = iter(sides)
    places = range(len(sides) + len(missing))
    return [None if place in missing else next(judged) for place in places]


def _ends(side: SideNumber, runs: int) -> Spread | None:
    """Return how far a number spreads: over runs, or of a single run its own interval, which goes
    on behind the number where given-up requests leave it without end."""
    low, high = (side.low, side.high) if runs == 1 else (side.least, side.most)
    without_end = high is None
    high = side.median if without_end else high
    if low is None or high is None:
        return None
    return Spread(low, high, goes_on=without_end or "most" in side.at_least)


def _block(
    title: str, head: Sequence[str], rows: Iterable[Sequence[str]], texts: Sequence[int] = (0,)
) -> list[str]:
    told = list(rows)
    return [f"## {title}", markdown_table([*map(escaped, head)], told, texts)] if told else []


def _differing(title: str, rows: Sequence[Differing], names: Sequence[str]) -> list[str]:
    shown = [(row.key, *row.values) for row in rows[:_MOST_DIFFERENCES]]
    more = len(rows) - len(shown)
    blocks = _block(title, ("", *names), shown, texts=range(1 + len(names)))
    return [*blocks, f"… and {more} more; all are in `comparison.json`."] if more else blocks


def _table(
    name: str, caption: str, head: Sequence[str], rows: Iterable[Sequence[str | Cell]]
) -> Table:
    kinds = ["text" if title in _WRAPPED else "number" for title in head]
    columns = list(zip(map(capitalized, head), ["text", *kinds[1:]], strict=True))
    cells = [[each if isinstance(each, Cell) else Cell(each) for each in row] for row in rows]
    return Table(name, caption, columns, cells)


def _differences(name: str, caption: str, rows: Sequence[Differing], names: Sequence[str]) -> Table:
    columns = [("Key", "text"), *((side, "text") for side in names)]
    return Table(name, caption, columns, [[Cell(row.key), *map(Cell, row.values)] for row in rows])


def _cells(row: Iterable[str]) -> list[Cell]:
    return [*map(Cell, row)]


def _without(outcome: Outcome, reason: str) -> str:
    """Return a reason without the word that it begins with where that stands beside it already."""
    word = f"{capitalized(OUTCOMES[outcome])}: "
    return reason.removeprefix(word)


def _number_cells(row: Sequence[str]) -> list[Cell]:
    tones = {"no worse": "ok", "worse": "found", "undecided": "open"}
    held = row[-1].partition(" (")[0]
    return [*map(Cell, row[:-1]), Cell(row[-1], tones.get(held, ""))]
