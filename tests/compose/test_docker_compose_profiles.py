"""The profiles of `docker-compose.yml`: what they start is there, and finds each other."""

import copy
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from dress_rehearsal.compose.docker.compose_file import read_compose_file
from dress_rehearsal.compose.servers.prometheus import Prometheus
from dress_rehearsal.dashboards import prometheus_config as prometheus
from dress_rehearsal.target_app.telemetry.scrape_targets import announced_metrics
from tests.compose import compose_files
from tests.compose.compose_files import (
    COMPOSE,
    FOLDER,
    OBSERVABILITY_FILE,
    listens_beyond,
    missing_files,
    mounts,
    port_clashes,
)
from tests.dashboards.binaries import binary, run

FILE = COMPOSE / "docker-compose.yml"
TEXT = FILE.read_text("utf-8")
STAGE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = STAGE["services"]
OBSERVABILITY: dict[str, Any] = yaml.safe_load(OBSERVABILITY_FILE.read_text("utf-8"))
VARIABLES = frozenset(re.findall(r"\$\{(\w+)", TEXT))
PROFILES = ("kafka", "sqs", "neighbours", "observability", "locust")
RULES = ["rules/*.yml", "stage-rules.yml"]
OBSERVERS = ("prometheus", "alertmanager", "grafana", "loki", "alloy")


def resolved(*profiles: str, **environment: str) -> dict[str, Any]:
    return compose_files.resolved(FILE, VARIABLES, *profiles, **environment)


@pytest.fixture(scope="module")
def by_hand() -> dict[str, Any]:
    """The services of every profile as docker-compose 1.29 understands them."""
    services: dict[str, Any] = resolved(*PROFILES)["services"]
    return services


@pytest.mark.slow
def test_docker_compose_1_29_accepts_it_with_every_profile(by_hand: dict[str, Any]) -> None:
    assert set(by_hand) == set(SERVICES)


def test_the_stage_reads_what_compose_reads(by_hand: dict[str, Any]) -> None:
    read = read_compose_file({})
    assert set(read.services) == set(SERVICES)
    for name, service in read.services.items():
        assert service.image == by_hand[name]["image"]
        assert list(service.command or ()) == by_hand[name].get("command", [])
        assert service.environment == by_hand[name].get("environment", {})
        assert service.profiles == frozenset(by_hand[name].get("profiles", ()))


def test_without_a_profile_there_is_the_stage_and_no_more() -> None:
    profiled = {name for name, service in SERVICES.items() if "profiles" in service}
    assert profiled == {"kafka", "sqs", "neighbours", *OBSERVERS, "locust-master", "locust-worker"}
    used = {profile for service in SERVICES.values() for profile in service.get("profiles", ())}
    assert used == set(PROFILES)
    head = TEXT[: TEXT.index("x-bare:")]
    assert all(f"#   {profile} " in head for profile in PROFILES)


def test_whoever_starts_a_profile_gets_all_that_it_needs() -> None:
    for name, service in SERVICES.items():
        of = set(service.get("profiles", ()))
        for needed in service.get("depends_on", ()):
            its = set(SERVICES[needed].get("profiles", ()))
            assert not its or its & of, f"{name} needs {needed}, which is of another profile"


def test_every_file_that_is_mounted_is_there() -> None:
    assert missing_files(SERVICES) == []
    wrong = copy.deepcopy(SERVICES)
    wrong["nginx"]["volumes"] = ["./nginx/ngnix.conf:/etc/nginx/nginx.conf:ro"]
    assert missing_files(wrong) == [f"nginx: {COMPOSE / 'nginx' / 'ngnix.conf'}"]


def test_every_volume_and_secret_that_is_used_is_described_and_every_described_one_is_used(
    by_hand: dict[str, Any],
) -> None:
    services = by_hand.values()
    volumes = [
        volume.partition(":")[0] if isinstance(volume, str) else volume["source"]
        for service in services
        for volume in service.get("volumes", ())
    ]
    assert {name for name in volumes if "/" not in name} == set(STAGE["volumes"])
    secrets = {secret["source"] for service in services for secret in service.get("secrets", ())}
    assert secrets == set(STAGE["secrets"])


@pytest.mark.slow
def test_ports_are_of_this_machine_alone_and_nobody_is_given_another_s(
    by_hand: dict[str, Any],
) -> None:
    assert port_clashes(by_hand) == []
    assert listens_beyond(by_hand) == []
    clashing = resolved(*PROFILES, GRAFANA_PORT="8080")["services"]
    assert port_clashes(clashing) == ["8080"]
    clashing["grafana"]["ports"] = ["3000:3000"]
    assert listens_beyond(clashing) == ["grafana"]


