"""The stage's queue service: moto's SQS over HTTP, in memory (see `servers.queue_server`)."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.process import ProcessSpec, python_module
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.target import Target
from dress_rehearsal.records.environment_variables import child_environment

_PACKAGES: Final = ("moto", "flask", "aiobotocore")  # flask comes with moto[server] only


def sqs_spec(port: int, logs: Path, folder: StageFolder) -> ProcessSpec:
    """Serve SQS on a loopback port.

    Raises:
        StageUnusableError: what it needs is not installed.
    """
    lacking = [package for package in _PACKAGES if find_spec(package) is None]
    if lacking:
        raise StageUnusableError(
            f'The stage is not set: app.allocation = "sqs_writeback" needs {", ".join(lacking)}; '
            f"run `pip install dress-rehearsal[sqs]`, or choose another allocation."
        )
    return ProcessSpec(
        name="sqs",
        argv=[*python_module("dress_rehearsal.compose.servers.queue_server"), "-p", str(port)],
        environment=child_environment(folder.marker),
        log=logs / "sqs.log",
        folder=folder.path,
    )


def answers(endpoint: str) -> bool:
    """Return whether it answers yet."""
    return Target(endpoint).ready("/moto-api/data.json")
