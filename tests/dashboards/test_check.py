"""Every panel's queries are asked of a real Prometheus, and what gives no number is told."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.check import PanelData, Window, check_panels
from dress_rehearsal.dashboards.errors import PrometheusRefusedError
from dress_rehearsal.dashboards.kit.panels import note, timeseries
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.prometheus_api import PrometheusApi
from tests.dashboards.exported import EXPORTED, RECORDED, RUN
from tests.dashboards.recorded import Sample, plain_json, record, served

T0 = 1_780_000_000.0
START, END = T0 - 20, T0 + 40
WINDOW = Window(RUN, START, END)
PURCHASE = "/events/{event}/tickets"
LEVEL = 'level{run="$run"}'


def samples() -> Iterator[Sample]:
    """Everything a rehearsal exports, a second apart, what the rules make of it, and a level."""
    for metric in EXPORTED:
        for series, written in metric.series():
            first, grown = re.fullmatch(r"(\d+)\+(\d+)x60", written).groups()  # type: ignore[union-attr]
            for second in range(61):
                value = float(first) + float(grown) * second
                if "timestamp_seconds" in series:
                    value = T0
                yield series, value, START + second
    target = f'run="{RUN}",job="app",pool="postgres",method="POST"'
    for name in RECORDED:
        for route in ("/login", PURCHASE):
            labels = f'{target},route="{route}",step="POST {route}"'
            for second in range(61):
                yield f"{name}{{{labels}}}", 0.2, START + second
    for second in range(61):
        for pool, value in (("postgres", float(second)), ("redis", 3.0)):
            yield f'level{{run="{RUN}",pool="{pool}"}}', value, START + second


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusApi]:
    data = tmp_path_factory.mktemp("tsdb") / "data"
    record(samples(), data)
    with served(data) as api:
        yield api


def dashboard_of(*panels: Any) -> dict[str, Any]:
    return {
        "uid": "one",
        "title": "One",
        "panels": [plain_json(panel) | {"id": number} for number, panel in enumerate(panels)],
    }


def lines(title: str, *queries: Query) -> Any:
    return timeseries(title, "For a test.", queries, unit="s")


@pytest.mark.slow
def test_every_query_of_every_dashboard_has_data_of_what_a_rehearsal_exports(
    api: PrometheusApi,
) -> None:
    built = dashboards()
    told = list(check_panels(api, built.values(), WINDOW))
    assert {panel.dashboard for panel in told} == {each["title"] for each in built.values()}
    assert [panel for panel in told if not panel.shown or panel.silent] == []
    assert 50 < len(told) <= 66, "what a person can find"


def test_a_panel_shows_its_series_and_one_without_a_number_shows_none(api: PrometheusApi) -> None:
    dashboard = dashboard_of(
        lines("Full", Query(LEVEL, "{{pool}}"), Query("no_such_metric", "lacking")),
        lines("Nothing here", Query("no_such_metric", "lacking")),
        lines("Never a number", Query(f"0 * {LEVEL} / 0", "{{pool}}")),
        note("In words", "Asks nothing."),
    )
    full, *empty = check_panels(api, [dashboard], WINDOW)
    assert full == PanelData("One", "Full", {"{{pool}}": 2, "lacking": 0})
    assert (full.shown, full.silent) == (2, ["lacking"])
    assert [(panel.title, panel.shown) for panel in empty] == [
        ("Nothing here", 0),
        ("Never a number", 0),
    ]


def test_another_run_has_no_data(api: PrometheusApi) -> None:
    other = Window("another", START, END)
    (told,) = check_panels(api, [dashboard_of(lines("Level", Query(LEVEL, "level")))], other)
    assert told.shown == 0


def test_a_wrong_expression_is_told_with_its_panel_and_prometheus_own_words(
    api: PrometheusApi,
) -> None:
    wrong = dashboard_of(lines("Lines", Query(LEVEL, "level"), Query("sum(rate(x)", "wrong")))
    with pytest.raises(
        PrometheusRefusedError, match=r"Panel 'Lines', query B: .*refuses the query.*parse error"
    ):
        list(check_panels(api, [wrong], WINDOW))


@pytest.mark.parametrize(("length_s", "step_s"), [(0.5, 1), (60, 1), (900, 3), (86_400, 288)])
def test_a_line_has_about_300_points_and_none_closer_than_a_scrape(
    length_s: float, step_s: float
) -> None:
    assert Window(RUN, 0, length_s).step_s == step_s
