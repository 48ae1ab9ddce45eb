"""Panels: one function for each kind, so that all of a kind look and read alike."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import bargauge as bargauge_builders
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import gauge as gauge_builders
from grafana_foundation_sdk.builders import logs as logs_builders
from grafana_foundation_sdk.builders import loki as loki_builders
from grafana_foundation_sdk.builders import stat as stat_builders
from grafana_foundation_sdk.builders import text as text_builders
from grafana_foundation_sdk.builders import timeseries as timeseries_builders
from grafana_foundation_sdk.models import common, dashboard, text

from dress_rehearsal.dashboards.kit import thresholds
from dress_rehearsal.dashboards.kit.query import (
    COUNT,
    LOKI,
    PROMETHEUS,
    Query,
    Ready,
    ref_id,
    target,
)
from dress_rehearsal.dashboards.kit.thresholds import Thresholds

_MANY: Final = 4

_Number = TypeVar("_Number", bargauge_builders.Panel, gauge_builders.Panel, stat_builders.Panel)


def fixed(colour: str) -> dashboard.DynamicConfigValue:
    """Return the property that gives a series its colour."""
    return dashboard.DynamicConfigValue(
        "color", {"mode": str(dashboard.FieldColorModeId.FIXED), "fixedColor": colour}
    )


def words(texts: Mapping[str, tuple[str, str]]) -> dashboard.ValueMap:
    """Map values to a text and a colour."""
    return dashboard.ValueMap(
        {
            value: dashboard.ValueMappingResult(text=said, color=colour, index=index)
            for index, (value, (said, colour)) in enumerate(texts.items())
        }
    )


def timeseries(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str = COUNT,
    span: int = 8,
    height: int = 8,
    stacked: bool = False,
    stepped: bool = False,
    limits: Thresholds | None = None,
    colours: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    many: bool = False,
    links: Sequence[dashboard.DashboardLink] = (),
) -> dashboard.Panel:
    """Draw lines over time from zero up.

    Args:
        stacked: one area on the other, for parts of a whole.
        stepped: a level that holds until it changes, rather than a slope.
        limits: dashed lines where a threshold lies.
        colours: of series by name, where names are values of a label.
        names: what series are called instead, by the same.
        many: whether one query gives many lines, for which the legend is a table.
    """
    table = many or (len(queries) >= _MANY and not stacked)
    legend = (
        common_builders.VizLegendOptions()
        .show_legend(True)
        .placement(common.LegendPlacement.BOTTOM)
        .display_mode(common.LegendDisplayMode.TABLE if table else common.LegendDisplayMode.LIST)
        .calcs(["lastNotNull", "max"] if table else [])
    )
    if table:
        legend = legend.sort_by("Max").sort_desc(True)
    lines = common.LineInterpolation
    panel = (
        timeseries_builders.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .min(0)
        .span(span)
        .height(height)
        .legend(legend)
        .tooltip(
            common_builders.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
        .draw_style(common.GraphDrawStyle.LINE)
        .line_interpolation(lines.STEP_AFTER if stepped else lines.LINEAR)
        .line_width(0 if stacked else 1.5)
        .fill_opacity(70 if stacked else 8)
        .show_points(common.VisibilityMode.NEVER)
        .span_nulls(False)
        .color_scheme(
            builders.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC_BY_NAME)
        )
        .thresholds((limits or thresholds.plain()).builder())
        .thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(
                common.GraphThresholdsStyleMode.DASHED
                if limits
                else common.GraphThresholdsStyleMode.OFF
            )
        )
        .stacking(
            common_builders.StackingConfig()
            .mode(common.StackingMode.NORMAL if stacked else common.StackingMode.NONE)
            .group("A")
        )
    )
    if links:
        panel = panel.data_links([Ready(link) for link in links])
    for index, query in enumerate(queries):
        panel = panel.with_target(target(query.expr, query.legend, ref_id(index), instant=False))
        look = []
        if query.colour is not None:
            look.append(fixed(query.colour))
        if query.dashed:
            look.append(
                dashboard.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]})
            )
            look.append(dashboard.DynamicConfigValue("custom.fillOpacity", 0))
        if look:
            panel = panel.override_by_query(ref_id(index), look)
    for name in dict.fromkeys([*(colours or {}), *(names or {})]):
        own = [fixed(colours[name])] if colours and name in colours else []
        if names and name in names:
            own.append(dashboard.DynamicConfigValue("displayName", names[name]))
        panel = panel.override_by_name(name, own)
    return panel.build()


def stat(
    title: str,
    description: str,
    *queries: Query,
    unit: str = COUNT,
    limits: Thresholds,
    span: int = 4,
    sparkline: bool = False,
    filled: bool = False,
    named: bool = False,
    names: Mapping[str, str] | None = None,
    decimals: int | None = None,
    mappings: Sequence[dashboard.ValueMap] = (),
    links: Sequence[dashboard.DashboardLink] = (),
) -> dashboard.Panel:
    """Show one number, large; or several beside each other.

    Args:
        sparkline: ask for its values over time, and draw them behind it.
        filled: the colour fills the panel, for what must be seen from afar.
        named: write the series' name above the number.
        names: what series are called instead, by name.
    """
    modes = common.BigValueColorMode
    graphs = common.BigValueGraphMode
    texts = common.BigValueTextMode
    panel = (
        _number(stat_builders.Panel(), title, description, unit, limits, span, 4)
        .color_mode(modes.BACKGROUND_SOLID if filled else modes.VALUE)
        .graph_mode(graphs.AREA if sparkline else graphs.NONE)
        .text_mode(texts.VALUE_AND_NAME if named else texts.VALUE)
        .justify_mode(common.BigValueJustifyMode.CENTER)
        .orientation(common.VizOrientation.AUTO)
        .mappings(list(mappings))
    )
    for index, query in enumerate(queries):
        panel = panel.with_target(
            target(query.expr, query.legend, ref_id(index), instant=not sparkline)
        )
        if query.colour is not None:
            panel = panel.override_by_query(ref_id(index), [fixed(query.colour)])
    for name, shown in (names or {}).items():
        panel = panel.override_by_name(name, [dashboard.DynamicConfigValue("displayName", shown)])
    if decimals is not None:
        panel = panel.decimals(decimals)
    if links:
        panel = panel.data_links([Ready(link) for link in links])
    return panel.build()


def sentence(title: str, description: str, query: Query) -> dashboard.Panel:
    """Show one series' name across the whole board, its number not at all: a sentence to read."""
    limits = thresholds.plain()
    return (
        _number(stat_builders.Panel(), title, description, COUNT, limits, 24, 3)
        .color_mode(common.BigValueColorMode.NONE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.NAME)
        .justify_mode(common.BigValueJustifyMode.CENTER)
        .orientation(common.VizOrientation.AUTO)
        .with_target(target(query.expr, query.legend, ref_id(0), instant=True))
        .build()
    )


