"""The preview shows what Grafana would, from real Prometheus, and says what it cannot show."""

import math
import re
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.errors import DashboardsError
from dress_rehearsal.dashboards.kit import colours
from dress_rehearsal.dashboards.kit.annotations import Annotation
from dress_rehearsal.dashboards.kit.panels import gauge, stat, timeseries, words
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.table import Column, Key, table
from dress_rehearsal.dashboards.kit.thresholds import fail_from, plain, warn_fail
from dress_rehearsal.dashboards.preview import preview
from dress_rehearsal.dashboards.preview_answers import Window, answers
from dress_rehearsal.dashboards.preview_course import moment_words
from dress_rehearsal.dashboards.preview_fields import PreviewImpossible, look_of
from dress_rehearsal.dashboards.preview_marks import marks
from dress_rehearsal.dashboards.preview_palette import colours_of
from dress_rehearsal.dashboards.preview_rows import rows
from dress_rehearsal.dashboards.prometheus_api import (
    PrometheusApi,
    PrometheusRefusedError,
    PrometheusSilentError,
)
from tests.dashboards.exported import EXPORTED, RECORDED, RUN
from tests.dashboards.recorded import Sample, plain_json, record, served

T0 = 1_780_000_000.0
START, END = T0 - 20, T0 + 40
WINDOW = Window(RUN, START, END, opens_s=T0)
PURCHASE = "/events/{event}/tickets"
BARE = {"x": 0, "y": 0, "w": 12, "h": 8}


def samples() -> Iterator[Sample]:
    """Everything a rehearsal exports, a second apart, and some things with a known course."""
    for metric in EXPORTED:
        for series, course in metric.series():
            first, grown = re.fullmatch(r"(\d+)\+(\d+)x60", course).groups()  # type: ignore[union-attr]
            for second in range(61):
                value = float(first) + float(grown) * second
                if "timestamp_seconds" in series:
                    value = T0
                yield series, value, START + second
    yield from recorded()
    yield from known()


def recorded() -> Iterator[Sample]:
    """What the recording rules make of it."""
    target = f'run="{RUN}",job="app",pool="postgres",method="POST"'
    for name in RECORDED:
        for route in ("/login", PURCHASE):
            labels = f'{target},route="{route}",step="POST {route}"'
            for second in range(61):
                yield f"{name}{{{labels}}}", 0.2, START + second


def known() -> Iterator[Sample]:
    """Series with a course that tests count on."""
    for second in range(61):
        at = START + second
        if not 20 <= second < 30:
            yield f'level{{run="{RUN}",pool="postgres"}}', float(second), at
        yield f'level{{run="{RUN}",pool="redis"}}', 3.0, at
        yield f'limit{{run="{RUN}",pool="postgres"}}', 16.0, at
        yield f'verdict{{run="{RUN}"}}', 2.0, at
        if 5 <= second <= 9 or 40 <= second <= 42:
            alert = f'alertname="PoolLeak",severity="warning",alertstate="firing",run="{RUN}"'
            yield f"ALERTS{{{alert}}}", 1.0, at


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusApi]:
    data = tmp_path_factory.mktemp("tsdb") / "data"
    record(samples(), data)
    with served(data) as api:
        yield api


def panel_of(built: Any) -> dict[str, Any]:
    found = plain_json(built)
    return found | {"gridPos": BARE, "id": 1}


def dashboard_of(*panels: dict[str, Any], annotations: tuple[Any, ...] = ()) -> dict[str, Any]:
    return {
        "uid": "one",
        "title": "One",
        "description": "For a test.",
        "annotations": {"list": [plain_json(each) for each in annotations]},
        "panels": [
            panel | {"gridPos": BARE | {"y": 8 * number}} for number, panel in enumerate(panels)
        ],
    }


def lines(expr: str, legend: str = "{{pool}}", **options: Any) -> dict[str, Any]:
    return panel_of(timeseries("Lines", "For a test.", [Query(expr, legend)], unit="s", **options))


