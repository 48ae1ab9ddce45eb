"""The servers of the queues that strategies write back through: what those of each kind share."""

from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.process import ProcessSpec
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.records.environment_variables import child_environment


class QueueServer(ABC):
    """One process that keeps what the app sends until the write-back has read it.

    Its packages are an extra of ours, which has the server's name.

    Args:
        port: where it listens, on loopback.
    """

    name: ClassVar[str]
    """Of the component, and of the queue, as `Strategy.queue` has it."""
    packages: ClassVar[tuple[str, ...]]
    """What it and its clients need, besides what is installed anyway."""

    def __init__(self, port: int) -> None:
        self._port = port

    @property
    @abstractmethod
    def address(self) -> str:
        """What the app and the write-back are told."""

    @abstractmethod
    def answers(self) -> bool:
        """Return whether it answers yet."""

    def spec(self, logs: Path, folder: StageFolder) -> ProcessSpec:
        """Describe its process.

        Raises:
            StageUnusableError: what it needs is not installed.
        """
        lacking = [package for package in self.packages if find_spec(package) is None]
        if lacking:
            raise StageUnusableError(
                f'The stage is not set: app.allocation = "{self.name}_writeback" needs '
                f"{', '.join(lacking)}; run `pip install dress-rehearsal[{self.name}]`, or choose "
                f"another allocation."
            )
        return ProcessSpec(
            name=self.name,
            argv=self._argv(),
            environment=child_environment(folder.marker),
            log=logs / f"{self.name}.log",
            folder=folder.path,
        )

    @abstractmethod
    def _argv(self) -> list[str]:
        """Return the command that it is started with."""
