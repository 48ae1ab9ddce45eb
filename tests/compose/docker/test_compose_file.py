"""Reads `docker-compose.yml`: variables, services and their order; nothing is silently left out."""

from pathlib import Path

import pytest

from dress_rehearsal.compose.docker.compose_file import COMPOSE_FILE, read_compose_file
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.plans.sections.stage import SERVICES

NONE: frozenset[str] = frozenset()


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "docker-compose.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_variables_are_filled_in_as_compose_does(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
services:
  one:
    image: ${SET}-${EMPTY:-usual}-${EMPTY-kept}-${UNSET-other}-$SET-$$SET
    environment:
      A: ${UNSET:-}
      B: 5
      C: true
""",
    )
    one = read_compose_file({"SET": "x", "EMPTY": ""}, path).services["one"]
    assert one.image == "x-usual--other-x-$SET"
    assert one.environment == {"A": "", "B": "5", "C": "true"}


def test_a_variable_that_must_be_set_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "services:\n  one:\n    image: ${WANTED:?name an image}\n")
    with pytest.raises(StageUnusableError, match=r"needs the variable WANTED: name an image\."):
        read_compose_file({}, path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("services:\n  one:\n    image: a\n    links: [two]\n", "one: links is not understood"),
        ("services:\n  one:\n    image: a\n    healthcheck: {test: [CMD, a], x: 1}\n", "x is not"),
        ("networks: {}\nservices: {}\n", "networks is not understood"),
        ("services: []\n", "the file is not a table with services"),
        ("services:\n  one:\n    image: a\n    stop_grace_period: soon\n", "'soon' is not a dur"),
        ("services:\n  one:\n    image: a\n    environment: [A=1]\n", "environment is not a tab"),
        ("services: {one: {image: [a]}}\n", "one is not a text"),
        ("a: [\n", "cannot be read"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(StageUnusableError) as refused:
        read_compose_file({}, written(tmp_path, text))
    assert says in str(refused.value)


def test_services_come_after_what_they_need(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
services:
  proxy: {image: a, depends_on: {app: {condition: service_healthy}}}
  app: {image: a, depends_on: [store, extra]}
  store: {image: a}
  extra: {image: a, profiles: [more]}
""",
    )
    file = read_compose_file({}, path)
    assert [one.name for one in file.wanted(NONE)] == ["store", "app", "proxy"]
    assert [one.name for one in file.wanted(frozenset({"more"}))] == [
        "store",
        "extra",
        "app",
        "proxy",
    ]


def test_services_that_need_each_other_are_told(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n",
    )
    with pytest.raises(StageUnusableError, match="a, b need each other"):
        read_compose_file({}, path).wanted(NONE)


def test_mounts_secrets_health_and_limits_of_files_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
services:
  one:
    image: a
    volumes:
      - data:/data
      - ./conf:/conf:ro
      - {type: bind, source: /etc/hosts, target: /hosts, read_only: true}
    secrets: [word]
    healthcheck: {test: "test -e /x", interval: 1m30s, timeout: 500ms}
    ulimits: {nofile: {soft: 5, hard: 6}, nproc: 7}
    tmpfs: [/tmp, "/run:size=1m"]
    stop_signal: SIGINT
    stop_grace_period: 3s
secrets:
  word: {file: ./words/word}
volumes:
  data:
""",
    )
    file = read_compose_file({}, path)
    one = file.services["one"]
    assert [(mount.source, mount.target, mount.read_only, mount.named) for mount in one.mounts] == [
        ("data", "/data", False, True),
        (str(tmp_path / "conf"), "/conf", True, False),
        ("/etc/hosts", "/hosts", True, False),
    ]
    assert one.health is not None
    assert one.health.test == ("/bin/sh", "-c", "test -e /x")
    assert (one.health.interval_s, one.health.timeout_s) == (90.0, 0.5)
    assert one.settings["ulimits"] == {"nofile": (5, 6), "nproc": (7, 7)}
    assert one.settings["tmpfs"] == {"/tmp": "", "/run": "size=1m"}
    assert (one.stop_signal, one.grace_s) == ("SIGINT", 3.0)
    assert file.secrets == {"word": tmp_path / "words/word"}
    assert file.volumes == {"data"}


def test_the_stages_own_file_is_understood_whole() -> None:
    file = read_compose_file({})
    assert COMPOSE_FILE.name == "docker-compose.yml"
    assert {"postgres", "redis", "kafka", "app", "writeback", "neighbours", "nginx"} <= set(
        file.services
    )
    assert set(SERVICES) - {"sqs"} <= set(file.services)
    for service in file.wanted(NONE):
        assert set(service.secrets) <= set(file.secrets)
        assert service.health is not None or service.name == "prepare"
        assert all(mount.source in file.volumes for mount in service.mounts if mount.named)
