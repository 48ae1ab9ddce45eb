"""From what is scraped to the message: the configurations in the real programs."""

import json
import urllib.request
from pathlib import Path

import pytest

from dress_rehearsal.dashboards.prometheus_config import write_config
from tests.dashboards.alerting import alertmanager, prometheus, slack, slack_config, target

pytestmark = pytest.mark.servers

RUN = "20261121T084825Z-festival-af0888"
LEAKING = """\
# TYPE http_server_active_requests gauge
http_server_active_requests 0
# TYPE db_client_connections gauge
db_client_connections{pool="postgres",state="used"} 4
db_client_connections{pool="postgres",state="idle"} 6
db_client_connections{pool="redis",state="used"} 0
# TYPE db_client_connection_max gauge
db_client_connection_max{pool="postgres"} 10
db_client_connection_max{pool="redis"} 64
"""


def test_a_leak_goes_through_prometheus_and_alertmanager_to_the_webhook(tmp_path: Path) -> None:
    targets = tmp_path / "targets" / f"{RUN}.json"
    targets.parent.mkdir()
    with slack() as (hook, posted), target(LEAKING) as app:
        group = {"targets": [app], "labels": {"run": RUN, "job": "app", "pid": "42"}}
        targets.write_text(json.dumps([group]))
        with alertmanager(tmp_path, slack_config(tmp_path, hook)) as manager:
            globs = [str(targets.parent / "*.json")]
            config = write_config(tmp_path / "prometheus", globs, alertmanager=manager)
            with prometheus(tmp_path, config) as server:
                message = posted.get(timeout=30)
                with urllib.request.urlopen(f"http://{server}/api/v1/alerts", timeout=5) as answer:
                    alerts = json.load(answer)["data"]["alerts"]
    [told] = message["attachments"]
    assert told["title"] == f":rotating_light: PoolLeak in {RUN}"
    assert told["text"].splitlines()[0] == (
        "*4 connections of the postgres pool are checked out though no request needs them*"
    )
    firing = [alert["labels"] for alert in alerts if alert["state"] == "firing"]
    assert firing == [
        {
            "alertname": "PoolLeak",
            "evidence": "rest",
            "severity": "critical",
            "run": RUN,
            "pool": "postgres",
        }
    ]
