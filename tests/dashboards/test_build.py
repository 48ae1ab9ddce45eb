"""The dashboards: committed as built, readable by Grafana's own types, linked, and by the rules."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dress_rehearsal.dashboards import build
from dress_rehearsal.dashboards.kit import links
from dress_rehearsal.dashboards.queries import panels, targets
from dress_rehearsal.records.tables import CLIENT_POOLS
from tests.dashboards.exported import HISTOGRAMS, METRICS, RECORDED
from tests.dashboards.linting import families, lint, metrics_of, selectors

COMMITTED = Path(__file__).parents[2] / "dashboards" / "grafana"
UIDS = (
    "rehearsal-open",
    "rehearsal-pools",
    "rehearsal-integrity",
    "rehearsal-generator",
    "rehearsal-index",
)


@pytest.fixture(scope="module")
def built() -> dict[str, dict[str, Any]]:
    return build.dashboards()


def test_there_are_five_dashboards_by_uid(built: dict[str, dict[str, Any]]) -> None:
    assert tuple(built) == UIDS
    assert [dashboard["uid"] for dashboard in built.values()] == list(UIDS)


def test_the_committed_dashboards_are_the_built_ones(tmp_path: Path) -> None:
    files = build.write(tmp_path / "new")
    assert [file.name for file in files] == [f"{uid}.json" for uid in UIDS]
    committed = {file.name: file.read_bytes() for file in COMMITTED.iterdir()}
    assert {file.name: file.read_bytes() for file in files} == committed, (
        "run `rehearse dashboards build --out dashboards/grafana` and commit what it writes"
    )


def test_building_twice_gives_the_same_text_with_sorted_keys_and_a_last_newline() -> None:
    first, second = (
        [build.text_of(dashboard) for dashboard in build.dashboards().values()] for _ in range(2)
    )
    assert first == second
    for text in first:
        assert text.endswith("}\n")
        assert list(json.loads(text)) == sorted(json.loads(text))


@pytest.mark.parametrize("uid", UIDS)
def test_the_sdk_s_own_parser_reads_a_dashboard_back(uid: str) -> None:
    register_default_plugins()
    written = json.loads((COMMITTED / f"{uid}.json").read_text(encoding="utf-8"))
    parsed = Dashboard.from_json(written)
    again = json.loads(json.dumps(parsed, cls=JSONEncoder))
    assert again["schemaVersion"] == 39
    assert again["panels"] == written["panels"]
    assert again["templating"] == written["templating"]
    assert again["links"] == written["links"]


@pytest.mark.parametrize("uid", UIDS)
def test_a_dashboard_keeps_the_rules(uid: str, built: dict[str, dict[str, Any]]) -> None:
    assert lint(built[uid]) == []


def _spoil(change: Callable[[dict[str, Any]], None]) -> list[str]:
    spoilt = copy.deepcopy(build.dashboards()["rehearsal-pools"])
    change(spoilt)
    return lint(spoilt)


def _drawn(dashboard: dict[str, Any]) -> dict[str, Any]:
    return next(p for p in dashboard["panels"] if p["type"] == "timeseries")


def _closed(dashboard: dict[str, Any]) -> dict[str, Any]:
    return next(p for p in dashboard["panels"] if p["type"] == "row" and p["collapsed"])


def _table(dashboard: dict[str, Any]) -> dict[str, Any]:
    return next(p for p in dashboard["panels"] if p["type"] == "table")


def _set_expr(expr: str) -> Callable[[dict[str, Any]], None]:
    def change(dashboard: dict[str, Any]) -> None:
        _drawn(dashboard)["targets"][0]["expr"] = expr

    return change


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda d: _drawn(d).pop("description"), "lacks a title or a description"),
        (lambda d: _drawn(d)["fieldConfig"]["defaults"].pop("unit"), "has no unit"),
        (lambda d: _drawn(d)["fieldConfig"]["defaults"].pop("thresholds"), "has no thresholds"),
        (lambda d: _drawn(d)["fieldConfig"]["defaults"].update(unit="short"), "unknown unit"),
        (lambda d: _drawn(d).update(title="Far too long a title " * 5), "a title that is cut"),
        (lambda d: _drawn(d)["datasource"].update(uid="mine"), "asks a fixed data source"),
        (
            lambda d: _drawn(d)["targets"][0]["datasource"].update(uid="mine"),
            "query A asks a fixed data source",
        ),
        (lambda d: _drawn(d)["targets"][0].update(legendFormat=""), "has no legend"),
        (lambda d: _drawn(d)["gridPos"].update(x=4), "lies over"),
        (lambda d: _drawn(d)["gridPos"].update(w=2), "empty cells"),
        (lambda d: d["panels"][0].update(collapsed=True), "what answers at a glance is closed"),
        (lambda d: _closed(d).update(collapsed=False), "a closed row holds its panels"),
        (lambda d: _closed(d)["panels"][0]["gridPos"].update(x=4), "lies over"),
        (lambda d: _drawn(d).update(title="Pools by wait"), "has two panels called"),
        (
            lambda d: _table(d)["options"]["sortBy"][0].update(displayName="Wiat"),
            "sorts by 'Wiat', a column it has not",
        ),
        (
            lambda d: _table(d)["fieldConfig"]["overrides"][0]["properties"][0].update(value="s!"),
            "the unknown unit 's!'",
        ),
        (lambda d: d.update(editable=True), "may be edited"),
        (lambda d: d["templating"]["list"].pop(1), "has no variable run"),
        (lambda d: d["links"].clear(), "does not link"),
        (_set_expr("sum(pg_up)"), "asks pg_up of every run"),
        (_set_expr('pg_upp{run="$run"}'), "asks pg_upp, which nobody exports"),
        (_set_expr('tickets_granted_total{run="$run"}'), "draws the counter"),
        (_set_expr('rate(tickets_granted_total{run="$run"}[5m])'), "looks back over 5m"),
        (
            _set_expr('max_over_time(pg_up{run="$run"}[$__range])'),
            "looks back over $__range, not $__interval",
        ),
        (
            _set_expr('max_over_time(pg_up{run="$run"}[$__rate_interval] @ end())'),
            "looks back over $__rate_interval, not $__range",
        ),
        (
            _set_expr('irate(tickets_granted_total{run="$run"}[$__interval])'),
            "looks for two scrapes in $__interval",
        ),
        (_set_expr('generator_felt_seconds{run="$run"}'), "without saying what of it"),
        (_set_expr("vector(1)"), "is of no run"),
    ],
)
def test_the_rules_catch_a_breach(change: Callable[[dict[str, Any]], Any], complaint: str) -> None:
    assert any(complaint in sentence for sentence in _spoil(change))


def test_metrics_are_told_from_functions_labels_and_strings() -> None:
    expr = (
        'sum by (le, pool) (rate(a_bucket{run="$run",x=~"b|c"}[$__rate_interval])) / on() '
        'group_left() max(d:e:f) or on() label_replace(vector(0), "g", "h", "", "")'
    )
    assert list(selectors(expr)) == [
        ("a_bucket", 'run="$run",x=~"b|c"', "rate"),
        ("d:e:f", "", None),
    ]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (run, le) (rate(a_bucket{run=~"r|up"}[10s])) > 0.8', {"a"}),
        ("a:b:c and on (run) max_over_time((b)[5m:1s]) >= bool 1e3", {"a:b:c", "b"}),
        ("a / on (run) group_left () b unless c offset 10s or d * 0", {"a", "b", "c", "d"}),
        ('label_replace(a, "of", "b c", "", "")', {"a"}),
    ],
)
def test_metrics_are_read_out_of_expressions(expression: str, names: set[str]) -> None:
    assert families(expression) == names


def test_what_a_rehearsal_exports_is_shown_somewhere(built: dict[str, dict[str, Any]]) -> None:
    shown = metrics_of(built)
    meant_for_others = {
        "ALERTS",  # an annotation
        "rehearsal_timeline_timestamp_seconds",  # an annotation
        "pg_up",
        "redis_up",
        "redis_blocked_clients",
        "event_views_total",
        "generator_requests_total",
        "machine_cpu_used_ratio",  # the boards show who took it
        "process_cpu_wait_seconds_total",  # the report tells by it what blocks a loop
    }
    assert METRICS - RECORDED - shown - meant_for_others == set()
    assert shown >= HISTOGRAMS


@pytest.mark.parametrize("uid", UIDS)
def test_the_timeline_alerts_and_gates_are_marked_on_every_dashboard(
    uid: str, built: dict[str, dict[str, Any]]
) -> None:
    marks = {each["name"]: each for each in built[uid]["annotations"]["list"]}
    own = [each for each in marks.values() if not each["builtIn"]]
    assert [each["name"] for each in marks.values() if not each["enable"]] == ["Made by hand"]
    for name in ("Phases", "Faults"):
        assert marks[name]["useValueForTime"] is True
        assert marks[name]["expr"].endswith("* 1000")
    assert 'ALERTS{alertstate="firing",run="$run"}' in marks["Alerts firing"]["expr"]
    assert {marks[f"Gates {how}"]["iconColor"] for how in ("kept", "broken", "undecided")} == {
        "#009e73",
        "#d03238",
        "#e69f00",
    }
    for each in own:
        assert each["target"]["expr"] == each["expr"]
        assert each["datasource"]["uid"] == each["target"]["datasource"]["uid"] == "${datasource}"
        assert {name for name, _, _ in selectors(each["expr"])} <= METRICS


@pytest.mark.parametrize("uid", UIDS)
def test_dashboards_link_to_each_other_and_to_the_report(
    uid: str, built: dict[str, dict[str, Any]]
) -> None:
    others, report = built[uid]["links"]
    assert others["tags"] == [links.TAG]
    assert links.TAG in built[uid]["tags"]
    assert others["keepTime"]
    assert others["includeVars"]
    assert report["url"] == "${report}"


def test_every_link_to_a_dashboard_leads_to_one(built: dict[str, dict[str, Any]]) -> None:
    text = json.dumps(built)
    for part in text.split('"/d/')[1:]:
        assert part.split("?")[0] in UIDS


def test_the_link_to_slow_requests_is_a_query_that_grafana_can_fill_in() -> None:
    url = links.to_slow_requests().url
    assert url is not None
    assert url.count("${run}") == 1
    filled = url.replace("${run}", "20260601-smoke").replace("${loki}", "rehearsal-loki")
    parts = urlsplit(filled.replace("${__from}", "1").replace("${__to}", "2"))
    assert "$" not in parts.query
    (pane,) = json.loads(parse_qs(parts.query)["panes"][0]).values()
    assert parts.path == "/explore"
    assert pane["range"] == {"from": "1", "to": "2"}
    (query,) = pane["queries"]
    assert query["datasource"] == {"type": "loki", "uid": "rehearsal-loki"}
    assert query["expr"].startswith('{job="rehearsal", run="20260601-smoke"} | json | ')


def test_the_logs_are_of_the_run_and_of_one_request_if_asked(
    built: dict[str, dict[str, Any]],
) -> None:
    (logs,) = [p for p in panels(built["rehearsal-open"]) if p["type"] == "logs"]
    assert logs["targets"][0]["expr"] == '{job="rehearsal", run="$run"} |= "$trace"'
    assert logs["datasource"] == {"type": "loki", "uid": "${loki}"}
    assert [link["title"] for link in logs["links"]] == ["Logs of requests over 500 ms"]


def test_what_many_plans_lack_is_closed_and_comes_last(built: dict[str, dict[str, Any]]) -> None:
    closed = {
        uid: [row["collapsed"] for row in dashboard["panels"] if row["type"] == "row"]
        for uid, dashboard in built.items()
    }
    assert all(rows == sorted(rows) for rows in closed.values()), closed
    inside = {
        panel["title"]
        for dashboard in built.values()
        for row in dashboard["panels"]
        for panel in row.get("panels") or ()
    }
    assert {"Queue so far", "Codes shown at the entrances", "Faults switched on"} <= inside
    assert inside <= {panel["title"] for each in built.values() for panel in panels(each)}


def test_the_first_screen_tells_the_story(built: dict[str, dict[str, Any]]) -> None:
    lines_seen = 21  # of 38 pixels each, below Grafana's own on a screen of 1080
    shown = [
        panel["title"]
        for panel in built["rehearsal-open"]["panels"]
        if panel["gridPos"]["y"] + panel["gridPos"]["h"] <= lines_seen
    ]
    for title in (
        "Requests sent, students arriving",
        "Answers by outcome",
        "Tickets left",
        "Purchase, p99: felt and served",
        "Waited for most so far",
        "Others' CPU, at most",
    ):
        assert title in shown


def test_numbers_that_answer_at_a_glance_stand_on_top(built: dict[str, dict[str, Any]]) -> None:
    for uid, dashboard in built.items():
        row, *rest = dashboard["panels"]
        assert row["type"] == "row", uid
        first_line = [p for p in rest if p["gridPos"]["y"] == 1]
        assert {p["type"] for p in first_line} <= {"stat", "gauge"}, uid
        assert sum(p["gridPos"]["w"] for p in first_line) == 24, uid


def unnamed_pools(dashboard: dict[str, Any]) -> list[str]:
    """Return the lines of the app's own pools that a dashboard shows by their raw names."""
    called = {
        panel["id"]: {
            override["matcher"]["options"]
            for override in panel.get("fieldConfig", {}).get("overrides", ())
            if any(each["id"] == "displayName" for each in override["properties"])
        }
        for panel in panels(dashboard)
    }
    return [
        f"{each.panel_title}: {line}"
        for each in targets(dashboard)
        if "{{pool}}" in each.legend or "{{what}}" in each.legend
        for pool in CLIENT_POOLS
        for job in ("app", "writeback")
        for line in [
            each.legend.replace("{{pool}}", pool)
            .replace("{{what}}", f"{pool} pool")
            .replace("{{job}}", job)
        ]
        if line not in called[each.panel]
    ]


