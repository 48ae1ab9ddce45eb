"""The relay: takes connections, and makes one to the service behind it for each."""

import asyncio
from collections.abc import Callable
from typing import Final, Self

from dress_rehearsal.compose.relay.impairment import HANDSHAKE_RETRANSMIT_S, Impairment
from dress_rehearsal.compose.relay.way import End, Way, reset

_BACKLOG: Final = 4096
_CONNECTS_WITHIN_S: Final = 30.0
_HANDSHAKE_TRIES: Final = 7
"""As Linux does it (`tcp_syn_retries`), and then gives up."""


class Relay:
    """Listens on one port, for one service; entered while it works.

    Args:
        impairment: what is done to all that passes; may be changed at any time.
        host: where the service is.
    """

    def __init__(self, impairment: Impairment, host: str, port: int) -> None:
        self._impairment = impairment
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._joining: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.Transport] = set()

    async def listen(self, port: int, address: str | None = None) -> int:
        """Take connections from now on; return the port, which Linux chooses where it is 0.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Side(self._open, self._accepted), address, port, backlog=_BACKLOG
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Take no connection any more, and take down those that there are."""
        if self._server is not None:
            self._server.close()
        for task in self._joining:
            task.cancel()
        for transport in self._open:
            reset(transport)
        await asyncio.sleep(0)  # which closes them

    def _accepted(self, client: "_Side") -> None:
        task = asyncio.get_running_loop().create_task(self._join(client))
        self._joining.add(task)  # the loop alone would let go of it
        task.add_done_callback(self._joining.discard)

    async def _join(self, client: "_Side") -> None:
        """Make the connection to the service; without one the client's is reset."""
        try:
            await self._handshake()
            async with asyncio.timeout(_CONNECTS_WITHIN_S):
                _, service = await asyncio.get_running_loop().create_connection(
                    lambda: _Side(self._open), self._host, self._port
                )
        except OSError:  # which a time-out is too
            reset(client.transport)
            return
        _Pair(self._impairment, client, service)

    async def _handshake(self) -> None:
        """Wait for as long as making a connection takes longer.

        Raises:
            TimeoutError: its packets are lost each time.
        """
        again_s = HANDSHAKE_RETRANSMIT_S
        for _ in range(_HANDSHAKE_TRIES):
            if not (self._impairment.loses() or self._impairment.loses()):
                break
            await asyncio.sleep(again_s)
            again_s *= 2
        else:
            raise TimeoutError
        if not self._impairment.is_off:
            await asyncio.sleep(self._impairment.round_trip_s())


class _Side(asyncio.Protocol):
    """One of the two connections of a pair."""

    transport: asyncio.Transport

    def __init__(
        self,
        open_ones: set[asyncio.Transport],
        made: "Callable[[_Side], None] | None" = None,
    ) -> None:
        self._open = open_ones
        self._made = made
        self.outward: Way | None = None
        """From here to the other side."""
        self.early: list[bytes | End] = []
        """What was read before there was a way; reading stops with the first bytes."""
        self.inward: Way | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._open.add(transport)
        if self._made is not None:
            self._made(self)

    def data_received(self, data: bytes) -> None:
        if self.outward is None:
            # Not before: Python 3.11 reads on where it is told to pause as it connects.
            self.transport.pause_reading()
        self._pass_on(data)

    def eof_received(self) -> bool:
        self._pass_on("eof")
        return True  # it may still be sent something

    def pause_writing(self) -> None:
        assert self.inward is not None
        self.inward.sink_is(full=True)

    def resume_writing(self) -> None:
        assert self.inward is not None
        self.inward.sink_is(full=False)

    def _pass_on(self, what: bytes | End) -> None:
        if self.outward is None:
            self.early.append(what)
        else:
            self.outward.send(what)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self.transport)
        if self.inward is not None:
            self.inward.drop()
        if exc is not None and self.outward is not None:
            self.outward.send("reset")


class _Pair:
    """A client's connection and the one to the service, joined."""

    def __init__(self, impairment: Impairment, client: _Side, service: _Side) -> None:
        self._sides = client, service
        self._ended = 0
        if client.transport.is_closing():
            service.transport.abort()
            return
        for side, other in ((client, service), (service, client)):
            way = Way(impairment, side.transport, other.transport, self._way_ended)
            side.outward = other.inward = way
        for side in self._sides:
            assert side.outward is not None
            for what in side.early:
                side.outward.send(what)
            side.transport.resume_reading()

    def _way_ended(self) -> None:
        self._ended += 1
        if self._ended == len(self._sides):
            for side in self._sides:
                side.transport.close()
