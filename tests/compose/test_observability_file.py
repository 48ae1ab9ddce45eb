"""`observability/docker-compose.yml` and what it configures: accepted by whoever will read them.

Grafana, Loki and Alloy run in containers only. Of their files it is checked here that they parse,
that they name what is there, and that what they say about a run's files is true of a run's files.
"""

import io
import json
import logging
import re
from pathlib import Path
from typing import Any

import jmespath
import jsonschema
import pytest
import yaml

from dress_rehearsal.dashboards import prometheus_config as prometheus
from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.target_app.telemetry.logs import JsonFormatter
from tests.compose import compose_files
from tests.compose.compose_files import (
    COMPOSE,
    FOLDER,
    OBSERVABILITY_FILE,
    missing_files,
    project,
    specification,
)
from tests.dashboards.binaries import run

TEXT = OBSERVABILITY_FILE.read_text("utf-8")
STACK: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = STACK["services"]
ALLOY = "".join(
    (FOLDER / "alloy" / name).read_text("utf-8") for name in ("runs.alloy", "lines.alloy")
)
VARIABLES = {
    "ALERTS_TO",
    "ALLOY_PORT",
    "GRAFANA_ADMIN_PASSWORD",
    "GRAFANA_PORT",
    "LOKI_GRPC_PORT",
    "LOKI_PORT",
    "PROMETHEUS_PORT",
    "REHEARSE_RUNS",
    "SLACK_WEBHOOK_FILE",
}


def resolved(**environment: str) -> dict[str, Any]:
    """The file as docker-compose 1.29 understands it, with these variables set and no others."""
    return compose_files.resolved(OBSERVABILITY_FILE, VARIABLES, **environment)


def mounts(service: str) -> dict[str, Path]:
    """What a service sees of this machine: path inside -> path here."""
    return compose_files.mounts(SERVICES[service], FOLDER)


@pytest.mark.slow
def test_docker_compose_1_29_accepts_it() -> None:
    document = resolved()
    assert set(document["services"]) == set(SERVICES)
    assert document["services"]["alertmanager"]["command"][0].endswith("/nobody.yml")


@pytest.mark.slow
def test_the_variables_reach_the_services(tmp_path: Path) -> None:
    secret = tmp_path / "webhook"
    secret.write_text("https://hooks.slack.example/services/T0/B0/secret")
    document = resolved(
        REHEARSE_RUNS=str(tmp_path),
        GRAFANA_PORT="3001",
        GRAFANA_ADMIN_PASSWORD="long and secret",
        PROMETHEUS_PORT="9191",
        LOKI_PORT="3200",
        ALERTS_TO="slack",
        SLACK_WEBHOOK_FILE=str(secret),
    )
    services = document["services"]
    assert document["secrets"]["slack_webhook"]["file"] == str(secret)
    assert services["alertmanager"]["command"][0].endswith("/slack.yml")
    assert services["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == "long and secret"
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_PORT"] == "3001"
    assert services["grafana"]["environment"]["PROMETHEUS_ADDRESS"] == "127.0.0.1:9191"
    assert "--web.listen-address=127.0.0.1:9191" in services["prometheus"]["command"]
    assert services["loki"]["environment"]["LOKI_PORT"] == "3200"
    for name in ("alloy", "grafana"):
        assert services[name]["environment"]["LOKI_ADDRESS"] == "127.0.0.1:3200"
    for name in ("prometheus", "alloy"):
        [runs] = [v for v in services[name]["volumes"] if isinstance(v, dict)]
        assert (runs["source"], runs["target"], runs["read_only"]) == (str(tmp_path), "/runs", True)
    assert secret.read_text() not in json.dumps(document)


def test_the_compose_specification_allows_it() -> None:
    validator = specification()
    validator.validate(STACK)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**STACK, "services": {"grafana": {"imaeg": "grafana"}}})


def test_every_variable_is_told_of_and_has_a_default() -> None:
    used = set(re.findall(r"\$\{(\w+):-[^}]*\}", TEXT))
    assert used == set(re.findall(r"\$\{?(\w+)", TEXT)) == VARIABLES
    head = TEXT[: TEXT.index("services:")]
    assert all(name in head for name in VARIABLES)


