"""The stage's SQS: moto's over HTTP, in memory (see `servers.moto_server`)."""

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.process import ProcessSpec, python_module
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.target import Target
from dress_rehearsal.records.environment_variables import child_environment

_PACKAGES: Final = ("moto", "flask", "aiobotocore")  # flask comes with moto[server] only


class SqsServer:
    """The queue server on a loopback port."""

    name: ClassVar[str] = "sqs"

    def __init__(self, port: int) -> None:
        self._port = port
        self.address = f"http://127.0.0.1:{port}"

    def spec(self, logs: Path, folder: StageFolder) -> ProcessSpec:
        """Describe its process.

        Raises:
            StageUnusableError: what it needs is not installed.
        """
        lacking = [package for package in _PACKAGES if find_spec(package) is None]
        if lacking:
            raise StageUnusableError(
                f'The stage is not set: app.allocation = "sqs_writeback" needs '
                f"{', '.join(lacking)}; run `pip install dress-rehearsal[sqs]`, or choose "
                f"another allocation."
            )
        server = "dress_rehearsal.compose.servers.moto_server"
        return ProcessSpec(
            name=self.name,
            argv=[*python_module(server), "-p", str(self._port)],
            environment=child_environment(folder.marker),
            log=logs / "sqs.log",
            folder=folder.path,
        )

    def answers(self) -> bool:
        """Return whether it answers yet."""
        return Target(self.address).ready("/moto-api/data.json")
