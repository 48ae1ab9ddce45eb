"""The double of Grafana refuses what Grafana's documented routes do not take."""

import json
import urllib.error
import urllib.request

import pytest

from tests.dashboards.push.grafana_double import GrafanaDouble
from tests.dashboards.push.grafana_rules import TOKEN

BEARER = {"Authorization": f"Bearer {TOKEN}"}
JSON = {**BEARER, "Content-Type": "application/json"}
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(double, method, path, body=None, headers=JSON):
    data = json.dumps(body).encode() if isinstance(body, dict | list) else body
    request = urllib.request.Request(double.url + path, data, headers, method=method)
    try:
        with OPENER.open(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("POST", "/api/folders", {"uid": "x"}, JSON),
        ("POST", "/api/folders", {"uid": "x", "title": "X", "colour": "red"}, JSON),
        ("POST", "/api/folders", {"uid": "x", "title": 7}, JSON),
        ("POST", "/api/folders", {"uid": "x", "title": "X"}, {**BEARER, "Content-Type": "a/b"}),
        ("POST", "/api/folders", [], JSON),
        ("POST", "/api/folders", b"{", JSON),
        ("POST", "/api/dashboards/db", {"dashboard": {"title": "X"}, "folderUID": "x"}, JSON),
        ("POST", "/api/dashboards/db", {"dashboard": {"uid": "x"}}, JSON),
        ("POST", "/api/datasources", {"name": "x", "type": "prometheus"}, JSON),
        ("GET", "/api/health", None, BEARER),
        ("GET", "/api/dashboards/db/x", None, BEARER),
        ("GET", "/api/annotations?tags=x", None, BEARER),
        ("GET", "/api/alert-notifications", None, BEARER),
        ("DELETE", "/api/folders/x", None, BEARER),
    ],
)
def test_what_breaks_the_rules_is_kept(method, path, body, headers):
    with GrafanaDouble() as double:
        status = ask(double, method, path, body, headers)
        assert len(double.violations) == 1
        assert status in (400, 404) or method == "GET"
        assert not (double.folders or double.dashboards)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer None"}, {"Authorization": TOKEN}])
def test_only_the_token_opens_it(header):
    with GrafanaDouble() as double:
        assert ask(double, "GET", "/api/folders/x", headers=header) == 401


def test_what_keeps_them_is_not():
    with GrafanaDouble() as double:
        assert ask(double, "GET", "/api/health", headers={}) == 200
        assert ask(double, "POST", "/api/folders", {"uid": "x", "title": "X"}) == 200
        assert ask(double, "GET", "/api/folders/x") == 200
        assert double.violations == []
