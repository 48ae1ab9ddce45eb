"""How a field is to look: a panel's defaults, with the overrides that match the field."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dress_rehearsal.dashboards.errors import DashboardsError

_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_GREEN: Final = "#56a64b"
"""What Grafana gives to a value without thresholds."""


class PreviewImpossible(DashboardsError):
    """A dashboard uses something that the preview does not draw."""


@dataclass(frozen=True, slots=True)
class Step:
    """A threshold: from this value on, this colour; the first is from minus infinity on."""

    value: float
    colour: str


@dataclass(frozen=True, slots=True)
class Look:
    """How one field looks."""

    unit: str
    decimals: int | None
    minimum: float | None
    maximum: float | None
    steps: tuple[Step, ...]
    mappings: Mapping[str, tuple[str | None, str | None]]
    """Of a value as text: the text to show, and its colour."""
    colour_mode: str
    fixed: str | None
    custom: Mapping[str, Any]

    def colour_of_value(self, value: float | str) -> str:
        """Return the colour that mappings or thresholds give a value."""
        mapped = self.mapped(value)
        if mapped is not None and mapped[1] is not None:
            return mapped[1]
        colour = self.steps[0].colour
        for step in self.steps:
            if isinstance(value, float) and value >= step.value:
                colour = step.colour
        return colour

    def mapped(self, value: float | str) -> tuple[str | None, str | None] | None:
        """Return text and colour of a value that is mapped."""
        text = f"{value:g}" if isinstance(value, float) else value
        return self.mappings.get(text)


def look_of(panel: Mapping[str, Any], name: str, ref_id: str | None = None) -> Look:
    """Return the look of the field that is shown under `name`, from the query `ref_id`.

    Raises:
        PreviewImpossible: the panel uses a matcher, a mapping or thresholds unknown here.
    """
    config = panel["fieldConfig"]
    field = copy.deepcopy(dict(config["defaults"]))
    field.setdefault("custom", {})
    for override in config.get("overrides", ()):
        if _matches(override["matcher"], name, ref_id):
            for each in override["properties"]:
                key = each["id"]
                if key.startswith("custom."):
                    field["custom"][key.removeprefix("custom.")] = each["value"]
                else:
                    field[key] = each["value"]
    colour = field.get("color") or {"mode": "thresholds"}
    return Look(
        unit=field.get("unit", ""),
        decimals=field.get("decimals"),
        minimum=field.get("min"),
        maximum=field.get("max"),
        steps=_steps(field.get("thresholds")),
        mappings=_mappings(field.get("mappings") or ()),
        colour_mode=colour["mode"],
        fixed=hexadecimal(colour["fixedColor"]) if colour["mode"] == "fixed" else None,
        custom=field["custom"],
    )


def hexadecimal(colour: str) -> str:
    """Return a colour as it is; a name, which depends on Grafana's theme, is refused.

    Raises:
        PreviewImpossible: it is a name.
    """
    if _HEX.fullmatch(colour) is None:
        raise PreviewImpossible(f"The preview knows colours such as #009e73, not {colour!r}.")
    return colour


def _matches(matcher: Mapping[str, Any], name: str, ref_id: str | None) -> bool:
    match matcher["id"]:
        case "byName":
            return bool(matcher["options"] == name)
        case "byFrameRefID":
            return bool(matcher["options"] == ref_id)
        case other:
            raise PreviewImpossible(
                f"The preview knows no override by {other!r}; use byName or byFrameRefID."
            )


def _steps(thresholds: Mapping[str, Any] | None) -> tuple[Step, ...]:
    if thresholds is None:
        return (Step(float("-inf"), _GREEN),)
    if thresholds["mode"] != "absolute":
        raise PreviewImpossible("The preview knows absolute thresholds only.")
    return tuple(
        Step(
            float("-inf") if step.get("value") is None else float(step["value"]),
            hexadecimal(step["color"]),
        )
        for step in thresholds["steps"]
    )


def _mappings(mappings: Any) -> dict[str, tuple[str | None, str | None]]:
    found: dict[str, tuple[str | None, str | None]] = {}
    for mapping in mappings:
        if mapping["type"] != "value":
            raise PreviewImpossible(
                f"The preview knows mappings of single values, not of a {mapping['type']}."
            )
        for value, result in mapping["options"].items():
            colour = result.get("color")
            found[value] = result.get("text"), None if colour is None else hexadecimal(colour)
    return found
