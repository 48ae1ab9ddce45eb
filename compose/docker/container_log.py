"""The log of one container: what it prints, written to a file of the run as it comes."""

import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import docker
import docker.errors
import requests
from docker.models.containers import Container

_LAST_LINES_S: Final = 2.0
"""What the daemon may take for the rest, once a container has ended."""


class ContainerLog:
    """Follows it in a thread of its own."""

    def __init__(self, container: Container, path: Path) -> None:
        self._container = container
        self._path = path
        self._reader: threading.Thread | None = None

    def follow(self, since: float) -> None:
        """Have it written from an instant (Unix time) on, until the container ends."""
        self._reader = threading.Thread(
            target=self._read, args=(since,), name=f"log of {self._path.stem}", daemon=True
        )
        self._reader.start()

    def await_end(self) -> None:
        """Wait until all of it is written, for a container that has ended."""
        if self._reader is not None:
            self._reader.join(_LAST_LINES_S)

    def _read(self, since: float) -> None:
        """Write it until it ends or the daemon does."""
        with (
            suppress(docker.errors.DockerException, requests.RequestException, OSError),
            self._path.open("ab", buffering=0) as log,
        ):
            for chunk in self._container.logs(stream=True, follow=True, since=since):
                log.write(chunk)
