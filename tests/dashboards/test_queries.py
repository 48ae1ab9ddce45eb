"""Queries are found in a dashboard and filled in as Grafana does."""

from typing import Any

import pytest

from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.errors import DashboardsError, VariableUnknownError
from dress_rehearsal.dashboards.queries import Target, fill, panels, targets

RUN = "20260601T120000-smoke-ab12"


def _fill(expr: str, **chosen: Any) -> str:
    usual: dict[str, Any] = {"run": RUN, "interval_s": 1.0, "range_s": 900.0}
    return fill(expr, **usual | chosen)


def _panel(number: int, expr: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": f"Panel {number}",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "targets": [{"refId": "A", "expr": expr, "legendFormat": "{{pool}}", "range": True}],
    } | more


def test_targets_are_given_in_order_also_from_collapsed_rows() -> None:
    dashboard = {
        "uid": "mine",
        "panels": [
            {"type": "row", "title": "Open", "panels": []},
            _panel(2, "a"),
            {"type": "row", "title": "Collapsed", "panels": [_panel(4, "b"), _panel(5, "c")]},
        ],
    }
    asked = [(target.panel, target.expr) for target in targets(dashboard)]
    assert asked == [(2, "a"), (4, "b"), (5, "c")]
    assert [panel["id"] for panel in panels(dashboard)] == [2, 4, 5]


def test_a_target_is_one_query_with_its_panel() -> None:
    assert list(targets({"uid": "mine", "panels": [_panel(2, "up")]})) == [
        Target(
            panel=2,
            panel_title="Panel 2",
            ref_id="A",
            expr="up",
            legend="{{pool}}",
            instant=False,
        )
    ]


def test_queries_to_loki_are_left_out() -> None:
    own = _panel(1, "a")
    own["targets"][0]["instant"] = True
    loki = _panel(2, "b", datasource={"type": "loki", "uid": "${loki}"})
    (target,) = targets({"uid": "mine", "panels": [own, loki, {"id": 3, "type": "text"}]})
    assert target.expr == "a"
    assert target.instant


def test_tables_and_numbers_are_asked_at_once_and_lines_over_time() -> None:
    for dashboard in dashboards().values():
        kinds = {panel["id"]: panel["type"] for panel in panels(dashboard)}
        for target in targets(dashboard):
            if kinds[target.panel] in ("table", "gauge", "bargauge"):
                assert target.instant, target
            if kinds[target.panel] == "timeseries":
                assert not target.instant, target


@pytest.mark.parametrize(
    ("expr", "filled"),
    [
        ('up{run="$run"}', f'up{{run="{RUN}"}}'),
        ('up{run="${run}"}', f'up{{run="{RUN}"}}'),
        ('up{instance=~"$instance"}', 'up{instance=~".+"}'),
        ("rate(up[$__rate_interval])", "rate(up[4s])"),
        ("up offset $__interval", "up offset 1s"),
        ("max_over_time(up[$__range])", "max_over_time(up[900s])"),
        ('label_replace(up, "a", "$1", "b", "(.*)")', None),
    ],
)
def test_variables_are_filled_in(expr: str, filled: str | None) -> None:
    if filled is None:
        with pytest.raises(VariableUnknownError, match="variable '1'"):
            _fill(expr)
    else:
        assert _fill(expr) == filled


@pytest.mark.parametrize(
    ("interval_s", "scrape_s", "interval", "rate_interval"),
    [
        (1, 1, "1s", "4s"),  # never less than four scrapes
        (0.2, 1, "1s", "4s"),  # nor a step below one
        (3, 1, "3s", "4s"),
        (15, 1, "15s", "16s"),  # a step and a scrape
        (59, 1, "59s", "1m"),
        (60, 15, "1m", "75s"),
        (0.5, 0.25, "500ms", "1s"),
        (3600, 1, "1h", "3601s"),
        (86400, 1, "1d", "86401s"),
    ],
)
def test_the_rate_interval_is_four_scrapes_or_a_step_and_a_scrape(
    interval_s: float, scrape_s: float, interval: str, rate_interval: str
) -> None:
    times = {"interval_s": interval_s, "scrape_s": scrape_s}
    assert _fill("$__interval $__rate_interval", **times) == f"{interval} {rate_interval}"


def test_a_run_s_name_cannot_break_out_of_its_string() -> None:
    assert _fill('{run="$run"}', run='a"b\\c') == r'{run="a\"b\\c"}'


@pytest.mark.parametrize("expr", ["up{job=~'$job'}", "${run:csv}", "$__range_ms"])
def test_what_nobody_can_fill_in_is_an_error(expr: str) -> None:
    with pytest.raises(VariableUnknownError) as caught:
        _fill(expr)
    assert isinstance(caught.value, DashboardsError)
    assert repr(expr) in str(caught.value)


def test_no_variable_is_left_in_any_dashboard() -> None:
    for dashboard in dashboards().values():
        for target in targets(dashboard):
            assert "$" not in _fill(target.expr)
