"""Alertmanager's configuration: the real one takes it and posts a message that people can read."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from dress_rehearsal.dashboards.alertmanager import config_text, write_config, write_webhook
from dress_rehearsal.dashboards.errors import DashboardsError
from tests.dashboards.alerting import alertmanager, slack
from tests.dashboards.binaries import run

SECRET = "https://hooks.slack.example/services/T0/B0/secret"
RUN = "20261121T084825Z-festival-af0888"


def test_amtool_takes_what_is_written(tmp_path: Path) -> None:
    secret = write_webhook(tmp_path, {"HOOK": SECRET}, "HOOK")
    config = write_config(tmp_path, webhook_file=secret, grafana="http://127.0.0.1:3000/")
    assert "SUCCESS" in run("amtool", "check-config", config)
    assert "SUCCESS" in run("amtool", "check-config", write_config(tmp_path / "nobody"))


def test_the_webhook_is_in_a_file_of_its_own_that_only_we_may_read(tmp_path: Path) -> None:
    secret = write_webhook(tmp_path, {"HOOK": f" {SECRET}\n"}, "HOOK")
    assert secret is not None
    assert secret.read_text() == SECRET
    assert secret.stat().st_mode & 0o777 == 0o600
    config = write_config(tmp_path, webhook_file=secret)
    assert SECRET not in config.read_text()
    assert yaml.safe_load(config.read_text())["global"] == {"slack_api_url_file": str(secret)}


def test_the_webhook_file_of_somebody_else_is_not_written_through(tmp_path: Path) -> None:
    other = tmp_path / "other"
    (tmp_path / "slack-webhook").symlink_to(other)
    secret = write_webhook(tmp_path, {"HOOK": SECRET}, "HOOK")
    assert secret is not None
    assert not secret.is_symlink()
    assert not other.exists()


@pytest.mark.parametrize("environment", [{}, {"HOOK": ""}, {"HOOK": "  "}])
def test_without_a_webhook_nobody_is_told(environment: dict[str, str], tmp_path: Path) -> None:
    assert write_webhook(tmp_path, environment, "HOOK") is None
    config = yaml.safe_load(config_text(webhook_file=None))
    assert config["route"]["receiver"] == "nobody"
    assert config["receivers"] == [{"name": "nobody"}]


def test_one_alert_of_a_run_is_one_message_soon() -> None:
    route = yaml.safe_load(config_text(webhook_file="/secret"))["route"]
    assert route["group_by"] == ["run", "alertname"]
    assert route["group_wait"] == "1s"


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DashboardsError, match=r"alertmanager\.yml cannot be written: "):
        write_config(tmp_path / "file")
    with pytest.raises(DashboardsError, match="slack-webhook cannot be written: ") as told:
        write_webhook(tmp_path / "file", {"HOOK": SECRET}, "HOOK")
    assert SECRET not in str(told.value)


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
        secret = write_webhook(tmp_path, {"HOOK": hook}, "HOOK")
        config = write_config(tmp_path, webhook_file=secret, grafana="http://127.0.0.1:3000")
        with alertmanager(tmp_path, config) as address:
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
