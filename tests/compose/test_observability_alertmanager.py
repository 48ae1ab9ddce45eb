"""Alertmanager's two configurations: the real one takes them and posts what people can read."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dashboards.alerting import CONFIGS, alertmanager, slack, slack_config

pytestmark = pytest.mark.servers

NOBODY, SLACK = (
    yaml.safe_load((CONFIGS / f"{name}.yml").read_text("utf-8")) for name in ("nobody", "slack")
)
STACK = yaml.safe_load((CONFIGS.parent / "docker-compose.yml").read_text("utf-8"))
RUN = "20261121T084825Z-festival-af0888"


def test_the_webhook_is_a_secret_that_no_configuration_holds() -> None:
    (secret,) = STACK["services"]["alertmanager"]["secrets"]
    assert SLACK["global"] == {"slack_api_url_file": f"/run/secrets/{secret}"}
    assert "hooks.slack" not in (CONFIGS / "slack.yml").read_text("utf-8")
    assert (CONFIGS / "no-webhook").read_text() == ""


def test_without_a_webhook_nobody_is_told() -> None:
    assert NOBODY["route"]["receiver"] == "nobody"
    assert NOBODY["receivers"] == [{"name": "nobody"}]


def test_one_alert_of_a_run_is_one_message_soon_whoever_is_told() -> None:
    route = SLACK["route"]
    assert route["group_by"] == ["run", "alertname"]
    assert route["group_wait"] == "1s"
    assert {**NOBODY["route"], "receiver": "slack"} == route
    assert NOBODY["inhibit_rules"] == SLACK["inhibit_rules"]


def alert(pool: str, evidence: str, summary: str, **more: str) -> dict[str, Any]:
    return {
        "labels": {
            "alertname": "PoolLeak",
            "run": RUN,
            "pool": pool,
            "severity": "critical",
            "evidence": evidence,
        },
        "annotations": {
            "summary": summary,
            "description": "They were taken and not given back.",
            "dashboard": "rehearsal-pools",
        },
        **more,
    }


def post(address: str, alerts: list[dict[str, Any]]) -> None:
    request = urllib.request.Request(
        f"http://{address}/api/v2/alerts",
        json.dumps(alerts).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def test_the_real_alertmanager_posts_one_message_that_people_can_read(tmp_path: Path) -> None:
    leaks = [
        alert("postgres", "rest", "7 connections of the postgres pool are checked out"),
        alert("postgres", "age", "A connection has been checked out for 15 s"),
    ]
    with slack() as (hook, posted):
        with alertmanager(tmp_path, slack_config(tmp_path, hook)) as address:
            post(address, leaks)
            message = posted.get(timeout=20)
            post(address, [{**leak, "endsAt": "2026-01-01T00:00:00Z"} for leak in leaks])
            over = posted.get(timeout=20)
        assert posted.empty()
    [told] = message["attachments"]
    assert told["title"] == f":rotating_light: PoolLeak in {RUN}"
    assert told["title_link"] == f"http://127.0.0.1:3000/d/rehearsal-pools?var-run={RUN}"
    assert told["text"].splitlines() == [
        "*A connection has been checked out for 15 s*",
        "They were taken and not given back.",
        "*7 connections of the postgres pool are checked out*",
        "They were taken and not given back.",
    ]
    assert told["color"] == "danger"
    assert told["fallback"].startswith(f"PoolLeak in {RUN}: A connection has been checked out")
    [told] = over["attachments"]
    assert told["title"] == f"Over: PoolLeak in {RUN}"
    assert told["color"] == "good"
    assert "Over: 7 connections of the postgres pool are checked out" in told["text"]
