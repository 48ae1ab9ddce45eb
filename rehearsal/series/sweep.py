"""The sweep: one plan rehearsed once for each value of one of its keys, and compared."""

import itertools
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel
from rich.console import Console

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.plans.files import check_new_file
from dress_rehearsal.plans.notes import unwaited_pool
from dress_rehearsal.plans.shown import shown_key
from dress_rehearsal.records.files import remedy
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.series.performances import (
    Planned,
    Series,
    Unjudged,
    perform_series,
)
from dress_rehearsal.rehearsal.signals import uninterruptible
from dress_rehearsal.rehearsal.terminal.console import make_console
from dress_rehearsal.reports.comparison import (
    compare,
    comparison_figure,
    overview,
    side_of,
)
from dress_rehearsal.reports.markdown import plain

_MOST_VALUES: Final = 1000
_JUDGED: Final = 0
_NOT_JUDGED: Final = 1


def values_of(over: str) -> tuple[str, list[str]]:
    """Return the key and the values of `--over`: those written, or all a key can have.

    Raises:
        PlanError: no values are written and the key has no fixed set of them.
    """
    key, _, written = over.partition("=")
    values = [value.strip() for value in written.split(",") if value.strip()]
    if not values:
        values = _all_values(key.strip())
    if not values:
        raise PlanError(
            f"--over {_shown(key)}: write the values too, as KEY=a,b; only keys with a fixed set "
            f"of values, such as app.allocation, have all of them tried by themselves."
        )
    if len(values) > _MOST_VALUES:
        raise PlanError(f"--over {_shown(key)}: that are more than {_MOST_VALUES} values.")
    return key.strip(), list(dict.fromkeys(values))


def combinations(
    swept: Sequence[tuple[str, Sequence[str]]],
) -> list[tuple[tuple[str, str], ...]]:
    """Return each value of each key with each of the others, as (key, value) pairs.

    Raises:
        PlanError: they are too many.
    """
    chosen = list(itertools.product(*([(key, value) for value in values] for key, values in swept)))
    if len(chosen) > _MOST_VALUES:
        raise PlanError(f"--over: that are {len(chosen):,} runs, more than {_MOST_VALUES}.")
    return chosen


def check_given_once(key: str, given: Iterable[tuple[str, str]]) -> None:
    """Check that nothing else gives the swept key, or it would not be known which value counts.

    Args:
        given: each other option as it was written, and what it sets, as `KEY=VALUE`.

    Raises:
        PlanError: one of them gives it too, or a table it is in.
    """
    for option, text in given:
        other = text.partition("=")[0].strip()
        if f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}."):
            raise PlanError(
                f"--over {_shown(key)} and {option} both give {_shown(key)}: leave one of them "
                f"out, so that it is clear which value counts."
            )


def label_of(key: str, value: str) -> str:
    """Return a run's name: its value, and the key too where the value is no word of its own."""
    if value[:1].isalpha() and value not in ("true", "false"):
        return value
    return f"{key.rpartition('.')[2]}={value}"


def sweep(
    plans: Sequence[Planned],
    runs: Path,
    table: Path | None = None,
    figure: Path | None = None,
    roster: Path | None = None,
    *,
    over: Sequence[str] = (),
) -> int:
    """Rehearse every plan, the next one even when one fails, and compare them.

    Every plan has a row in the table and in the figure, also one that has no verdict.

    Args:
        plans: each with its label in the comparison, the swept key's value among its overrides.
        table: gets the comparison as Markdown, unless the sweep is interrupted.
        figure: gets it as SVG, likewise.
        roster: who acts, for a target that has its own people.
        over: the keys that are swept.

    Returns:
        0 when every run was judged, whatever the verdict; 1 otherwise, or when interrupted.

    Raises:
        PlanError: a file cannot be written; nothing was rehearsed.
        RehearsalError: a file could not be written in the end.
    """
    for path in (table, figure):
        if path is not None:
            check_new_file(path)
    console = make_console()
    for sentence in unwaited(plans, over):
        console.print(sentence, style="yellow", markup=False)
    series = perform_series(plans, runs, console, roster, prometheus=False)
    with uninterruptible():
        return _told(series, console, table, figure)


def _told(series: Series, console: Console, table: Path | None, figure: Path | None) -> int:
    """Compare what was judged, show it and write it down; return the exit code."""
    interrupted = series.interrupted
    sides = [
        side_of(f"{one.label} (interrupted)" if one.interrupted else one.label, [one.run])
        for one in series.judged
    ]
    missing = {
        place: (one.label, one.why)
        for place, one in enumerate(series.outcomes)
        if isinstance(one, Unjudged)
    }
    comparison = compare(sides) if sides else None
    shown = overview(comparison, missing)
    console.print(plain(shown), markup=False, soft_wrap=True)
    if comparison is not None and not interrupted:
        _write(table, figure, lambda: f"{shown}\n", lambda: comparison_figure(comparison, missing))
    for path in (table, figure):
        if path is not None and (interrupted or not sides):
            why = "the sweep was interrupted" if interrupted else "no run has a verdict"
            console.print(f"{path} is not written: {why}.", style="red", markup=False)
    return _JUDGED if series.complete else _NOT_JUDGED


def unwaited(plans: Sequence[Planned], over: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each swept key that is the size of a pool no purchase waits for.

    Args:
        over: the keys.
    """
    for key in over:
        said = [each for planned in plans if (each := unwaited_pool(planned.plan, key))]
        if said:
            some = len(said) < len(plans)
            yield f"{f'In {len(said)} of {len(plans)} runs: ' if some else ''}{said[0]}"


def _write(
    table: Path | None, figure: Path | None, written: Callable[[], str], drawn: Callable[[], str]
) -> None:
    """Write both files, the second one even when the first cannot be."""
    problems = []
    for what, path, made in (("table", table, written), ("figure", figure, drawn)):
        try:
            if path is not None:
                path.write_text(made(), encoding="utf-8")
        except OSError as error:
            problems.append(
                f"The {what} {path} cannot be written: {error.strerror or error}; "
                f"{remedy(error, 'name another file')}."
            )
    if problems:
        raise RehearsalError("\n".join(problems))


def _all_values(key: str) -> list[str]:
    """Return what the plan's key can be, where that is a fixed set of words."""
    annotation: Any = Plan
    for part in key.split("."):
        fields = annotation.model_fields if _is_section(annotation) else {}
        if part not in fields:
            raise PlanError(f"--over {_shown(key)}: the plan has no such key.")
        annotation = fields[part].annotation
    if typing.get_origin(annotation) is Literal:
        return [str(value) for value in typing.get_args(annotation)]
    return []


def _shown(key: str) -> str:
    return shown_key(key.strip().split("."))


def _is_section(annotation: Any) -> bool:
    return (
        isinstance(annotation, type)
        and not isinstance(annotation, types.GenericAlias)
        and issubclass(annotation, BaseModel)
    )
