"""A stage: somewhere to perform, whoever set it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self, TypeVar

from dress_rehearsal.compose.guardian import Guardian
from dress_rehearsal.plans import Fault

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Loss:
    """A process of the stage that ended though nobody stopped it."""

    name: str
    pid: int
    exit_code: int | None
    """None when it was not our own child, so that nobody could ask."""
    what: str
    """A sentence for the timeline."""
    planned: bool = False
    """Whether a fault of the plan's own did it."""
    replaced: bool = False
    """Whether another process took its place at once, as where workers are recycled."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What the target told its operators while it was rushed."""

    t_ns: int
    kind: str
    message: str


class Stage(Protocol):
    """What the conductor needs of a stage, embedded or external; entered before it is used."""

    unclean_stops: list[Loss]
    """After the stage was cleared: what had to be killed or did not end with 0."""

    @property
    def url(self) -> str:
        """Where the target answers."""

    @property
    def dsn(self) -> str | None:
        """Superuser's connection string of its PostgreSQL; None when it is not ours to read."""

    @property
    def redis_url(self) -> str | None:
        """URL of its Redis; None when it is not ours to read."""

    @property
    def targets_dir(self) -> Path | None:
        """Folder of Prometheus `file_sd` files naming its metrics ports; None when unknown."""

    @property
    def roster_path(self) -> Path:
        """The students' credentials as CSV, gone with the stage."""

    @property
    def data_root(self) -> Path | None:
        """Where somebody else, as Docker does, keeps what its stores write; None: nobody does."""

    @property
    def entry_token(self) -> str:
        """What the scanners at the entrance show as bearer token; empty when it is not known."""

    @property
    def marker(self) -> dict[str, str]:
        """Environment that marks a process as one of this stage's."""

    @property
    def guardian(self) -> Guardian:
        """Stops what it watches should the conductor die."""

    def open_at(self, t0_ns: int) -> None:
        """Have the sale open at an instant, honoured by every worker when this returns."""

    def components(self) -> list[tuple[str, int]]:
        """List the stage's own processes as (component, pid)."""

    def containers(self) -> list[tuple[str, int]]:
        """List the containers it made as (container, pid of its first process on this machine)."""

    def lost(self) -> list[Loss]:
        """List what ended by itself since this was last asked."""

    def lost_at_last(self) -> list[Loss]:
        """List the same once the rush is over: who may still be replaced has had time for it."""

    def strike(self, fault: Fault) -> None:
        """Make something go wrong; it goes wrong when this returns."""

    def relieve(self, fault: Fault) -> None:
        """End what `strike` began; whatever was down is up again when this returns."""

    def alerts(self) -> list[Alert]:
        """List what the target told its operators since this was last asked."""

    def __enter__(self) -> Self:
        """Set the stage; it is ready when this returns."""

    def __exit__(self, *raised: object) -> None:
        """Clear the stage."""


def entered(part: _Part | None) -> _Part:
    """Return a part of a stage that is only there while the stage is entered.

    Raises:
        RuntimeError: it is not there.
    """
    if part is None:
        raise RuntimeError("the stage has not been entered, or has been left")
    return part


def guardian_lost(guardian: Guardian) -> list[Loss]:
    """Return the loss of a guardian that could guard nothing any more; none where it can."""
    trouble = guardian.trouble
    return [] if trouble is None else [Loss("guardian", guardian.pid, None, trouble)]
