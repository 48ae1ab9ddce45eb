"""A leak, live: from the fault through Prometheus and Alertmanager to a message, and a mark."""

import json
from pathlib import Path

import pytest

from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.queries import fill
from tests.dashboards.alerting import alertmanager, slack, slack_config
from tests.dashboards.binaries import binary
from tests.observability.rehearsed import looked_at, rehearse

pytestmark = [pytest.mark.observability, pytest.mark.timeout(600)]

OPTIONS = (
    "--students=300",
    "--set=event.tickets=120",
    '--set=faults=[{name = "leak", at = "T", grade = "3%"}]',
    "--set=schedule.lead=5s",
    "--set=schedule.sale=25s",
)


def test_a_leak_is_told_while_the_rehearsal_goes_on_and_marked(tmp_path: Path) -> None:
    binary("prometheus")
    out = tmp_path / "runs"
    with (
        slack() as (hook, posted),
        alertmanager(tmp_path, slack_config(tmp_path, hook)) as manager,
    ):
        run, _ = rehearse(out, *OPTIONS, "--set", f"notify.alertmanager={json.dumps(manager)}")
        titles, texts = [], []
        while not posted.empty():
            for told in posted.get()["attachments"]:
                titles.append(told["title"])
                texts.append(told["text"])
    about_leak = [
        text for title, text in zip(titles, texts, strict=True) if f"PoolLeak in {run.id}" in title
    ]
    assert about_leak, titles
    assert "of the postgres pool" in about_leak[0]
    marks = [event for event in run.timeline() if event.kind == "alert"]
    assert ("PoolLeak", True) in {(mark.name, mark.detail["on"]) for mark in marks}
    assert "leak" in {pool["diagnosis"] for pool in verdict_of(run.path)["pools"]}
    with looked_at(run) as seen:
        annotations = dashboards()["rehearsal-pools"]["annotations"]["list"]
        (alerts,) = [each for each in annotations if "ALERTS" in str(each.get("expr", ""))]
        length_s = seen.window.length_s
        found = seen.over_time(fill(alerts["expr"], run=run.id, interval_s=1.0, range_s=length_s))
    assert "PoolLeak" in {answer.labels["alertname"] for answer in found}


def verdict_of(path: Path) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads((path / "verdict.json").read_text())
    return found
