"""The queries of a dashboard as Grafana sends them: found in its JSON, with variables filled in."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dress_rehearsal.dashboards.errors import DashboardsError

_VARIABLE: Final = re.compile(
    r"\$(?P<plain>\w+)|\$\{(?P<braced>\w+)(?::(?P<format>\w+))?\}|\[\[(?P<old>\w+)\]\]"
)
_REGEX_SPECIAL: Final = re.compile(r"[\\^$.*+?()\[\]{}|]")
_UNITS_MS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))
ALL: Final = ".+"
"""What `instance` is when all are chosen."""


class VariableUnknownError(DashboardsError):
    """An expression has a variable, or a format of one, that nobody can fill in."""


@dataclass(frozen=True, slots=True)
class Target:
    """One query of one panel to Prometheus."""

    dashboard: str
    """The dashboard's uid."""
    panel: int
    panel_title: str
    panel_type: str
    ref_id: str
    expr: str
    legend: str
    """As Grafana has it, such as `{{pool}}`; in a table the column's heading."""
    instant: bool
    unit: str


def targets(dashboard: Mapping[str, Any]) -> Iterator[Target]:
    """Return every query to Prometheus, also of panels inside collapsed rows."""
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            if (target.get("datasource") or panel["datasource"])["type"] != "prometheus":
                continue
            legend = target.get("legendFormat", "")
            yield Target(
                dashboard=dashboard["uid"],
                panel=panel["id"],
                panel_title=panel["title"],
                panel_type=panel["type"],
                ref_id=target["refId"],
                expr=target["expr"],
                legend=legend,
                instant=bool(target.get("instant")),
                unit=_unit_of(panel, legend),
            )


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return every panel that is not a row, in the order they are shown."""
    for panel in dashboard.get("panels", ()):
        if panel["type"] == "row":
            yield from panel.get("panels", ())
        else:
            yield panel


def fill(
    expr: str,
    *,
    run: str,
    interval_s: float,
    range_s: float,
    scrape_s: float = 1.0,
    instances: Sequence[str] | None = None,
) -> str:
    """Fill in the variables of an expression as Grafana does.

    Args:
        interval_s: step between two points, never below the scrape interval.
        range_s: length of the chosen time.
        instances: app processes chosen; None means all.

    Raises:
        VariableUnknownError: the expression has another variable, or an unknown format of one.
    """
    interval_ms = round(max(interval_s, scrape_s) * 1000)
    scrape_ms = round(scrape_s * 1000)
    chosen = ALL if instances is None else _any_of(instances)
    values = {
        "run": _quoted(run),
        "instance": chosen,
        "__interval": _duration(interval_ms),
        "__interval_ms": str(interval_ms),
        "__rate_interval": _duration(max(interval_ms + scrape_ms, 4 * scrape_ms)),
        "__range": f"{round(range_s)}s",
        "__range_s": str(round(range_s)),
        "__range_ms": str(round(range_s * 1000)),
    }
    raw = {"run": run}

    def value_of(found: re.Match[str]) -> str:
        name = found["plain"] or found["braced"] or found["old"]
        if name not in values:
            raise VariableUnknownError(
                f"The expression {expr!r} has the variable {name!r}, which is none of "
                f"{', '.join(values)}; fill it in here or take it out of the dashboard."
            )
        match found["format"]:
            case None:
                return values[name]
            case "raw" if name in raw:
                return raw[name]
            case "regex" if name in raw:
                return _REGEX_SPECIAL.sub(r"\\\g<0>", raw[name])
            case other:
                raise VariableUnknownError(
                    f"The expression {expr!r} asks for the variable {name!r} as {other!r}; only "
                    "run can be had as raw or regex."
                )

    return _VARIABLE.sub(value_of, expr)


def _unit_of(panel: Mapping[str, Any], column: str) -> str:
    """Return a column's own unit where it has one, else the panel's."""
    config = panel["fieldConfig"]
    for override in config.get("overrides", ()):
        if override["matcher"] == {"id": "byName", "options": column}:
            for each in override["properties"]:
                if each["id"] == "unit":
                    return str(each["value"])
    return str(config["defaults"].get("unit", ""))


def _any_of(instances: Sequence[str]) -> str:
    """Write values for `=~`: backslashes are doubled, since PromQL's strings take one away."""
    escaped = [_REGEX_SPECIAL.sub(r"\\\\\g<0>", one) for one in instances]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _quoted(value: str) -> str:
    """Write a value for between PromQL's double quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _duration(milliseconds: int) -> str:
    """Write a duration in the largest unit that divides it, as Grafana and PromQL do."""
    for unit, size in _UNITS_MS:
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    raise ValueError(f"{milliseconds} ms is no duration; give one above zero.")