@pytest.mark.parametrize("name", OBSERVERS)
def test_who_observes_is_who_observes_beside_a_rehearsal(name: str) -> None:
    """The same programs, of the same versions, with the same files and settings."""
    beside = OBSERVABILITY["services"][name]
    ours = SERVICES[name]
    assert ours["image"] == beside["image"]
    own = {
        *("/etc/prometheus/prometheus.yml", "/etc/prometheus/stage-rules.yml"),
        *("/etc/alloy/runs.alloy", "/etc/alloy/stage.alloy"),
    }
    assert {i: p for i, p in mounts(ours).items() if i not in own} == {
        i: p for i, p in mounts(beside, FOLDER).items() if i not in own
    }
    addresses = re.compile(r"\w+_(ADDRESS|ADDR|PORT|HOST)|STAGE")
    kept = {k: v for k, v in ours.get("environment", {}).items() if not addresses.fullmatch(k)}
    assert kept == {
        k: v for k, v in beside.get("environment", {}).items() if not addresses.fullmatch(k)
    }


def test_what_is_provisioned_finds_the_services_by_their_names() -> None:
    environment = SERVICES["grafana"]["environment"]
    sources = (FOLDER / "grafana" / "datasources" / "datasources.yml").read_text("utf-8")
    used = re.findall(r"url: http://\$(\w+)", sources)
    assert [environment[name].partition(":")[0] for name in used] == [
        "prometheus",
        "loki",
        "alertmanager",
    ]
    assert set(used) <= OBSERVABILITY["services"]["grafana"]["environment"].keys()
    assert SERVICES["alloy"]["environment"]["LOKI_ADDRESS"] == environment["LOKI_ADDRESS"]
    assert SERVICES["loki"]["environment"] == {"LOKI_HOST": "0.0.0.0"}


def test_alloy_ships_what_the_containers_write_to_the_same_pipeline() -> None:
    config = (FOLDER / "alloy" / "stage.alloy").read_text("utf-8")
    lines = (FOLDER / "alloy" / "lines.alloy").read_text("utf-8")
    assert set(re.findall(r'sys\.env\("(\w+)"\)', config + lines)) == set(
        SERVICES["alloy"]["environment"]
    )
    targets = re.findall(r'target_label\s*= "(\w+)"', config)
    assert targets == ["job", "run", "component"]
    assert 'replacement  = "stage"' in config  # the run, as Prometheus has it
    assert "[loki.process.lines.receiver]" in config
    assert 'loki.process "lines" {' in lines
    assert config.count("{") == config.count("}")
    alloy = read_compose_file({"COMPOSE_PROJECT_NAME": "mine"}).services["alloy"]
    assert alloy.environment["STAGE"] == "mine"


def stage_config(folder: Path, targets: Path) -> Path:
    """Write Prometheus' configuration of the profile with another folder of targets."""
    inside = mounts(SERVICES["prometheus"])
    rules = folder / "rules"
    rules.mkdir(parents=True)
    for rule in inside["/etc/prometheus/rules"].glob("*.yml"):
        (rules / rule.name).write_bytes(rule.read_bytes())
    stage = inside["/etc/prometheus/stage-rules.yml"]
    (folder / stage.name).write_bytes(stage.read_bytes())
    text = inside["/etc/prometheus/prometheus.yml"].read_text("utf-8")
    assert '"/targets/*.json"' in text
    config = folder / "prometheus.yml"
    config.write_text(text.replace("/targets/", f"{targets}/"), "utf-8")
    return config


def test_promtool_takes_the_configuration_and_its_rules(tmp_path: Path) -> None:
    config = stage_config(tmp_path / "prometheus", tmp_path)
    assert "3 rule files found" in run("promtool", "check", "config", config)
    written = (FOLDER / "prometheus" / "stage.yml").read_text("utf-8")
    assert written == prometheus.config_text(
        ["/targets/*.json"], RULES, alertmanager="alertmanager:9093", run="stage"
    )


@pytest.mark.long
@pytest.mark.servers
def test_prometheus_scrapes_what_the_containers_announce(tmp_path: Path) -> None:
    """A real Prometheus, the profile's configuration, and what the app itself announces."""
    binary("prometheus")
    targets = tmp_path / "targets"
    config = stage_config(tmp_path / "prometheus", targets)
    with (
        announced_metrics("app", targets) as port,
        Prometheus(config, tmp_path / "data", tmp_path / "prometheus.log") as server,
    ):
        [target] = targets_up(server.url, within_s=20)
        runs = httpx.get(f"{server.url}/api/v1/label/run/values", timeout=5).json()["data"]
    assert target["scrapeUrl"] == f"http://127.0.0.1:{port}/metrics"
    assert (target["labels"]["job"], target["labels"]["run"]) == ("app", "stage")
    assert runs == ["stage"], "the boards have it to choose"


def targets_up(url: str, within_s: float) -> list[dict[str, Any]]:
    """Wait until a Prometheus has scraped a target, and return all that it knows."""
    end = time.monotonic() + within_s
    while True:
        answer = httpx.get(f"{url}/api/v1/targets", params={"state": "active"}, timeout=5)
        found: list[dict[str, Any]] = answer.json()["data"]["activeTargets"]
        if found and all(target["health"] == "up" for target in found):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.1)
