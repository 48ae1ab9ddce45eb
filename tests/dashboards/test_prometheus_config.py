"""Prometheus' configuration: the real binary takes it, and scrapes what the files name."""

from pathlib import Path

import pytest
import yaml

from dress_rehearsal.dashboards.errors import DashboardsError
from dress_rehearsal.dashboards.prometheus_config import RULES, config_text, write_config
from tests.dashboards.binaries import run


def test_promtool_takes_what_is_written(tmp_path: Path) -> None:
    targets = tmp_path / "targets" / "one.json"
    targets.parent.mkdir()
    targets.write_text('[{"targets": ["127.0.0.1:1"], "labels": {"run": "r1", "job": "app"}}]')
    config = write_config(tmp_path / "prometheus", [str(targets)], alertmanager="127.0.0.1:9093")
    said = run("promtool", "check", "config", config)
    assert "2 rule files found" in said
    assert "WARNING" not in said


def test_it_scrapes_and_judges_every_second_and_keeps_the_labels_of_the_conductor() -> None:
    config = yaml.safe_load(config_text(["/runs/targets/*.json"], ["rules/*.yml"]))
    assert set(config["global"].values()) == {"1s"}
    [job] = config["scrape_configs"]
    assert job["honor_labels"] is True
    assert job["file_sd_configs"][0]["files"] == ["/runs/targets/*.json"]
    assert "alerting" not in config


def test_an_alertmanager_is_told_where_there_is_one() -> None:
    config = yaml.safe_load(config_text(["a.json"], [], alertmanager="127.0.0.1:9093"))
    [manager] = config["alerting"]["alertmanagers"]
    assert manager["static_configs"] == [{"targets": ["127.0.0.1:9093"]}]


def test_paths_with_blanks_and_quotes_survive() -> None:
    path = '/srv/a "b": c/targets/ü.json'
    config = yaml.safe_load(config_text([path], []))
    assert config["scrape_configs"][0]["file_sd_configs"][0]["files"] == [path]


def test_the_rules_go_along_and_are_written_anew(tmp_path: Path) -> None:
    for _ in range(2):
        config = write_config(tmp_path, ["a.json"])
    copies = {path.name: path.read_bytes() for path in (tmp_path / "rules").iterdir()}
    assert copies == {path.name: path.read_bytes() for path in RULES.glob("*.yml")}
    assert config == tmp_path / "prometheus.yml"


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DashboardsError, match=r"cannot be written to .*file: .*; .* move it away"):
        write_config(tmp_path / "file", ["a.json"])