def size_of(png: Path) -> tuple[int, int]:
    head = png.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:])
    return width, height


LEVEL = 'level{run="$run"}'


def test_every_dashboard_is_drawn_whole_from_what_a_rehearsal_exports(
    api: PrometheusApi, tmp_path: Path
) -> None:
    built = dashboards()
    drawn = preview(api, built.values(), WINDOW, tmp_path)
    assert {one.uid for one in drawn} == set(built)
    assert {one.uid: one.empty for one in drawn} == dict.fromkeys(built, ())
    for one in drawn:
        assert one.path == tmp_path / f"{one.uid}.png"
        width, height = size_of(one.path)
        assert width == 2592
        assert height > 1000


def test_a_panel_without_data_is_named(api: PrometheusApi, tmp_path: Path) -> None:
    full, empty = lines(LEVEL), lines("no_such_metric") | {"title": "Nothing here"}
    nan = lines('0 * level{run="$run"} / 0') | {"title": "Never a number"}
    (drawn,) = preview(api, [dashboard_of(full, empty, nan)], WINDOW, tmp_path)
    assert drawn.empty == ("Nothing here", "Never a number")


def test_another_run_has_no_data(api: PrometheusApi, tmp_path: Path) -> None:
    other = Window("another", START, END)
    (drawn,) = preview(api, [dashboard_of(lines(LEVEL))], other, tmp_path)
    assert drawn.empty == ("Lines",)


def test_a_series_is_named_as_its_legend_says(api: PrometheusApi) -> None:
    found = answers(api, lines(LEVEL, "of {{pool}} {{nothing}}"), WINDOW, 800)
    assert [one.name for one in found] == ["of postgres", "of redis"]


def test_a_line_is_broken_where_points_are_missing(api: PrometheusApi) -> None:
    postgres, redis = answers(api, lines("min_over_time(" + LEVEL + "[500ms])"), WINDOW, 800)
    assert [at - START for at in postgres.times if at - START in (19, 20, 30)] == [19, 20, 30]
    assert [math.isnan(v) for v in postgres.values].count(True) == 1
    assert not any(math.isnan(value) for value in redis.values)
    assert (postgres.last, postgres.highest) == (60, 60)


@pytest.mark.parametrize(
    ("length_s", "points", "step_s"),
    [(60, 900, 1), (900, 900, 1), (1800, 900, 2), (3600, 900, 5), (86_400, 900, 120)],
)
def test_the_step_is_the_round_one_that_grafana_takes(
    length_s: float, points: int, step_s: float
) -> None:
    assert Window(RUN, 0, length_s).step_s(points) == step_s


def test_times_count_from_the_opening_where_there_was_one() -> None:
    said = [moment_words(T0 + away, WINDOW) for away in (-90, -20, 0, 0.5, 30, 120)]
    assert said == ["−1 min 30 s", "−20 s", "T-0", "+0.5 s", "+30 s", "+2 min"]
    assert moment_words(1_780_000_000, Window(RUN, START, END)) == "20:26:40"


def test_a_moment_is_one_mark_and_an_alert_a_region_for_each_time_it_fired(
    api: PrometheusApi,
) -> None:
    moment = Annotation(
        "Phases",
        'rehearsal_timeline_timestamp_seconds{run="$run"} * 1000',
        colours.GREY,
        title="{{name}}",
        text="{{text}}",
        tags="",
        value_is_time=True,
    )
    firing = Annotation(
        "Alerts",
        'max_over_time(ALERTS{run="$run"}[500ms])',
        colours.FAILED,
        title="{{alertname}}",
        text="{{severity}}",
        tags="",
        value_is_time=False,
    )
    found = marks(api, dashboard_of(annotations=(moment, firing)), WINDOW)
    told = [(mark.title, mark.text, mark.start_s - START, mark.end_s - START) for mark in found]
    assert told == [
        ("PoolLeak", "warning", 5, 9),
        ("open", "sales open", 20, 20),
        ("PoolLeak", "warning", 40, 42),
    ]


