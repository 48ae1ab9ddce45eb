"""Removes what is left of a Docker stage, whoever set it: only what carries the stage's label."""

import time
from collections.abc import Callable
from typing import Final

import docker
import docker.errors
import requests

from dress_rehearsal.compose.docker.daemon import LABEL, connect, doing
from dress_rehearsal.compose.docker.weight import remove_group
from dress_rehearsal.compose.errors import StageUnusableError

_TRIES: Final = 5
_PAUSE_S: Final = 0.5
"""A volume or network stays in use for a moment after its container is gone."""


def clear_stage(stage: str, client: docker.DockerClient | None = None) -> None:
    """Remove the containers, networks and volumes of a stage; nothing where there are none.

    Args:
        stage: the name of its folder, which is what its things are labelled with.

    Raises:
        StageUnusableError: the daemon does not answer, or something cannot be removed.
    """
    client = client or connect()
    mine: dict[str, str | list[str] | bool] = {"label": f"{LABEL}={stage}"}
    with doing(f"the containers of stage {stage} cannot be removed"):
        for container in client.containers.list(all=True, filters=mine, ignore_removed=True):
            _insist(lambda one=container: one.remove(force=True, v=True))  # type: ignore[misc]
        for network in client.networks.list(filters=mine):
            _insist(network.remove)
        for volume in client.volumes.list(filters=mine):
            _insist(lambda one=volume: one.remove(force=True))  # type: ignore[misc]
        left = client.containers.list(all=True, filters=mine, ignore_removed=True)
    remove_group(stage)
    if left:
        names = ", ".join(sorted(str(one.name) for one in left))
        raise StageUnusableError(
            f"The containers {names} cannot be removed; remove them with `docker rm -f`."
        )


def stages(client: docker.DockerClient) -> set[str]:
    """Return the names of the stages of which anything is there."""
    found = set()
    mine = {"label": LABEL}
    for container in client.api.containers(all=True, filters=mine):
        found.add(str(container["Labels"][LABEL]))
    for network in client.api.networks(filters=mine):
        found.add(str(network["Labels"][LABEL]))
    for volume in client.api.volumes(filters=mine)["Volumes"] or ():
        found.add(str(volume["Labels"][LABEL]))
    return found


def _insist(remove: Callable[[], object]) -> None:
    """Remove something, or find it gone; tried again while it is still in use."""
    for tries_left in reversed(range(_TRIES)):
        try:
            remove()
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if error.status_code != requests.codes.conflict and "active endpoints" not in str(
                error
            ):
                raise
            if not tries_left:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
