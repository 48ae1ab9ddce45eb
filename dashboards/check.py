"""Whether a run's dashboards show anything: every query of every panel, asked as Grafana asks."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from dress_rehearsal.dashboards.errors import PrometheusError
from dress_rehearsal.dashboards.prometheus_api import Answer, PrometheusApi
from dress_rehearsal.dashboards.prometheus_config import SCRAPE_S
from dress_rehearsal.dashboards.queries import Target, fill, targets

_POINTS: Final = 300
"""How many points a panel of Grafana asks for, about."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time at which a run's dashboards are looked at; seconds since the Unix epoch."""

    run: str
    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.end_s - self.start_s

    @property
    def step_s(self) -> float:
        """How far apart the points of a line are; never closer than Prometheus scrapes."""
        return max(SCRAPE_S, round(self.length_s / _POINTS))


@dataclass(frozen=True, slots=True)
class PanelData:
    """What a panel has to show.

    Attributes:
        dashboard: title of the dashboard.
        title: of the panel.
        series: of each query, by its legend, how many series with a number in them it gives.
    """

    dashboard: str
    title: str
    series: Mapping[str, int]

    @property
    def shown(self) -> int:
        """How many series it shows in all; with none Grafana writes `No data`."""
        return sum(self.series.values())

    @property
    def silent(self) -> list[str]:
        """Legends of the queries that give nothing."""
        return [legend for legend, count in self.series.items() if not count]


def check_panels(
    api: PrometheusApi, dashboards: Iterable[Mapping[str, Any]], window: Window
) -> Iterator[PanelData]:
    """Return what every panel that asks Prometheus shows, each as soon as it is known.

    Raises:
        PrometheusError: Prometheus does not answer a query; the message names the panel.
        VariableUnknownError: a query has a variable that cannot be filled in.
    """
    for dashboard in dashboards:
        for _, asked in groupby(targets(dashboard), key=lambda target: target.panel):
            queries = list(asked)
            yield PanelData(
                dashboard["title"],
                queries[0].panel_title,
                {query.legend: _count(ask(api, query, window)) for query in queries},
            )


def ask(api: PrometheusApi, target: Target, window: Window) -> list[Answer]:
    """Ask what a panel asks when somebody looks at the window.

    Raises:
        PrometheusError: Prometheus does not answer; the message names the panel and its query.
        VariableUnknownError: the query has a variable that cannot be filled in.
    """
    expr = fill(target.expr, run=window.run, interval_s=window.step_s, range_s=window.length_s)
    try:
        if target.instant:
            return api.query(expr, window.end_s)
        return api.query_range(expr, window.start_s, window.end_s, window.step_s)
    except PrometheusError as error:
        raise type(error)(
            f"Panel {target.panel_title!r}, query {target.ref_id}: {error}"
        ) from error


def _count(answers: Iterable[Answer]) -> int:
    return sum(not all(math.isnan(value) for value in answer.values) for answer in answers)