def pools_table(**options: Any) -> dict[str, Any]:
    return panel_of(
        table(
            "Pools",
            "For a test.",
            [Key("pool", "Pool", words=words({"redis": ("Redis", colours.REDIS)}))],
            [
                Column("max by (pool) (" + LEVEL + ")", "Level", "s", limits=warn_fail(5, 50)),
                Column('max by (pool) (limit{run="$run"})', "Limit", "short"),
                Column("max by (pool) (" + LEVEL + ") * 2", "link", "none", hidden=True),
            ],
            sort="Level",
            **options,
        )
    )


def test_a_table_is_merged_named_ordered_and_sorted(api: PrometheusApi) -> None:
    panel = pools_table()
    shown = rows(panel, answers(api, panel, WINDOW, 800))
    assert shown.headings == ("Pool", "Level", "Limit")
    assert shown.cells == (("postgres", 60.0, 16.0), ("redis", 3.0, None))
    pool, level, limit = shown.looks
    assert (level.unit, limit.unit) == ("s", "short")
    assert [level.colour_of_value(value) for value in (3.0, 5.0, 60.0)] == [
        colours.OK,
        colours.WARNING,
        colours.FAILED,
    ]
    assert pool.mapped("redis") == ("Redis", colours.REDIS)
    assert pool.mapped("postgres") is None


def test_a_table_sorts_the_other_way_too(api: PrometheusApi) -> None:
    panel = pools_table(descending=False)
    shown = rows(panel, answers(api, panel, WINDOW, 800))
    assert [row[0] for row in shown.cells] == ["redis", "postgres"]


def test_a_table_sorted_by_no_column_of_its_own_is_refused(api: PrometheusApi) -> None:
    panel = pools_table()
    panel["options"]["sortBy"] = [{"displayName": "Levle", "desc": True}]
    with pytest.raises(PreviewImpossible, match=r"sorts by 'Levle', a column it has not"):
        rows(panel, answers(api, panel, WINDOW, 800))


def test_an_override_goes_to_the_query_or_the_name_it_is_for() -> None:
    panel = panel_of(
        timeseries(
            "Two",
            "For a test.",
            [Query("a", "a", colours.OK), Query("b", "{{x}}", dashed=True)],
            unit="bytes",
            colours={"used": colours.REDIS},
        )
    )
    first, second = look_of(panel, "a", "A"), look_of(panel, "used", "B")
    assert (first.unit, first.fixed, first.custom["fillOpacity"]) == ("bytes", colours.OK, 8)
    assert (second.fixed, second.custom["fillOpacity"]) == (colours.REDIS, 0)
    assert second.custom["lineStyle"] == {"fill": "dash", "dash": [8, 6]}
    assert look_of(panel, "other", "B").fixed is None


def test_a_number_gets_the_text_and_colour_it_is_mapped_to() -> None:
    mapped = panel_of(
        stat(
            "Verdict",
            "For a test.",
            Query('verdict{run="$run"}', "verdict"),
            unit="none",
            limits=plain(colours.GREY),
            mappings=[words({"2": ("fail", colours.FAILED)})],
        )
    )
    look = look_of(mapped, "verdict", "A")
    assert look.mapped(2.0) == ("fail", colours.FAILED)
    assert (look.colour_of_value(2.0), look.colour_of_value(1.0)) == (colours.FAILED, colours.GREY)


def test_a_gauge_beyond_its_end_and_a_stat_with_a_course_are_drawn(
    api: PrometheusApi, tmp_path: Path
) -> None:
    query = Query("max(" + LEVEL + ")", "level")
    over = gauge("Over", "For a test.", query, unit="s", limits=fail_from(5), maximum=10)
    course = stat(
        "Course", "For a test.", query, unit="s", limits=fail_from(5), course=True, filled=True
    )
    (drawn,) = preview(api, [dashboard_of(panel_of(over), panel_of(course))], WINDOW, tmp_path)
    assert drawn.empty == ()


