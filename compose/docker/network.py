"""The network of a stage and its volumes, with an address of its own for each container."""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final

import docker
import docker.errors
from docker.types import IPAMConfig, IPAMPool

from dress_rehearsal.compose.docker.daemon import LABEL, doing

_TRIES: Final = 5
_GATEWAYS: Final = 1
"""Addresses at the start of a network that Docker keeps for itself."""


class StageNetwork:
    """Where a stage's containers reach each other, and we reach them.

    Addresses are given out here rather than by Docker: a container that was down comes back with
    the one it had, as a server does.
    """

    def __init__(self, client: docker.DockerClient, stage: str) -> None:
        """Make it.

        Raises:
            StageUnusableError: the daemon says no.
        """
        self.name = stage
        with doing("the stage is not set: its network cannot be made"):
            subnet = self._make(client, stage)
        self._free: Iterator[str] = (
            str(address)
            for number, address in enumerate(ipaddress.ip_network(subnet).hosts())
            if number >= _GATEWAYS
        )

    @staticmethod
    def _make(client: docker.DockerClient, stage: str) -> str:
        """Make it; return its addresses.

        Docker knows which are free, and gives fixed ones only in a network that was asked for by
        its addresses: so it is asked for them first. Another stage may take them in between.
        """
        labels = {LABEL: stage}
        for tries_left in reversed(range(_TRIES)):
            chosen = client.networks.create(stage, driver="bridge", labels=labels)
            try:
                chosen.reload()
                subnet = str(chosen.attrs["IPAM"]["Config"][0]["Subnet"])
            finally:
                chosen.remove()
            pool = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)])
            try:
                client.networks.create(stage, driver="bridge", labels=labels, ipam=pool)
            except docker.errors.APIError as error:
                if not tries_left or "overlaps" not in str(error):
                    raise
            else:
                break
        return subnet

    def address(self) -> str:
        """Return an address that nobody had before."""
        return next(self._free)


def make_volumes(client: docker.DockerClient, stage: str, names: Iterable[str]) -> dict[str, str]:
    """Make the stage's own volumes; return their names by those of the file.

    Raises:
        StageUnusableError: the daemon says no.
    """
    made = {}
    with doing("the stage is not set: its volumes cannot be made"):
        for name in sorted(names):
            made[name] = f"{stage}-{name}"
            client.volumes.create(made[name], labels={LABEL: stage})
    return made
