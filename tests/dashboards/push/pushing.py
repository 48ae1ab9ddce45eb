"""Pushes to the double, and what they push."""

import traceback

import pytest

from dress_rehearsal.dashboards.push import push
from tests.dashboards.push.grafana_rules import TOKEN

VERSIONS = ("10.0.0", "10.4.19+security-01", "11.6.0", "12.0.0", "12.3.1-19204", "13.1.0")
OPEN, POOLS, INDEX = "rehearsal-open", "rehearsal-pools", "rehearsal-index"
DASHBOARDS = {
    uid: {
        "uid": uid,
        "id": None,
        "title": title,
        "schemaVersion": 39,
        "panels": [{"id": 1, "type": "timeseries", "title": "Requests", "maxDataPoints": 100.0}],
        "tags": ["dress-rehearsal"],
    }
    for uid, title in ((OPEN, "Ticket open"), (POOLS, "Pools"), (INDEX, "Rehearsals"))
}
PROMETHEUS = "http://127.0.0.1:9090"


def pushed(double, **options):
    """Push with what a first push needs."""
    settings = {"dashboards": DASHBOARDS, "datasource_url": PROMETHEUS, **options}
    return push(double.url, TOKEN, **settings)


def failure(double, kind, **options):
    """Push, hold that it fails so and that nothing about it shows the token; give its message."""
    with pytest.raises(kind) as caught:
        pushed(double, **options)
    shown = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in shown
    return str(caught.value)