def gauge(title: str, description: str, query: Query, *, limits: Thresholds) -> dashboard.Panel:
    """Show what share of something finite is used."""
    return (
        _number(gauge_builders.Panel(), title, description, "percentunit", limits, 4, 4)
        .min(0)
        .max(1)
        .show_threshold_markers(True)
        .show_threshold_labels(False)
        .orientation(common.VizOrientation.AUTO)
        .with_target(target(query.expr, query.legend, "A", instant=True))
        .build()
    )


def bargauge(
    title: str, description: str, query: Query, *, unit: str, limits: Thresholds
) -> dashboard.Panel:
    """Compare one number of several things, a bar for each."""
    return (
        _number(bargauge_builders.Panel(), title, description, unit, limits, 8, 6)
        .min(0)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .orientation(common.VizOrientation.HORIZONTAL)
        .show_unfilled(True)
        .with_target(target(query.expr, query.legend, "A", instant=True))
        .build()
    )


def _number(
    panel: _Number,
    title: str,
    description: str,
    unit: str,
    limits: Thresholds,
    span: int,
    height: int,
) -> _Number:
    """Begin a panel of the last value, which has the colour of the limit it has reached."""
    last = common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")
    return (
        panel.title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .span(span)
        .height(height)
        .thresholds(limits.builder())
        .color_scheme(builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .reduce_options(last)
    )


def note(title: str, markdown: str, *, span: int = 8, height: int = 8) -> dashboard.Panel:
    """Tell in words how the panels beside it are read."""
    return (
        text_builders.Panel()
        .title(title)
        .description("How to read what is shown here.")
        .mode(text.TextMode.MARKDOWN)
        .content(markdown)
        .span(span)
        .height(height)
        .build()
    )


def logs(
    title: str,
    description: str,
    expr: str,
    *,
    links: Sequence[dashboard.DashboardLink] = (),
) -> dashboard.Panel:
    """Show lines of logs, the newest first."""
    return (
        logs_builders.Panel()
        .title(title)
        .description(description)
        .datasource(LOKI)
        .links([Ready(link) for link in links])
        .span(24)
        .height(10)
        .show_time(True)
        .show_labels(False)
        .show_common_labels(False)
        .wrap_log_message(True)
        .prettify_log_message(False)
        .enable_log_details(True)
        .sort_order(common.LogsSortOrder.DESCENDING)
        .dedup_strategy(common.LogsDedupStrategy.NONE)
        .with_target(
            loki_builders.Dataquery()
            .expr(expr)
            .ref_id("A")
            .datasource(LOKI)
            .query_type("range")
            .max_lines(500)
        )
        .build()
    )
