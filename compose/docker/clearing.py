"""Removes what is left of a Docker stage, whoever set it: only what carries the stage's label."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import docker
import docker.errors

from dress_rehearsal.compose.docker.daemon import LABEL, connect, doing
from dress_rehearsal.compose.docker.weight import remove_group
from dress_rehearsal.compose.errors import StageUnusableError

_TRIES: Final = 5
_PAUSE_S: Final = 0.5
"""A volume or network stays in use for a moment after its container is gone."""
IN_USE: Final = "dress-rehearsal-in-use"
"""The repository of the names that images of ours have while stages are made of them."""


def clear_stage(stage: str, client: docker.DockerClient | None = None) -> None:
    """Remove a stage's containers, networks, volumes and names of images; nothing if it has none.

    Args:
        stage: the name of its folder, which is what its things are labelled with.

    Raises:
        StageUnusableError: the daemon does not answer, or something cannot be removed.
    """
    client = client or connect()
    mine: dict[str, str | list[str] | bool] = {"label": f"{LABEL}={stage}"}
    left: list[str] = []
    with doing(f"what is left of stage {stage} cannot be removed"):
        for container in client.containers.list(all=True, filters=mine, ignore_removed=True):
            left += _left(
                "container", container.name, partial(container.remove, v=True, force=True)
            )
        for network in client.networks.list(filters=mine):
            left += _left("network", network.name, network.remove)
        for volume in client.volumes.list(filters=mine):
            left += _left("volume", volume.name, partial(volume.remove, force=True))
        left += _left("image", IN_USE, partial(release, client, stage))
    remove_group(stage)
    if left:
        raise StageUnusableError(f"Of stage {stage} is left: {'; '.join(left)}.")


def release(client: docker.DockerClient, stage: str) -> None:
    """Give up what a stage keeps; an image of ours that has another one's name by now is removed.

    Raises:
        docker.errors.APIError: the daemon says no.
    """
    for one in client.images.list(filters={"reference": f"{IN_USE}:{stage}-*"}):
        for tag in one.tags:
            if tag.startswith(f"{IN_USE}:{stage}-"):
                client.images.remove(tag)


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


def _left(kind: str, name: object, remove: Callable[[], object]) -> list[str]:
    """Remove something, tried again while it is in use; return why it is left, if it is."""
    for tries_left in reversed(range(_TRIES)):
        try:
            remove()
        except docker.errors.NotFound:
            return []
        except docker.errors.APIError as error:
            if not tries_left:
                return [f"the {kind} {name} ({' '.join(str(error.explanation).split())})"]
            time.sleep(_PAUSE_S)
        else:
            return []
    return []
