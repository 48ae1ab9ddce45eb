"""Docker's daemon on this machine: a client of it, what it says in sentences, and what of its
things belongs to which stage."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import docker
import docker.errors
import requests

from dress_rehearsal.compose.errors import DaemonLostError, StageUnusableError, log_sentence

LABEL: Final = "dress-rehearsal.stage"
"""On every container, network and volume of a stage: the name of its folder."""
ROLE_LABEL: Final = "dress-rehearsal.service"

_ANSWERS_S: Final = 60
"""What the daemon may take for one answer: on a busy machine starting a container takes seconds."""
_USUAL_SOCKET: Final = "unix:///var/run/docker.sock"
_APART: Final = {
    "rootless": "a rootless Docker",
    "userns": "a Docker that maps user ids (userns-remap)",
    "Docker Desktop": "Docker Desktop",
}
"""Ways in which a daemon's containers are apart from this machine, as it tells of itself."""


def connect(socket: str | None = None) -> docker.DockerClient:
    """Return a client of this machine's daemon.

    Args:
        socket: its address; by default the one of `DOCKER_HOST`, or the usual one. Never that of a
            context of Docker's, which may be another machine's.

    Raises:
        StageUnusableError: there is none, or this user may not speak to it.
    """
    named = socket or socket_named()
    if not named.startswith("unix://"):
        raise StageUnusableError(
            f"The stage is not set: DOCKER_HOST is {named}, a daemon that may be another "
            f"machine's; containers are rehearsed on this machine only: unset DOCKER_HOST, or name "
            f"a socket of this machine (unix:///run/docker.sock)."
        )
    with doing("the stage is not set", named):
        client = docker.DockerClient(base_url=named, timeout=_ANSWERS_S)
        client.ping()
        return client


def socket_named() -> str:
    """Return the address of the daemon's socket: that of `DOCKER_HOST`, or the usual one."""
    return os.environ.get("DOCKER_HOST") or _USUAL_SOCKET


def described(client: docker.DockerClient | None = None) -> str:
    """Return the daemon's version and its kind of cgroups, as "20.10.24, cgroup v1".

    Raises:
        StageUnusableError: there is none, this user may not speak to it, or its containers are not
            to be seen from this machine.
    """
    client = client or connect()
    with doing("Docker's daemon cannot be asked"):
        told = client.info()
    ways = {str(way).partition("name=")[2] for way in told.get("SecurityOptions") or ()}
    system = str(told.get("OperatingSystem", ""))
    apart = next((words for sign, words in _APART.items() if sign in {*ways, system}), None)
    if apart is not None:
        raise StageUnusableError(
            f"The stage is not set: this is {apart}, whose containers have no addresses and no "
            f"process ids on this machine, so nobody could measure them: use Docker Engine on "
            f"Linux, or the embedded stage."
        )
    return f"{told.get('ServerVersion', '?')}, cgroup v{told.get('CgroupVersion', '1')}"


def facts(client: docker.DockerClient) -> dict[str, str]:
    """Return what of the daemon a measurement depends on, for `environment.json`.

    Raises:
        StageUnusableError: it does not answer.
    """
    with doing("Docker's daemon cannot be asked"):
        told = client.info()
    return {
        "docker_version": str(told.get("ServerVersion", "?")),
        "docker_storage_driver": str(told.get("Driver", "?")),
        "docker_cgroup_version": str(told.get("CgroupVersion", "1")),
        "docker_cgroup_driver": str(told.get("CgroupDriver", "?")),
    }


def data_root(client: docker.DockerClient) -> Path | None:
    """Return the folder in which the daemon keeps everything; None: it does not say.

    Raises:
        StageUnusableError: it does not answer.
    """
    with doing("Docker's daemon cannot be asked"):
        told = client.info().get("DockerRootDir")
    return Path(told) if told else None


@contextmanager
def doing(what: str, where: str | None = None) -> Iterator[None]:
    """Turn what the SDK raises inside into a sentence that begins with `what`.

    Raises:
        DaemonLostError: nobody answers.
        StageUnusableError: the daemon says no.
    """
    start = what[0].upper() + what[1:]
    try:
        yield
    except docker.errors.BuildError as error:
        lines = [str(line.get("stream", line.get("error", ""))) for line in error.build_log]
        last = [line.rstrip() for text in lines for line in text.splitlines() if line.strip()][-15:]
        raise StageUnusableError(
            f"{start}: {error.msg}; {log_sentence('the log of its build', last)}"
        ) from error
    except docker.errors.APIError as error:
        said = " ".join(str(error.explanation or error).split()).rstrip(".")
        raise StageUnusableError(f"{start}: Docker says: {said}{_remedy(said)}.") from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise DaemonLostError(f"{start}: {_no_daemon(error, where)}") from error


def _remedy(said: str) -> str:
    """Return what to do about it, where that is known."""
    low = said.lower()
    for sign, remedy in (
        ("no space left", "free space where Docker keeps its data (`docker system df` shows it)"),
        ("overlaps with other", "try again: somebody else has just taken the addresses"),
        ("non-overlapping ipv4", "remove networks that nobody needs (`docker network ls`)"),
        ("range of cpus", "lower cpus under [stage.limits]"),
        ("permission denied", "see whether this user may do that"),
        ("already in use", "see `docker ps -a` for whose it is"),
        ("port is already allocated", "see `docker ps` for whose it is"),
    ):
        if sign in low:
            return f"; {remedy}"
    return ""


def _no_daemon(error: BaseException, where: str | None) -> str:
    socket = where or "its socket"
    text = str(error)
    if "Permission denied" in text or isinstance(error, PermissionError):
        return (
            f"this user may not speak to Docker's daemon ({socket}); add it to the group docker "
            f"and log in anew, or use the embedded stage, which needs no Docker."
        )
    if "timed out" in text.lower() or isinstance(error, requests.Timeout):
        return f"Docker's daemon did not answer within {_ANSWERS_S} s; see whether it is well."
    if where is None:
        return "Docker's daemon does not answer any more; see its log, and start it again."
    return (
        f"no Docker daemon answers at {socket}; start it (`systemctl start docker`, say), or use "
        f"the embedded stage, which needs no Docker."
    )
