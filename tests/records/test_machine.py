"""The environment says what must be equal for two runs to be comparable, and nothing private."""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from dress_rehearsal.records import machine
from dress_rehearsal.records.machine import (
    cpu_quota,
    environment,
    git_commit,
    kernel_limits,
    with_docker,
)


def test_it_can_be_written_as_json_and_does_not_name_the_host() -> None:
    text = json.dumps(environment())

    assert socket.gethostname() not in text


def test_the_fingerprint_is_the_same_each_time() -> None:
    assert environment()["fingerprint"] == environment()["fingerprint"]


def test_another_limit_is_another_machine_and_another_version_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = environment()["fingerprint"]
    monkeypatch.setattr(machine, "_version", lambda package: "0.0.1")
    assert environment()["fingerprint"] == before

    monkeypatch.setattr(machine, "usable_cores", lambda: 999)
    assert environment()["fingerprint"] != before


def test_a_daemon_of_containers_is_part_of_the_machine_and_its_version_is_not() -> None:
    machines = environment()
    daemon = {
        "docker_version": "28.0",
        "docker_storage_driver": "overlay2",
        "docker_cgroup_version": "2",
    }
    told = with_docker(machines, daemon, {"redis:8": "sha256:1"})
    assert told.items() >= daemon.items()
    assert told["docker_images"] == {"redis:8": "sha256:1"}
    assert told["fingerprint"] != machines["fingerprint"]
    newer = with_docker(machines, daemon | {"docker_version": "29.1"}, {"redis:8": "sha256:2"})
    assert newer["fingerprint"] == told["fingerprint"]
    slower = with_docker(machines, daemon | {"docker_storage_driver": "vfs"}, {})
    assert slower["fingerprint"] != told["fingerprint"]
    assert next(iter(told)) == "fingerprint"


def test_packages_that_are_missing_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PACKAGES", ("pyarrow", "no-such-package"))

    packages = environment()["packages"]

    assert packages["pyarrow"]
    assert packages["no-such-package"] is None


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_a_containers_share_of_the_cpus_is_read(
    tmp_path: Path, files: dict[str, str], quota: float | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    assert cpu_quota(tmp_path) == quota


def test_kernel_limits_are_absent_where_the_kernel_does_not_tell(tmp_path: Path) -> None:
    assert set(kernel_limits(tmp_path).values()) == {None}


def test_kernel_limits_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "net/ipv4").mkdir(parents=True)
    (tmp_path / "net/core").mkdir()
    (tmp_path / "net/ipv4/ip_local_port_range").write_text("32768\t60999\n")
    (tmp_path / "net/core/somaxconn").write_text("4096\n")

    limits = kernel_limits(tmp_path)

    assert limits["ip_local_port_range"] == [32768, 60999]
    assert limits["somaxconn"] == 4096


def test_the_commit_is_that_of_the_checkout(tmp_path: Path) -> None:
    identity = {
        f"GIT_{who}_{what}": "x@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert git_commit(tmp_path) is None, "there is no commit yet"

    commit = ["git", "-C", tmp_path, "commit", "-q", "--allow-empty", "-m", "first"]
    subprocess.run(commit, check=True, env=os.environ | identity)
    commit_id = git_commit(tmp_path)

    assert commit_id is not None
    assert len(commit_id) == 40


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert git_commit(Path.cwd()) is None
