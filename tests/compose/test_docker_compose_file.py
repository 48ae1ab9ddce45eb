"""`docker-compose.yml` and what it is built of: accepted, limited, and without a secret in it."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from dress_rehearsal.compose.secret_files import main, secret_files, write_secret_files
from dress_rehearsal.plans import Plan
from dress_rehearsal.target_app.neighbours import NeighbourSettings
from dress_rehearsal.target_app.secret_files import add_files
from dress_rehearsal.target_app.settings import EnvironmentSettings, Settings
from tests.compose import compose_files
from tests.compose.compose_files import COMPOSE, specification
from tests.dashboards.binaries import binary

ROOT = COMPOSE.parent
FILE = COMPOSE / "docker-compose.yml"
TEXT = FILE.read_text("utf-8")
STACK: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = STACK["services"]
VARIABLES = frozenset(re.findall(r"\$\{(\w+)", TEXT))
PROFILES = sorted({p for service in SERVICES.values() for p in service.get("profiles", [])})
OBSERVERS = {n for n, s in SERVICES.items() if s.get("profiles") == ["observability"]}
LOCUST = {"locust-master", "locust-worker"}
OURS = {"prepare", "app", "writeback", "neighbours", "sqs", *LOCUST}
SERVING = set(SERVICES) - {"prepare"} - OBSERVERS - LOCUST
DESCRIPTORS = 20_000
ROSTER = "student,pin,enrolled\nada,123456,1\n"
NGINX = (COMPOSE / "nginx" / "nginx.conf").read_text("utf-8")


def resolved(**variables: str) -> dict[str, Any]:
    """The file with every profile, with these variables and no others."""
    return compose_files.resolved(FILE, VARIABLES, *PROFILES, **variables)


def environment(service: str, folder: Path) -> dict[str, str]:
    """What a process of `service` finds: its variables by default, and its secrets' files."""
    found = {
        name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        for name, value in SERVICES[service]["environment"].items()
    }
    mounted = folder / service
    mounted.mkdir()
    for name in SERVICES[service]["secrets"]:
        (mounted / name).write_bytes((folder / name).read_bytes())
    add_files(mounted, found)
    return found


def test_the_app_has_the_pools_that_a_plan_gives_it_by_default() -> None:
    """Its requests gave up on a connection after 2 s by hand, and after 8 s in a rehearsal."""
    named = re.compile(r"app_(workers|backlog|allocation|admission_\w+|\w+_pool(_timeout)?)")
    given = {
        name.lower().removeprefix("app_"): re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        for name, value in SERVICES["app"]["environment"].items()
        if named.fullmatch(name.lower())
    }
    assert {"postgres_pool_timeout", "redis_pool_timeout", "workers"} <= given.keys()
    plan = Plan(name="by-hand").app
    assert {name: type(getattr(plan, name))(text) for name, text in given.items()} == {
        name: getattr(plan, name) for name in given
    }


@pytest.mark.slow
def test_docker_compose_1_29_accepts_it() -> None:
    assert set(resolved()["services"]) == set(SERVICES)


def test_the_compose_specification_allows_it() -> None:
    validator = specification()
    validator.validate(STACK)
    wrong = copy.deepcopy(STACK)
    wrong["services"]["app"]["stop_grace"] = "12s"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(wrong)


@pytest.mark.slow
def test_images_can_be_others_and_are_told_of() -> None:
    images = {name: f"other/{name.lower()}:1" for name in re.findall(r"REHEARSE_\w+_IMAGE", TEXT)}
    document = resolved(**images)
    used = {service["image"] for service in document["services"].values()}
    observers = {SERVICES[name]["image"] for name in OBSERVERS}
    assert used - observers < set(images.values())
    dockerfile = (COMPOSE / "Dockerfile").read_text("utf-8")
    builds = [service["build"] for service in document["services"].values() if "build" in service]
    assert {build["target"] for build in builds} == {"app", "sqs", "generator"}
    for build in builds:
        assert build["args"] == {"REHEARSE_PYTHON_IMAGE": "other/rehearse_python_image:1"}
        assert f" AS {build['target']}\n" in dockerfile
        assert (Path(build["context"]) / build["dockerfile"]).samefile(COMPOSE / "Dockerfile")


def test_every_variable_has_a_default_and_is_told_of() -> None:
    used = set(re.findall(r"\$\{(\w+):-", TEXT))
    assert used == set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT))
    head = TEXT[: TEXT.index("x-bare")]
    settings = {"AWS_DEFAULT_REGION", *(name for name in used if name.startswith("APP_"))}
    assert {n for n in used - settings if n not in head} <= {
        "NEIGHBOURS_LATENCY",
        "NEIGHBOURS_FAILURES",
    }