def test_pools_are_called_alike_in_all_panels(built: dict[str, dict[str, Any]]) -> None:
    assert not [line for dashboard in built.values() for line in unnamed_pools(dashboard)]
    raw = copy.deepcopy(built["rehearsal-pools"])
    (waits,) = (panel for panel in panels(raw) if panel["title"] == "Wait, p99")
    waits["fieldConfig"]["overrides"] = waits["fieldConfig"]["overrides"][1:]
    assert unnamed_pools(raw) == ["Wait, p99: app postgres"]


def test_outcomes_have_one_colour_wherever_they_are_shown(
    built: dict[str, dict[str, Any]],
) -> None:
    seen: dict[str, set[str]] = {}
    for dashboard in built.values():
        for panel in panels(dashboard):
            for override in panel.get("fieldConfig", {}).get("overrides", ()):
                if override["matcher"]["id"] != "byName":
                    continue
                for each in override["properties"]:
                    if each["id"] == "color" and "fixedColor" in each["value"]:
                        name = override["matcher"]["options"]
                        seen.setdefault(name, set()).add(each["value"]["fixedColor"])
    assert all(len(hues) == 1 for hues in seen.values()), seen
    assert {word: seen[word] for word in ("ok", "failed", "unknown")} == {
        "ok": {"#009e73"},
        "failed": {"#d03238"},
        "unknown": {"#e69f00"},
    }


def test_both_recorded_and_raw_series_are_asked(built: dict[str, dict[str, Any]]) -> None:
    expressions = [t.expr for dashboard in built.values() for t in targets(dashboard)]
    assert any("run:pg_connections:utilisation" in expr for expr in expressions)
    assert any("generator_felt_seconds_bucket" in expr for expr in expressions)
