"""Where a container of the stage is put, and what it sees of this machine there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.types import Mount

from dress_rehearsal.compose.docker.service_spec import ServiceSpec
from dress_rehearsal.compose.stage_folder import StageFolder


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container is put."""

    client: docker.DockerClient
    stage: str
    """The label of all that belongs to the stage."""
    network: str
    address: str
    volumes: Mapping[str, str]
    """What stands for the volumes and files of the file: the stage's own volumes, or paths."""
    folders: frozenset[str]
    """Those of the volumes that a folder of this machine stands for."""
    secrets: Mapping[str, Path]
    group: str | None = None
    """The control group that it is put into; None: the one that Docker uses."""

    def mounts(self, service: ServiceSpec) -> list[Mount]:
        """Return what a service sees here: volumes, files and secrets."""
        mounts = [
            Mount(
                mount.target,
                self.volumes.get(mount.source, mount.source),
                type="volume" if mount.named and mount.source not in self.folders else "bind",
                read_only=mount.read_only,
            )
            for mount in service.mounts
        ]
        for secret in service.secrets:
            path = str(self.secrets[secret])
            mounts.append(Mount(f"/run/secrets/{secret}", path, type="bind", read_only=True))
        return mounts


def copied_files(services: Iterable[ServiceSpec], folder: StageFolder) -> dict[str, str]:
    """Return copies of the files that services see, readable for whatever user they run as.

    An installation's own may be readable for its user alone.

    Returns:
        The path of each copy, by that of the file.

    Raises:
        StageUnusableError: they cannot be made.
    """
    copies = folder.subfolder("files")
    found: dict[str, str] = {}
    with folder.living():
        for service in services:
            for mount in service.mounts:
                if not mount.named and Path(mount.source).is_file():
                    copy = copies / f"{service.name}-{Path(mount.source).name}"
                    copy.write_bytes(Path(mount.source).read_bytes())
                    copy.chmod(0o444)
                    found[mount.source] = str(copy)
    return found