def test_images_that_are_not_ours_have_a_version() -> None:
    for name, service in SERVICES.items():
        image = re.fullmatch(r"(?:\$\{REHEARSE_\w+_IMAGE:-)?([^}]+)\}?", service["image"])
        assert image, name
        assert name in OURS or re.search(r":v?\d+\.\d+", image[1]), name


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_may_do_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    limits = service["ulimits"]["nofile"]
    assert limits["soft"] == limits["hard"] <= DESCRIPTORS
    assert service["read_only"] is (name != "kafka")
    assert service["stop_grace_period"]
    if name in OBSERVERS:
        assert (service["user"], service["cap_add"]) == ("0:0", ["DAC_OVERRIDE"])
    elif name != "kafka":
        assert service["user"] not in ("0", "root", "0:0")
        assert "cap_add" not in service


@pytest.mark.parametrize("name", sorted(SERVING))
def test_every_service_that_stays_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert check["interval"] == "${REHEARSE_HEALTH_INTERVAL:-5s}"
    assert {"timeout", "retries", "start_period"} <= set(check)


@pytest.mark.parametrize("name", sorted(SERVING - {"kafka"}))
def test_what_is_stopped_last_is_what_others_need(name: str) -> None:
    """docker-compose stops a service before those it names itself."""
    if name in ("app", "writeback"):
        assert {"postgres", "redis"} <= set(SERVICES[name]["depends_on"])
    for other in SERVICES[name].get("depends_on", {}):
        assert other in SERVICES


@pytest.mark.slow
def test_secrets_come_by_file_and_are_in_no_environment(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    files = secret_files(ROSTER)
    write_secret_files(folder, files)
    of_others = {"slack_webhook"}
    assert set(STACK["secrets"]) - of_others == set(files)
    used = {s for service in SERVICES.values() for s in service.get("secrets", [])}
    assert used - of_others == set(files)
    document = resolved(REHEARSE_SECRETS=str(folder))
    shown = json.dumps(document)
    assert not [name for name, value in files.items() if len(value) > 10 and value in shown]
    for name in files:
        assert document["secrets"][name]["file"] == str(folder / name)


def test_the_folder_of_secrets_is_the_owners_and_the_files_are_for_containers(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "secrets"
    command = [sys.executable, "-I", "-S", str(COMPOSE / "secret_files.py"), str(folder)]
    subprocess.run(command, check=True, timeout=60)  # the standard library is all it needs
    assert folder.stat().st_mode & 0o777 == 0o700
    first = {file.name: file.read_text() for file in folder.iterdir()}
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o444}
    # What is missing is made again, and agrees with what is there.
    for name in ("app_database_dsn", "app_redis_url"):
        (folder / name).unlink()
    (folder / "app_redis_url").mkdir()  # as Docker does for a file that is not there
    subprocess.run(command, check=True, timeout=60)
    assert {file.name: file.read_text() for file in folder.iterdir()} == first
    assert len({value for value in first.values() if len(value) > 40}) >= len(first) - 2


def test_the_command_that_makes_secrets_says_where_they_are_or_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as asked:
        main(["--help"])
    assert asked.value.code == 0
    assert list(tmp_path.iterdir()) == []
    assert main([str(tmp_path / "there")]) == 0
    assert f"The secrets are in {tmp_path}/there; " in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == (
        f"The secrets cannot be written to {tmp_path}/file: File exists.\n"
    )


@pytest.mark.parametrize(
    ("service", "kind"),
    [
        ("prepare", Settings),
        ("app", Settings),
        ("writeback", Settings),
        ("neighbours", NeighbourSettings),
    ],
)
def test_what_a_container_is_told_are_settings_that_work(
    service: str, kind: type[EnvironmentSettings], tmp_path: Path
) -> None:
    write_secret_files(tmp_path, secret_files(ROSTER))
    kind.read(environment(service, tmp_path))


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    """Debian's knows all of it but `resolve`, which is newer."""
    config = tmp_path / "nginx.conf"
    known = NGINX.replace(" resolve ", " ").replace("server app:8080", "server 127.0.0.1:8080")
    config.write_text(known.replace("/tmp/", f"{tmp_path}/"))
    done = subprocess.run(
        [binary("nginx"), "-t", "-c", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_nginx_carries_a_rush_and_repeats_no_purchase() -> None:
    def value(name: str) -> str:
        [found] = re.findall(rf"^\s*{name} ([^;]+);", NGINX, re.MULTILINE)
        return str(found)

    processes, connections = int(value("worker_processes")), int(value("worker_connections"))
    assert int(value("worker_rlimit_nofile")) == DESCRIPTORS > connections
    # A client is two connections while it is being answered.
    assert processes * connections >= 2 * 12_000
    assert "non_idempotent" not in value("proxy_next_upstream")
    assert "backlog=8192 reuseport" in NGINX
    assert value("proxy_buffering") == "off"
