"""The rules: each alert fires when it must and is silent when it must, by Prometheus' own tests."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dashboards.binaries import attempt, binary, run
from tests.dashboards.exported import METRICS, RECORDED
from tests.dashboards.linting import families

pytestmark = pytest.mark.servers

RULES = Path(__file__).resolve().parents[2] / "dashboards" / "rules"
CASES = Path(__file__).resolve().parent / "rules"
DASHBOARDS = {"rehearsal-open", "rehearsal-pools", "rehearsal-integrity", "rehearsal-generator"}
NAMES = {
    "PoolWaitHigh",
    "PoolExhausted",
    "PoolLeak",
    "ConnectionsNearLimit",
    "ConnectionsNotComingDown",
    "AcceptQueueOverflow",
    "ContainerThrottled",
    "OutOfMemory",
    "WritebackBacklogHigh",
    "WritebackOld",
    "ErrorRateHigh",
    "EventLoopBlocked",
    "RedisMemoryHigh",
    "IntegrityBreach",
}


def read(path: Path) -> Any:
    """Read a YAML file by libyaml: every process of a test run reads them all to know its tests."""
    return yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)


def rules(name: str) -> list[dict[str, Any]]:
    groups = read(RULES / name)["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = rules("alerts.yml")
LABELLED = [pytest.param(rule, id=f"{rule['alert']}-{n}") for n, rule in enumerate(ALERTS)]
CASE_FILES = sorted(CASES.glob("*.yml"))


TESTS: list[dict[str, Any]] = [test for path in CASE_FILES for test in read(path)["tests"]]
CHECKS = [check for test in TESTS for check in test.get("alert_rule_test", ())]


def test_promtool_takes_the_rules() -> None:
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *sorted(RULES.glob("*.yml")))


@pytest.mark.parametrize("path", CASE_FILES, ids=lambda path: path.stem)
def test_every_case_holds(path: Path) -> None:
    run("promtool", "test", "rules", path)


def test_a_case_that_does_not_hold_is_seen(tmp_path: Path) -> None:
    text = (CASES / "WritebackOld.yml").read_text("utf-8")
    text = text.replace("../../../dashboards/rules", str(RULES))
    broken = tmp_path / "broken.yml"
    broken.write_text(text.replace("waiting 10 s", "waiting 11 s"), "utf-8")
    assert broken.read_text("utf-8") != text
    finished = attempt([binary("promtool"), "test", "rules", str(broken)])
    assert finished.returncode != 0
    assert "FAILED" in finished.stdout + finished.stderr


def test_the_alerts_are_the_ones_agreed() -> None:
    assert {rule["alert"] for rule in ALERTS} == NAMES


@pytest.mark.parametrize("rule", LABELLED)
def test_every_rule_has_a_case_in_which_it_fires(rule: dict[str, Any]) -> None:
    fired = [
        alert["exp_labels"]
        for check in CHECKS
        if check["alertname"] == rule["alert"]
        for alert in check["exp_alerts"]
    ]
    assert any(rule["labels"].items() <= labels.items() for labels in fired), rule["labels"]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_alert_has_a_case_in_which_it_is_silent(name: str) -> None:
    whole = [
        test
        for test in TESTS
        if (checks := [c for c in test.get("alert_rule_test", ()) if c["alertname"] == name])
        and not any(check["exp_alerts"] for check in checks)
    ]
    assert whole, f"No test of {name} has it silent from beginning to end."


@pytest.mark.parametrize("rule", LABELLED)
def test_every_alert_is_told_in_sentences_of_its_rehearsal(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description", "dashboard"}
    assert rule["annotations"]["dashboard"] in DASHBOARDS
    assert "$value" in rule["annotations"]["summary"]
    assert "$labels.run" in rule["annotations"]["description"]


def test_rules_of_one_name_differ_in_a_label_and_agree_on_the_dashboard() -> None:
    for name in NAMES:
        own = [rule for rule in ALERTS if rule["alert"] == name]
        assert len({str(sorted(rule["labels"].items())) for rule in own}) == len(own)
        assert len({rule["annotations"]["dashboard"] for rule in own}) == 1


@pytest.mark.parametrize("rule", LABELLED)
def test_every_alert_keeps_its_run(rule: dict[str, Any]) -> None:
    assert all(
        "run" in labels.split(", ")
        for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", rule["expr"])
    )


@pytest.mark.parametrize("rule", LABELLED)
def test_no_alert_waits_longer_than_a_rush_lasts(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+s", rule.get("for", "0s"))
    assert int(rule.get("for", "0s")[:-1]) <= 20


def test_every_metric_that_rules_read_is_one_a_rehearsal_exports() -> None:
    for rule in [*ALERTS, *rules("recording.yml")]:
        unknown = families(rule["expr"]) - METRICS
        assert not unknown, (rule.get("alert") or rule["record"], unknown)


def test_every_recording_is_known_to_those_who_read_it() -> None:
    assert {rule["record"] for rule in rules("recording.yml")} == RECORDED


def test_every_recording_has_a_case() -> None:
    text = (CASES / "recording.yml").read_text("utf-8")
    assert all(f"expr: {name}" in text for name in RECORDED)
