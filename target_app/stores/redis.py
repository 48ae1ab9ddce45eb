"""Redis: one bounded pool a worker; every call is one round trip, and the wait is measured.

Built on redis-py's connections and hiredis' parser. redis-py's own client and pools are not
used on this path: a call through them costs about twice as much, and they do not tell waits.
"""

import asyncio
import hashlib
import logging
import time
from importlib.resources import files
from typing import Any

import hiredis
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.request_context import add_connecting, add_time
from dress_rehearsal.target_app.stores.pool_limit import PoolLimit

COMMAND_TIMEOUT_S = 5.0
_BYTES_A_SECOND = 1_000_000
"""What is sent at once may take so much longer: the roster of 100,000 people is 10 MB."""
CONNECT_TIMEOUT_S = 1.0

Word = str | bytes | int
_LOG = logging.getLogger(__name__)


class Script:
    """A Lua script, called by its hash and sent whole only when Redis lacks it.

    Args:
        path: where it lies in the service's package, such as `allocators/grant.lua`.
    """

    def __init__(self, path: str) -> None:
        self.source = files("dress_rehearsal.target_app").joinpath(path).read_text("utf-8")
        self.sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


def make_client(url: str, timeout_s: float | None, connect_timeout_s: float) -> Redis:
    """Return redis-py's own client, for what no request waits for. It does not try again."""
    return Redis.from_url(
        url,
        protocol=2,
        socket_timeout=timeout_s,
        socket_connect_timeout=connect_timeout_s,
        retry=Retry(NoBackoff(), 0),
    )


class RedisStore:
    """The Redis pool of one process. Connections are made when needed and made again when lost."""

    def __init__(self, url: str, size: int, timeout_s: float) -> None:
        self.pool_limit = PoolLimit("redis", size, timeout_s)
        self._factory = ConnectionPool.from_url(
            url,
            protocol=2,
            socket_timeout=None,  # `_round_trip` has one timeout over all
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )
        self._idle: list[AbstractConnection] = []
        self._closed = False

    async def open(self) -> None:
        """Where Redis is up, make all connections of the pool before they are needed."""
        try:
            async with asyncio.timeout(2 * CONNECT_TIMEOUT_S):
                while len(self._idle) < self.pool_limit.size:
                    self._idle.append(await self._connect())
        except (RedisError, OSError) as error:
            _LOG.warning("Redis is not reachable yet: %s", _reason(error))

    async def close(self) -> None:
        """Close the idle connections; the borrowed ones are closed when they come back."""
        self._closed = True
        await self._drop_idle()
        await self._factory.aclose()

    async def run(self, *commands: tuple[Word, ...]) -> list[Any]:
        """Send the commands together and return their replies: one round trip.

        Raises `OverloadedError` when no connection becomes free in time, and `DependencyDownError`
        when Redis does not answer within 5 s (longer where they are large), cuts the connection or
        refuses a command.
        """
        replies = await self._round_trip(commands)
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise DependencyDownError("Redis", f"it answered {reply}") from reply
        return replies

    async def script(self, script: Script, keys: tuple[Word, ...], args: tuple[Word, ...]) -> Any:
        """Run a script on `keys` with `args` and return its reply: one round trip once it is known.

        Raises as `run` does.
        """
        call = (len(keys), *keys, *args)
        reply = (await self._round_trip((("EVALSHA", script.sha, *call),)))[0]
        if isinstance(reply, NoScriptError):
            reply = (await self._round_trip((("EVAL", script.source, *call),)))[0]
        if isinstance(reply, ResponseError):
            raise DependencyDownError("Redis", f"it answered {reply}") from reply
        return reply

    async def _round_trip(self, commands: tuple[tuple[Word, ...], ...]) -> list[Any]:
        entered_ns = await self.pool_limit.enter()
        connection: AbstractConnection | None = None
        whole = False
        replies: list[Any] = []
        within_s = COMMAND_TIMEOUT_S
        try:
            packed = [hiredis.pack_command(command) for command in commands]  # type: ignore[arg-type]
            within_s += sum(map(len, packed)) // _BYTES_A_SECOND
            async with asyncio.timeout(within_s):
                connection = self._idle.pop() if self._idle else await self._connect()
                await connection.send_packed_command(packed, check_health=False)
                for _ in commands:
                    try:
                        replies.append(await connection.read_response())
                    except ResponseError as error:
                        replies.append(error)
            whole = True
        except (RedisError, OSError) as error:
            await self._drop_idle()  # they lead to the same Redis; do not fail once for each
            raise DependencyDownError("Redis", _reason(error, within_s)) from error
        finally:
            if connection is not None:
                if whole and not self._closed:
                    self._idle.append(connection)
                else:
                    await connection.disconnect(nowait=True)
            used_ns = self.pool_limit.leave(entered_ns)
            add_time("redis", used_ns)
        return replies

    async def _connect(self) -> AbstractConnection:
        began_ns = time.perf_counter_ns()
        connection: AbstractConnection = self._factory.make_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
        finally:
            add_connecting("redis", self.pool_limit.connected(began_ns))
        return connection

    async def _drop_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.disconnect(nowait=True)


def _reason(error: BaseException, within_s: float = COMMAND_TIMEOUT_S) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {within_s:g} s"
    return f"{type(error).__name__}: {error}"
