"""What tests ask of a Compose file: is it accepted, and is what it names there."""

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.dashboards.binaries import binary

COMPOSE = Path(__file__).resolve().parents[2] / "compose"
FOLDER = COMPOSE / "observability"
OBSERVABILITY_FILE = FOLDER / "docker-compose.yml"


def resolved(
    file: Path, variables: Collection[str], *profiles: str, **environment: str
) -> dict[str, Any]:
    """Return a file as docker-compose 1.29 understands it.

    Args:
        variables: the file's; of them those of `environment` are set and no others.
        profiles: the services of these are there as well.
    """
    clean = {name: value for name, value in os.environ.items() if name not in variables}
    chosen = [f"--profile={profile}" for profile in profiles]
    answer = subprocess.run(
        [binary("docker-compose"), "-f", str(file), *chosen, "config"],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    document: dict[str, Any] = yaml.safe_load(answer.stdout)
    return document


def specification() -> Any:
    """Return what validates a document against the Compose specification's schema.

    The schema is the one that check-jsonschema, a dependency of the tests, brings with it.
    """
    vendored = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    schema = json.loads(vendored.read_text("utf-8"))
    return jsonschema.validators.validator_for(schema)(schema)


def project(file: Path) -> str:
    """Return what Compose calls the project of a file: after its folder, unless it is told."""
    assert "name" not in yaml.safe_load(file.read_text("utf-8"))
    return re.sub(r"[^-_a-z0-9]", "", file.resolve().parent.name.lower())


def mounts(service: dict[str, Any], folder: Path = COMPOSE) -> dict[str, Path]:
    """Return what a service of a file in a folder sees of the repository: path inside -> path here;
    it may only read."""
    found = {}
    for volume in service.get("volumes", ()):
        if isinstance(volume, str) and volume.startswith("."):
            here, inside, mode = volume.split(":")
            assert mode == "ro", volume
            found[inside] = (folder / here).resolve()
    return found


def missing_files(services: dict[str, Any], folder: Path = COMPOSE) -> list[str]:
    """Return what services mount of the repository that is not there."""
    return [
        f"{name}: {here}"
        for name, service in services.items()
        for here in mounts(service, folder).values()
        if not here.exists()
    ]


def port_clashes(services: dict[str, Any]) -> list[str]:
    """Return the ports of this machine that more than one of the (resolved) services is given."""
    published = Counter(
        str(port).rpartition(":")[0].rpartition(":")[2]
        if isinstance(port, str)
        else str(port["published"])
        for service in services.values()
        for port in service.get("ports", ())
    )
    return sorted(port for port, count in published.items() if count > 1)


def listens_beyond(services: dict[str, Any]) -> list[str]:
    """Return the (resolved) services that are published to more than this machine."""
    return [
        name
        for name, service in services.items()
        for port in service.get("ports", ())
        if not str(port).startswith("127.0.0.1:")
    ]
