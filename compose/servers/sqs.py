"""The stage's SQS: moto's over HTTP, in memory (see `servers.moto_server`)."""

from dress_rehearsal.compose.process import python_module
from dress_rehearsal.compose.servers.queues import QueueServer
from dress_rehearsal.compose.target import Target


class SqsServer(QueueServer):
    """The queue server on a loopback port."""

    name = "sqs"
    packages = ("moto", "flask", "aiobotocore")  # flask comes with moto[server] only

    @property
    def address(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self._port}"

    def answers(self) -> bool:
        """Return whether it answers yet."""
        return Target(self.address).ready("/moto-api/data.json")

    def _argv(self) -> list[str]:
        return [
            *python_module("dress_rehearsal.compose.servers.moto_server"),
            "-p",
            str(self._port),
        ]
