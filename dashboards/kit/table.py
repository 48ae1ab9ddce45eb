"""Tables: one row for each set of label values, one column for each query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import table as table_builders
from grafana_foundation_sdk.models import dashboard

from dress_rehearsal.dashboards.kit.query import COUNT, PROMETHEUS, ref_id, target
from dress_rehearsal.dashboards.kit.thresholds import Thresholds, plain


@dataclass(frozen=True, slots=True)
class Key:
    """A column of a label's values."""

    label: str
    heading: str
    width: int | None = None
    words: dashboard.ValueMap | None = None
    """Texts and colours for its values."""
    links: tuple[dashboard.DashboardLink, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a query's values; the query keeps the labels that are the table's keys."""

    expr: str
    heading: str
    unit: str = COUNT
    limits: Thresholds | None = None
    width: int | None = None
    hidden: bool = False
    """Kept for links only."""


def table(
    title: str,
    description: str,
    keys: Sequence[Key],
    columns: Sequence[Column],
    *,
    sort: str,
    descending: bool = True,
    span: int = 24,
    height: int = 8,
) -> dashboard.Panel:
    """Show a table, sorted by the column with the heading `sort`."""
    panel = (
        table_builders.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(columns[0].unit)
        .thresholds(plain().builder())
        .span(span)
        .height(height)
        .show_header(True)
        .filterable(False)
        .sort_by([common_builders.TableSortByFieldState().display_name(sort).desc(descending)])
        .with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(_organised(keys, columns))
    )
    for index, column in enumerate(columns):
        panel = panel.with_target(
            target(column.expr, column.heading, ref_id(index), instant=True, table=True)
        ).override_by_name(column.heading, _look_of(column))
    for key in keys:
        if properties := _look_of_key(key):
            panel = panel.override_by_name(key.heading, properties)
    return panel.build()


def _organised(keys: Sequence[Key], columns: Sequence[Column]) -> dashboard.DataTransformerConfig:
    """Name and order the columns; Grafana calls a lone query's `Value`, others' `Value #A`."""
    names = {key.label: key.heading for key in keys} | {
        "Value" if len(columns) == 1 else f"Value #{ref_id(index)}": column.heading
        for index, column in enumerate(columns)
    }
    return dashboard.DataTransformerConfig(
        id_val="organize",
        options={
            "excludeByName": {"Time": True},
            "indexByName": {name: index for index, name in enumerate(names)},
            "renameByName": names,
        },
    )


def _look_of(column: Column) -> list[dashboard.DynamicConfigValue]:
    look: dict[str, object] = {"unit": column.unit}
    if column.limits is not None:
        look["thresholds"] = {"mode": "absolute", "steps": column.limits.models()}
        look["color"] = {"mode": "thresholds"}
        look["custom.cellOptions"] = {"type": "color-text"}
    if column.width is not None:
        look["custom.width"] = column.width
    if column.hidden:
        look["custom.hidden"] = True
    return _properties(look)


def _look_of_key(key: Key) -> list[dashboard.DynamicConfigValue]:
    look: dict[str, object] = {}
    if key.width is not None:
        look["custom.width"] = key.width
    if key.words is not None:
        look["mappings"] = [key.words]
        look["custom.cellOptions"] = {"type": "color-text"}
    if key.links:
        look["links"] = [
            {"title": link.title, "url": link.url, "targetBlank": link.target_blank}
            for link in key.links
        ]
    return _properties(look)


def _properties(look: Mapping[str, object]) -> list[dashboard.DynamicConfigValue]:
    return [dashboard.DynamicConfigValue(name, value) for name, value in look.items()]
