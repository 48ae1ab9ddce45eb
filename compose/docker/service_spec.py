"""What a service of the stage is: its image, what it sees of outside, when it is healthy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Build:
    """How an image is made: a folder, the Dockerfile in it, and which of its parts."""

    context: Path
    dockerfile: str
    target: str | None
    args: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mount:
    """What a container sees of outside: a volume by name, or a file or folder of this machine."""

    source: str
    target: str
    read_only: bool
    named: bool
    """Whether `source` is the name of a volume."""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How it is told that a container can work; run inside of it."""

    test: tuple[str, ...]
    """The words of a command."""
    interval_s: float
    timeout_s: float


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One service of the file, its variables filled in."""

    name: str
    image: str
    build: Build | None
    command: tuple[str, ...] | None
    entrypoint: tuple[str, ...] | None
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    secrets: tuple[str, ...]
    health: HealthCheck | None
    needs: Mapping[str, str]
    """What has to be there before, with Compose's word for how far it must have come."""
    profiles: frozenset[str]
    stop_signal: str | None
    grace_s: float
    """How long it may take to end once it is asked to."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What Docker takes as it stands: user, read_only, capabilities and so on."""
