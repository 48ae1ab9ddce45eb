"""The frame around a dashboard's panels: variables, annotations, links, time and layout."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from dress_rehearsal.dashboards.kit.annotations import annotations
from dress_rehearsal.dashboards.kit.links import TAG, between_dashboards
from dress_rehearsal.dashboards.kit.query import PROMETHEUS, Ready

SCHEMA_VERSION: Final = 39
_ALL: Final = dashboard.VariableOption(selected=True, text=["All"], value=["$__all"])


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the panels below it, laid out from left to right over 24 columns.

    Attributes:
        optional: closed until somebody opens it: many plans have nothing of what it shows.
    """

    heading: str
    panels: tuple[dashboard.Panel, ...]
    optional: bool = False


def dashboard_json(
    uid: str,
    title: str,
    description: str,
    sections: Sequence[Section],
    *,
    variables: Sequence[dashboard.VariableModel] = (),
) -> dict[str, Any]:
    """Return a dashboard as classic JSON. The same panels give the same JSON."""
    builder = (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .readonly()
        .time("now-5m", "now")
        .refresh("5s")
        .timepicker(builders.TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m"]))
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .links([Ready(link) for link in between_dashboards()])
        .annotations([Ready(one) for one in annotations()])
        .variables([Ready(one) for one in (*_variables(_by_instance(sections)), *variables)])
    )
    number, top = 0, 0
    for section in sections:
        number += 1
        row = builders.Row(section.heading).id(number)
        row = row.grid_pos(dashboard.GridPos(h=1, w=24, x=0, y=top))
        for panel in section.panels:
            number += 1
            panel.id_val = number
            if section.optional:
                row = row.with_panel(Ready(panel))
        builder = builder.with_row(row)
        top += 1
        if not section.optional:
            for panel in section.panels:
                builder = builder.with_panel(Ready(panel))
            top = max(_bottom(panel) for panel in section.panels)
    model = builder.build()
    model.schema_version = SCHEMA_VERSION
    plain: dict[str, Any] = json.loads(json.dumps(model, cls=JSONEncoder))
    return plain


def _bottom(panel: dashboard.Panel) -> int:
    """Return the first line below a panel that has its place."""
    assert panel.grid_pos is not None
    return panel.grid_pos.y + panel.grid_pos.h


def _by_instance(sections: Sequence[Section]) -> bool:
    """Return whether anything asks for chosen app processes."""
    return any(
        "$instance" in getattr(target, "expr", "")
        for section in sections
        for panel in section.panels
        for target in panel.targets or ()
    )


def _variables(by_instance: bool) -> list[dashboard.VariableModel]:
    hide = dashboard.VariableHide
    return [
        source("datasource", "Data source", "prometheus", "Prometheus", "rehearsal-prometheus"),
        _query(
            "run",
            "Run",
            "The rehearsal, the newest first.",
            "label_values(rehearsal_info, run)",
            sort=dashboard.VariableSort.ALPHABETICAL_DESC,
        ).build(),
        _query(
            "instance",
            "Instance",
            "Processes of the app.",
            'label_values(http_server_requests_total{run="$run"}, instance)',
            sort=dashboard.VariableSort.ALPHABETICAL_ASC,
        )
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(_ALL)
        .hide(hide.DONT_HIDE if by_instance else hide.HIDE_VARIABLE)
        .build(),
        _query(
            "report",
            "Report",
            "Where the report of the chosen run is.",
            'label_values(rehearsal_started_timestamp_seconds{rehearsal="$run"}, report)',
            sort=dashboard.VariableSort.DISABLED,
        )
        .hide(hide.HIDE_VARIABLE)
        .build(),
    ]


def source(name: str, label: str, kind: str, text: str, uid: str) -> dashboard.VariableModel:
    """Return a variable that chooses a data source."""
    return (
        builders.DatasourceVariable(name)
        .label(label)
        .description(f"The {text} that the panels ask.")
        .type(kind)
        .current(dashboard.VariableOption(selected=True, text=text, value=uid))
        .build()
    )


def trace() -> dashboard.VariableModel:
    """Return a variable that picks one request's lines out of the logs."""
    return (
        builders.TextBoxVariable("trace")
        .label("Trace id")
        .description("Logs of this request only; empty shows all.")
        .default_value("")
        .current(dashboard.VariableOption(selected=True, text="", value=""))
        .build()
    )


def _query(
    name: str, label: str, description: str, query: str, *, sort: dashboard.VariableSort
) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(PROMETHEUS)
        .query({"query": query, "refId": f"variable-{name}", "qryType": 1})
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(sort)
    )
