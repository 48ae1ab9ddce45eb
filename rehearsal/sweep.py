"""The sweep: one plan rehearsed once for each value of one of its keys, and compared."""

import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape

from compose import StageError
from plans import Plan, PlanError
from records import RecordError, RunDirectory
from rehearsal.conductor import rehearse
from rehearsal.errors import RehearsalError
from rehearsal.screen import Screen, closing
from reports.comparison import compare

_JUDGED: Final = 0
_NOT_JUDGED: Final = 1


def values_of(over: str) -> tuple[str, list[str]]:
    """Give the key and the values of `--over`: those written, or all a key can have.

    Raises:
        PlanError: no values are written and the key has no fixed set of them.
    """
    key, _, written = over.partition("=")
    values = [value.strip() for value in written.split(",") if value.strip()]
    if not values:
        values = _all_values(key.strip())
    if not values:
        raise PlanError(
            f"--over {over}: write the values too, as {key}=a,b; only keys with a fixed set of "
            f"values, such as app.allocation, have all of them tried by themselves."
        )
    return key.strip(), list(dict.fromkeys(values))


def sweep(
    plans: Sequence[tuple[str, Plan]], runs: Path, table: Path | None, figure: Path | None
) -> int:
    """Rehearse every plan, the next one even when one fails, and compare them.

    Args:
        plans: each with the value it has.
        table: gets the comparison as Markdown.
        figure: gets it as SVG.

    Returns:
        0 when every run was judged, whatever the verdict; 1 otherwise.
    """
    console = Console(highlight=False)
    judged: list[tuple[str, RunDirectory]] = []
    for number, (value, plan) in enumerate(plans, start=1):
        console.print(f"[bold]{number} of {len(plans)}: {escape(value)}[/]")
        try:
            verdict = rehearse(plan, runs, Screen(console))
        except (PlanError, RecordError, RehearsalError, StageError) as error:
            console.print(f"{value} has no verdict: {error}", style="red", markup=False)
            continue
        run = runs / verdict.run
        closing(console, verdict, run)
        judged.append((value, RunDirectory.open(run)))
        if any(event.kind == "abort" for event in judged[-1][1].timeline()):
            break
    if judged:
        comparison = compare(judged)
        text = comparison.markdown()
        console.print(text, markup=False, soft_wrap=True)
        if table is not None:
            _write(table, text)
        if figure is not None:
            comparison.figure(figure)
    return _JUDGED if len(judged) == len(plans) else _NOT_JUDGED


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RehearsalError(
            f"The table {path} cannot be written: {error.strerror or error}."
        ) from error


def _all_values(key: str) -> list[str]:
    """Give what the plan's key can be, where that is a fixed set of words."""
    annotation: Any = Plan
    for part in key.split("."):
        fields = annotation.model_fields if _is_section(annotation) else {}
        if part not in fields:
            raise PlanError(f"--over {key}: the plan has no key {key}.")
        annotation = fields[part].annotation
    if typing.get_origin(annotation) is Literal:
        return [str(value) for value in typing.get_args(annotation)]
    return []


def _is_section(annotation: Any) -> bool:
    return (
        isinstance(annotation, type)
        and not isinstance(annotation, types.GenericAlias)
        and issubclass(annotation, BaseModel)
    )
