"""`docker-compose -f compose/docker-compose.yml …`, as a user types it."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import httpx
from docker.models.containers import Container

from dress_rehearsal.compose.port import ClaimedPort

FILE = Path(__file__).parents[2] / "compose" / "docker-compose.yml"
_COMMAND_S = 240.0


@dataclass
class ByHand:
    """A project of docker-compose's: its name, secrets and variables."""

    project: str
    secrets: Path
    images: Mapping[str, str]
    client: docker.DockerClient
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        port = ClaimedPort.choose()
        port.close()
        self.url = f"http://127.0.0.1:{port.number}"
        self.variables |= {
            **self.images,
            "REHEARSE_SECRETS": str(self.secrets),
            "REHEARSE_PORT": str(port.number),
            "REHEARSE_APP_IMAGE": self.project,
            "REHEARSE_HEALTH_INTERVAL": "1s",
        }

    def compose(self, *arguments: str) -> str:
        """Run a command of docker-compose's and return what it wrote."""
        done = subprocess.run(
            ["docker-compose", "-p", self.project, "-f", str(FILE), *arguments],
            env=os.environ | self.variables,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.logs()
        return done.stdout

    def containers(self, service: str | None = None) -> list[Container]:
        """Return all containers, or a service's, by their names."""
        labels = [f"com.docker.compose.project={self.project}"]
        if service is not None:
            labels.append(f"com.docker.compose.service={service}")
        found = self.client.containers.list(all=True, filters={"label": labels})
        return sorted(found, key=lambda container: str(container.name))

    def logs(self) -> str:
        """Return the last lines of all containers."""
        lines = []
        for container in self.containers():
            text = container.logs(tail=5).decode(errors="replace")
            lines.append(f"--- {container.name} ({container.status})\n{text}")
        return "\n".join(lines)

    def row(self, statement: str) -> str:
        """Return what PostgreSQL answers, asked inside its container."""
        [postgres] = self.containers("postgres")
        answer = postgres.exec_run(
            [
                "psql",
                "--host=/var/run/postgresql",
                "--username=festival",
                "--no-align",
                "--tuples-only",
                f"--command={statement}",
            ]
        )
        assert answer.exit_code == 0, answer.output
        return str(answer.output.decode().strip())

    def announced(self) -> list[dict[str, Any]]:
        """Return what processes of the app announced for Prometheus."""
        [first, *_] = self.containers("app")
        answer = first.exec_run(["bash", "-c", "cat /targets/*.json"])
        assert answer.exit_code == 0, answer.output
        text = answer.output.decode().replace("][", ",")
        found: list[dict[str, Any]] = json.loads(text)
        return found

    def wait(self, url: str, status: int, within_s: float) -> None:
        """Wait until an address of nginx's answers so."""
        end = time.monotonic() + within_s
        while True:
            try:
                if httpx.get(f"{self.url}{url}", timeout=5).status_code == status:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < end, self.logs()
            time.sleep(0.1)