def test_series_without_a_colour_of_their_own_get_different_ones() -> None:
    names = [f"pool {number}" for number in range(12)]
    chosen = colours_of(names)
    assert len(set(chosen.values())) == 12
    assert colours_of(names[:1]) == {names[0]: chosen[names[0]]}
    assert colours_of(names[:1], taken=[chosen[names[0]]])[names[0]] != chosen[names[0]]
    assert len(colours_of([*names, "one more"])) == 13


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"fieldConfig": {"defaults": {"custom": {"drawStyle": "bars"}}, "overrides": []}},
            "Panel 'Lines': the preview draws lines over time, not 'bars'",
        ),
        ({"type": "heatmap"}, "Panel 'Lines' is a heatmap, which the preview cannot draw"),
        (
            {"fieldConfig": {"defaults": {"unit": "furlong"}, "overrides": []}},
            "cannot write the unit 'furlong'",
        ),
        (
            {
                "fieldConfig": {
                    "defaults": {},
                    "overrides": [{"matcher": {"id": "byRegexp", "options": "/x/"}}],
                }
            },
            "no override by 'byRegexp'",
        ),
        (
            {"fieldConfig": {"defaults": {"mappings": [{"type": "range"}]}, "overrides": []}},
            "mappings of single values, not of a range",
        ),
        (
            {
                "fieldConfig": {
                    "defaults": {"color": {"mode": "fixed", "fixedColor": "red"}},
                    "overrides": [],
                }
            },
            "colours such as #009e73, not 'red'",
        ),
        (
            {"options": {"legend": {"showLegend": True, "placement": "right"}}},
            "legends at the bottom only",
        ),
    ],
)
def test_what_cannot_be_shown_as_grafana_would_is_refused(
    api: PrometheusApi, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(DashboardsError, match=words):
        preview(api, [dashboard_of(lines(LEVEL) | change)], WINDOW, tmp_path)


def test_another_transformation_is_refused(api: PrometheusApi, tmp_path: Path) -> None:
    panel = pools_table() | {"transformations": [{"id": "groupBy", "options": {}}]}
    with pytest.raises(PreviewImpossible, match="no transformation 'groupBy', only merge and org"):
        preview(api, [dashboard_of(panel)], WINDOW, tmp_path)


def test_a_wrong_expression_is_told_with_its_panel_and_prometheus_own_words(
    api: PrometheusApi, tmp_path: Path
) -> None:
    with pytest.raises(
        PrometheusRefusedError, match=r"Panel 'Lines'.*refuses the query.*parse error"
    ):
        preview(api, [dashboard_of(lines("sum(rate(x)"))], WINDOW, tmp_path)


def test_an_expression_that_gives_no_series_is_refused(api: PrometheusApi) -> None:
    with pytest.raises(
        PrometheusRefusedError, match="answers with a string where a vector was asked"
    ):
        api.query('"words"', T0)


def test_a_scalar_is_a_series_without_labels(api: PrometheusApi) -> None:
    (one,) = api.query("6 * 7", T0)
    assert (one.labels, one.values) == ({}, (42.0,))


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(
        PrometheusSilentError, match=r"http://127\.0\.0\.1:9 gives no answer: .*refused"
    ):
        PrometheusApi("http://127.0.0.1:9", timeout_s=1).query("up", T0)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>welcome</html>", "is no Prometheus"),
        (200, b"[]", "is no Prometheus"),
        (200, b'{"status": "success"}', "is no Prometheus"),
        (502, b"bad gateway from the proxy", r"\(502 Bad Gateway\): bad gateway from the proxy"),
        (503, b"", r"\(503 Service Unavailable\): no reason given"),
    ],
)
def test_another_server_is_a_sentence(status: int, body: bytes, words: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(PrometheusRefusedError, match=words):
            PrometheusApi(f"http://127.0.0.1:{server.server_port}").query("up", T0)


def test_pictures_that_cannot_be_written_are_a_sentence(api: PrometheusApi, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DashboardsError, match=r"cannot be written to .*file.*--out"):
        preview(api, [dashboard_of(lines(LEVEL))], WINDOW, tmp_path / "file")
