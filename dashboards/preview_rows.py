"""A table's rows and columns, after the transformations `merge` and `organize`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dress_rehearsal.dashboards.preview_answers import Series
from dress_rehearsal.dashboards.preview_fields import Look, PreviewImpossible, look_of

_KNOWN: Final = ("merge", "organize")
Cell = float | str


@dataclass(frozen=True, slots=True)
class Rows:
    """What a table shows: columns that are not hidden, and rows in their order.

    A cell that is not there is None.
    """

    headings: tuple[str, ...]
    looks: tuple[Look, ...]
    cells: tuple[tuple[Cell | None, ...], ...]


def rows(panel: Mapping[str, Any], series: Sequence[Series]) -> Rows:
    """Arrange what the panel's instant queries gave.

    Raises:
        PreviewImpossible: the panel has another transformation, or no sense without the usual.
    """
    transformations = panel.get("transformations", ())
    for each in transformations:
        if each["id"] not in _KNOWN:
            raise PreviewImpossible(
                f"Panel {panel['title']!r}: the preview knows no transformation {each['id']!r}, "
                f"only {' and '.join(_KNOWN)}."
            )
    refs = list(dict.fromkeys(target["refId"] for target in panel["targets"]))
    merged: list[dict[str, Cell]] = []
    for one in series:
        value_name = "Value" if len(refs) == 1 else f"Value #{one.ref_id}"
        row: dict[str, Cell] = {**one.labels, value_name: one.values[-1]}
        if not any(each["id"] == "merge" for each in transformations):
            merged.append(row)
            continue
        mates = [there for there in merged if _agree(there, row)]
        for there in mates:
            there.update(row)
        if not mates:
            merged.append(row)
    names = list(dict.fromkeys(name for row in merged for name in row))
    for each in transformations:
        if each["id"] == "organize":
            return _organised(panel, each["options"], names, merged)
    return _shown(panel, {name: name for name in names}, merged)


def _agree(there: Mapping[str, Cell], row: Mapping[str, Cell]) -> bool:
    return all(there[name] == value for name, value in row.items() if name in there)


def _organised(
    panel: Mapping[str, Any],
    options: Mapping[str, Any],
    names: Sequence[str],
    merged: Sequence[Mapping[str, Cell]],
) -> Rows:
    index: Mapping[str, int] = options.get("indexByName", {})
    kept = [name for name in names if not options.get("excludeByName", {}).get(name)]
    kept.sort(key=lambda name: index.get(name, len(index)))
    headings = options.get("renameByName", {})
    return _shown(panel, {name: headings.get(name) or name for name in kept}, merged)


def _shown(
    panel: Mapping[str, Any], headings: Mapping[str, str], merged: Sequence[Mapping[str, Cell]]
) -> Rows:
    ordered = list(merged)
    by_heading = {heading: name for name, heading in headings.items()}
    for sort in reversed(panel["options"].get("sortBy") or ()):
        name = by_heading.get(sort["displayName"])
        if name is None and sort["displayName"] not in _headings_meant(panel):
            raise PreviewImpossible(
                f"Panel {panel['title']!r} sorts by {sort['displayName']!r}, a column it has not "
                f"(it has {', '.join(by_heading) or 'none'})."
            )
        if name is None:
            continue  # a label that no series has now
        _sort(ordered, name, descending=bool(sort["desc"]))
    looks = {name: look_of(panel, heading) for name, heading in headings.items()}
    visible = [name for name in headings if not looks[name].custom.get("hidden")]
    return Rows(
        headings=tuple(headings[name] for name in visible),
        looks=tuple(looks[name] for name in visible),
        cells=tuple(tuple(row.get(name) for name in visible) for row in ordered),
    )


def _headings_meant(panel: Mapping[str, Any]) -> set[str]:
    """Return the columns a table has once every query gives something."""
    return {
        heading
        for each in panel.get("transformations", ())
        for heading in each["options"].get("renameByName", {}).values()
    }


def _sort(ordered: list[Mapping[str, Cell]], name: str, *, descending: bool) -> None:
    """Sort by a column; what has no number in it comes last."""

    def key(row: Mapping[str, Cell]) -> tuple[bool, float, str]:
        value = row.get(name)
        absent = value is None or (isinstance(value, float) and math.isnan(value))
        number = value if isinstance(value, float) and not absent else 0.0
        return absent, -number if descending else number, "" if absent else str(value)

    ordered.sort(key=key)
    if descending and all(isinstance(row.get(name), str) for row in ordered):
        ordered.reverse()
