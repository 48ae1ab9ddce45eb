"""The queries of a dashboard as Grafana sends them: found in its JSON, with variables filled in."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dress_rehearsal.dashboards.errors import VariableUnknownError
from dress_rehearsal.dashboards.prometheus_config import SCRAPE_S

_VARIABLE: Final = re.compile(r"\$(\w+)|\$\{([^}]*)\}")
_UNITS_MS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))
_ALL: Final = ".+"
"""What `instance` is when all processes are chosen."""


@dataclass(frozen=True, slots=True)
class Target:
    """One query of one panel to Prometheus."""

    panel: int
    """Its number on the dashboard."""
    panel_title: str
    ref_id: str
    expr: str
    legend: str
    """As Grafana has it, such as `{{pool}}`; in a table the column's heading."""
    instant: bool


def targets(dashboard: Mapping[str, Any]) -> Iterator[Target]:
    """Return every query to Prometheus, also of panels inside collapsed rows."""
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            if (target.get("datasource") or panel["datasource"])["type"] != "prometheus":
                continue
            yield Target(
                panel=panel["id"],
                panel_title=panel["title"],
                ref_id=target["refId"],
                expr=target["expr"],
                legend=target.get("legendFormat", ""),
                instant=bool(target.get("instant")),
            )


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return every panel that is not a row, in the order they are shown."""
    for panel in dashboard.get("panels", ()):
        if panel["type"] == "row":
            yield from panel.get("panels", ())
        else:
            yield panel


def fill(
    expr: str, *, run: str, interval_s: float, range_s: float, scrape_s: float = SCRAPE_S
) -> str:
    """Fill in the variables of an expression as Grafana does, with all processes chosen.

    Args:
        interval_s: step between two points, never below the scrape interval.
        range_s: length of the chosen time.

    Raises:
        VariableUnknownError: the expression has another variable, or one in a format of its own.
    """
    interval_ms = round(max(interval_s, scrape_s) * 1000)
    scrape_ms = round(scrape_s * 1000)
    values = {
        "run": _quoted(run),
        "instance": _ALL,
        "__interval": _duration(interval_ms),
        "__rate_interval": _duration(max(interval_ms + scrape_ms, 4 * scrape_ms)),
        "__range": f"{round(range_s)}s",
    }

    def value_of(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in values:
            raise VariableUnknownError(
                f"The expression {expr!r} has the variable {name!r}, which is none of "
                f"{', '.join(values)}; fill it in here or take it out of the dashboard."
            )
        return values[name]

    return _VARIABLE.sub(value_of, expr)


def _quoted(value: str) -> str:
    """Write a value for between PromQL's double quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _duration(milliseconds: int) -> str:
    """Write a duration in the largest unit that divides it, as Grafana and PromQL do."""
    for unit, size in _UNITS_MS:
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    raise ValueError(f"{milliseconds} ms is no duration; give one above zero.")
