"""Kubernetes' manifests: committed as rendered, by the schemas, and true of the compose file."""

import copy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from dress_rehearsal.compose.docker.compose_file import read_compose_file
from dress_rehearsal.compose.kubernetes.__main__ import MANIFESTS, main, rendered
from dress_rehearsal.compose.kubernetes.manifests import APP_SETTINGS
from dress_rehearsal.compose.secret_files import secret_files

VERSIONS = ("1.28", "1.30", "1.32", "1.34", "1.37")
FILES = rendered()
OBJECTS: list[dict[str, Any]] = [
    each for text in FILES.values() for each in yaml.safe_load_all(text) if each is not None
]
COMPOSE = read_compose_file({}).services
PODS = {
    each["metadata"]["name"]: each["spec"]["template"]["spec"]
    for each in OBJECTS
    if each["kind"] in ("Deployment", "Job")
}


def named(kind: str, name: str) -> dict[str, Any]:
    [found] = [e for e in OBJECTS if (e["kind"], e["metadata"]["name"]) == (kind, name)]
    return found


def test_the_committed_ones_are_as_rendered(tmp_path: Path) -> None:
    committed = {path.name: path.read_text("utf-8") for path in MANIFESTS.glob("*.yaml")}
    assert committed == FILES, (
        "run `python -m dress_rehearsal.compose.kubernetes` and commit what it writes"
    )
    assert main([str(tmp_path / "there")]) == 0
    assert {path.name for path in (tmp_path / "there").iterdir()} == set(FILES)


def test_where_they_cannot_be_written_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file")]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("version", VERSIONS)
def test_they_pass_the_schemas_which_know_every_field(version: str) -> None:
    for each in OBJECTS:
        assert kubernetes_validate.validate(each, version, strict=True) == version


WRONG: dict[str, tuple[str, list[str | int], Any]] = {
    "a field that is none": ("Deployment", ["spec", "replica"], 2),
    "a number that is a text": ("Deployment", ["spec", "replicas"], "two"),
    "a field in the wrong place": ("Deployment", ["spec", "terminationGracePeriodSeconds"], 15),
    "a misspelt probe": (
        "Deployment",
        ["spec", "template", "spec", "containers", 0, "readynessProbe"],
        {},
    ),
    "an environment that is no text": ("ConfigMap", ["data", "APP_WORKERS"], 2),
    "a port that is none": ("Service", ["spec", "ports", 0, "port"], "http"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_manifest_that_is_wrong_is_refused(wrong: str) -> None:
    kind, path, value = WRONG[wrong]
    broken = copy.deepcopy(next(each for each in OBJECTS if each["kind"] == kind))
    place: Any = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    for version in VERSIONS:
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(broken, version, strict=True)


def test_who_is_not_there_is_no_service_of_the_stage_itself() -> None:
    assert set(PODS) == {
        *("prepare", "app", "writeback", "neighbours"),
        *("locust-master", "locust-worker"),
    }


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_what_the_compose_file_says_of_its_service(name: str) -> None:
    service, pod = COMPOSE[name], PODS[name]
    [container] = pod["containers"]
    assert container["image"] == service.image
    if name != "locust-master":
        assert container["args"] == list(service.command or ())
    assert pod["terminationGracePeriodSeconds"] >= service.grace_s
    assert (
        f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
        == (service.settings["user"])
    )
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(service.settings["tmpfs"]) < mounted
    assert {mount.target for mount in service.mounts if mount.named} < mounted
    if service.secrets:
        [secret] = [v["secret"] for v in pod["volumes"] if "secret" in v]
        assert [item["key"] for item in secret["items"]] == list(service.secrets)
        assert set(service.secrets) <= set(secret_files(""))


@pytest.mark.parametrize("name", PODS)
def test_a_pod_may_do_no_more_than_it_needs(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert {"requests", "limits"} == set(container["resources"])


@pytest.mark.parametrize("name", PODS)
def test_services_set_no_variable_that_is_a_setting(name: str) -> None:
    """A Service `app` would set APP_PORT=tcp://…, and `locust-master` LOCUST_MASTER_PORT."""
    assert PODS[name]["enableServiceLinks"] is False


def test_settings_are_the_compose_file_s_and_no_secret_is_among_them() -> None:
    data = named("ConfigMap", APP_SETTINGS)["data"]
    environment = COMPOSE["app"].environment
    given = {name: value for name, value in environment.items() if value}
    assert data == given | {"APP_BEHIND_PROXY": "off"}  # who reaches a Service is no proxy
    assert not {name.lower() for name in data} & set(secret_files(""))


def test_a_service_leads_to_the_port_that_is_listened_on() -> None:
    for each in OBJECTS:
        if each["kind"] != "Service":
            continue
        [container] = PODS[each["metadata"]["name"]]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for port in each["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]


def test_a_probe_asks_where_the_health_check_does() -> None:
    [app] = PODS["app"]["containers"]
    assert app["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 8080}
    assert app["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": 8080}
    [writeback] = PODS["writeback"]["containers"]
    assert "livenessProbe" not in writeback
    health = COMPOSE["writeback"].health
    assert health is not None
    assert writeback["readinessProbe"]["exec"]["command"] == list(health.test)


def test_the_master_plays_against_the_app_with_as_many_workers_as_there_are() -> None:
    [master] = PODS["locust-master"]["containers"]
    assert "--host=http://app:8080" in master["args"]
    assert "--allow=app" in master["args"]
    assert not any("nginx" in word for word in master["args"])
    replicas = named("Deployment", "locust-worker")["spec"]["replicas"]
    assert f"--expect-workers={replicas}" in master["args"]
    [worker] = PODS["locust-worker"]["containers"]
    assert "--master-host=locust-master" in worker["args"]
    assert named("Service", "locust-master")["spec"]["ports"][0]["port"] == 5557