@pytest.mark.parametrize("service", SERVICES)
def test_images_are_pinned_by_version(service: str) -> None:
    assert re.fullmatch(r"(prom|grafana)/\w+:v?\d+\.\d+\.\d+", SERVICES[service]["image"])


@pytest.mark.parametrize("service", SERVICES)
def test_everything_that_is_mounted_is_there_and_cannot_be_written(service: str) -> None:
    assert missing_files({service: SERVICES[service]}, FOLDER) == []


def test_what_is_done_to_the_stage_by_hand_is_not_done_to_this() -> None:
    """`down --volumes` of the stage removed what Prometheus and Grafana had of all rehearsals."""
    stage = COMPOSE / "docker-compose.yml"
    assert (project(OBSERVABILITY_FILE), project(stage)) == ("observability", "compose")
    volumes = yaml.safe_load(stage.read_text("utf-8"))["volumes"]
    assert not set(STACK["volumes"]) & set(volumes), "of one project either"


def test_everything_listens_on_loopback_only() -> None:
    assert {service["network_mode"] for service in SERVICES.values()} == {"host"}
    assert not any("ports" in service for service in SERVICES.values())
    listening = {name: " ".join(SERVICES[name].get("command", ())) for name in SERVICES}
    for name in ("prometheus", "alertmanager"):
        assert "--web.listen-address=127.0.0.1:" in listening[name]
    assert "--cluster.listen-address=" in SERVICES["alertmanager"]["command"]
    assert "--server.http.listen-addr=127.0.0.1:" in listening["alloy"]
    assert SERVICES["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    server = yaml.safe_load((FOLDER / "loki" / "loki.yml").read_text("utf-8"))["server"]
    addresses = {server["http_listen_address"], server["grpc_listen_address"]}
    assert addresses == {"${LOKI_HOST:-127.0.0.1}"}
    assert "LOKI_HOST" not in SERVICES["loki"]["environment"]


def test_promtool_takes_the_configuration_and_its_rules(tmp_path: Path) -> None:
    inside = mounts("prometheus")
    folder = tmp_path / "prometheus"
    rules = folder / "rules"
    rules.mkdir(parents=True)
    for rule in inside["/etc/prometheus/rules"].glob("*.yml"):
        (rules / rule.name).write_bytes(rule.read_bytes())
    config = folder / "prometheus.yml"
    config.write_bytes(inside["/etc/prometheus/prometheus.yml"].read_bytes())
    assert "2 rule files found" in run("promtool", "check", "config", config)


def test_prometheus_is_configured_as_beside_an_embedded_rehearsal() -> None:
    assert (FOLDER / "prometheus" / "prometheus.yml").read_text("utf-8") == prometheus.config_text(
        ["/runs/targets/*.json"], ["rules/*.yml"], alertmanager="127.0.0.1:9093"
    )


@pytest.mark.parametrize("name", ["nobody", "slack"])
def test_amtool_takes_both_configurations(name: str) -> None:
    assert "SUCCESS" in run("amtool", "check-config", FOLDER / "alertmanager" / f"{name}.yml")


def test_grafana_finds_its_data_and_opens_on_ticket_open() -> None:
    inside = mounts("grafana")
    folder = inside["/etc/grafana/provisioning/datasources"]
    sources = yaml.safe_load((folder / "datasources.yml").read_text("utf-8"))["datasources"]
    assert {source["type"]: source["uid"] for source in sources} == {
        "prometheus": "rehearsal-prometheus",
        "loki": "rehearsal-loki",
        "alertmanager": "rehearsal-alertmanager",
    }
    environment = SERVICES["grafana"]["environment"]
    used = set(re.findall(r"\$(\w+)", json.dumps(sources)))
    assert used <= environment.keys()
    assert sources[0]["jsonData"]["timeInterval"] == "1s"
    folder = inside["/etc/grafana/provisioning/dashboards"]
    [provider] = yaml.safe_load((folder / "dashboards.yml").read_text("utf-8"))["providers"]
    assert provider["folderUid"] == "dress-rehearsal"
    home = Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    opened = json.loads((inside[str(home.parent)] / home.name).read_text("utf-8"))
    assert (opened["uid"], opened["title"]) == ("rehearsal-open", "Ticket open")


def test_only_whoever_has_the_password_may_change_grafana() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"


def test_loki_keeps_structured_metadata() -> None:
    config = yaml.safe_load((FOLDER / "loki" / "loki.yml").read_text("utf-8"))
    [schema] = config["schema_config"]["configs"]
    assert (schema["store"], schema["schema"]) == ("tsdb", "v13")
    assert config["limits_config"]["allow_structured_metadata"] is True
    assert "-config.expand-env=true" in SERVICES["loki"]["command"]


def test_alloy_names_only_components_it_has() -> None:
    made = set(re.findall(r'^([a-z_.]+) "(\w+)" \{', ALLOY, re.MULTILINE))
    uses = set(re.findall(r"([a-z_.]+)\.(\w+)\.(?:targets|output|receiver)\b", ALLOY))
    assert uses == made - {("loki.source.file", "run")}
    for opening, closing in ("{}", "[]", "()"):
        code = re.sub(r'//.*|"[^"\n]*"', "", ALLOY)
        assert code.count(opening) == code.count(closing)
    assert set(re.findall(r'sys\.env\("(\w+)"\)', ALLOY)) <= (
        SERVICES["alloy"]["environment"].keys()
    )


def relabelled(path: str) -> dict[str, str]:
    """The labels Alloy gives to a file, by the rules of its configuration."""
    labels = {}
    for body in re.findall(r"rule \{(.*?)\n  \}", ALLOY, re.DOTALL):
        rule = dict(re.findall(r'(\w+)\s*= "?([^"\n]+)"?', body))
        match = re.fullmatch(rule.get("regex", "(.*)"), path)
        if match:
            labels[rule["target_label"]] = rule.get("replacement", match.group(1))
    return labels


def test_alloy_reads_the_files_of_a_run_and_knows_whose_they_are(tmp_path: Path) -> None:
    created = RunDirectory.create(tmp_path, Plan(name="festival"))
    for name in ("app.jsonl", "writeback.jsonl", "postgres.log", "generator.log"):
        (created.logs / name).write_text("")
    created.stamp("phase", "arrivals")
    globs = re.findall(r'__path__ = "/runs/([^"]+)"', ALLOY)
    found = {path for pattern in globs for path in tmp_path.glob(pattern)}
    labels = [relabelled(f"/runs/{path.relative_to(tmp_path)}") for path in sorted(found)]
    assert [label.pop("component") for label in labels] == [
        "app",
        "generator",
        "postgres",
        "writeback",
        "timeline",
    ]
    assert all(label == {"job": "rehearsal", "run": created.id} for label in labels)


def extracted(line: str) -> dict[str, Any]:
    """What Alloy reads out of a line of JSON."""
    [body] = re.findall(r"expressions = \{(.*?)\}", ALLOY, re.DOTALL)
    expressions = re.findall(r'(\w+)\s*= "([^"]*)"', body)
    return {name: jmespath.search(path or name, json.loads(line)) for name, path in expressions}


def test_alloy_reads_time_and_trace_out_of_the_lines_that_are_written(tmp_path: Path) -> None:
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(JsonFormatter())
    record = logging.makeLogRecord({"msg": "granted", "trace_id": "00ab", "student_hash": "2fdb"})
    handler.emit(record)
    fields = extracted(output.getvalue())
    assert fields["time"] == int(record.created * 1e6) * 1000
    assert (fields["trace_id"], fields["student_hash"]) == ("00ab", "2fdb")
    created = RunDirectory.create(tmp_path, Plan(name="festival"))
    event = created.stamp("t0", "open")
    assert extracted((created.path / "timeline.jsonl").read_text())["time"] == event.t_ns
