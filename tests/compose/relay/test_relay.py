"""The relay passes on what TCP carries as it came, and later or stalled where it is told to."""

import asyncio
import random
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from dress_rehearsal.compose.relay import way
from dress_rehearsal.compose.relay.control import Control
from dress_rehearsal.compose.relay.impairment import RETRANSMIT_S, Impairment
from dress_rehearsal.compose.relay.relay import Relay

HERE = "127.0.0.1"
PATIENCE_S = 20.0

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def relayed(serve: Serve, impairment: Impairment | None = None) -> AsyncIterator[int]:
    """Yield the port of a relay before a server on this machine."""

    async def whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(whole, HERE, 0)
    port = server.sockets[0].getsockname()[1]
    async with Relay(impairment or Impairment(), HERE, port) as relay:
        yield await relay.listen(0, HERE)
    server.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def ask(ends: Ends, text: bytes = b"x") -> float:
    """Send, read the echo, and return how long that took."""
    begun = time.monotonic()
    ends[1].write(text)
    assert await ends[0].readexactly(len(text)) == text
    return time.monotonic() - begun


def in_time(scene: Callable[[], Any]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await scene()

    asyncio.run(bounded())


class TestWhatPassesAsItCame:
    @pytest.mark.slow
    def test_every_byte_of_many_connections_at_once(self) -> None:
        async def one(port: int, seed: int) -> None:
            reader, writer = await asyncio.open_connection(HERE, port)
            sent = random.Random(seed).randbytes(20_000)
            writer.write(sent)
            writer.write_eof()
            assert await reader.read() == sent
            writer.close()

        async def scene() -> None:
            async with relayed(echo) as port:
                await asyncio.gather(*(one(port, seed) for seed in range(300)))

        in_time(scene)

    def test_the_order_of_bytes_though_their_delays_vary(self) -> None:
        async def scene() -> None:
            slow = Impairment(latency_s=0.02, jitter_s=0.02, loss=0.05, chance=random.Random(7))
            async with relayed(echo, slow) as port:
                reader, writer = await asyncio.open_connection(HERE, port)
                sent = b"".join(struct.pack("!I", number) for number in range(200))
                for start in range(0, len(sent), 4):
                    writer.write(sent[start : start + 4])
                    await asyncio.sleep(0)
                writer.write_eof()
                assert await reader.read() == sent
                writer.close()

        in_time(scene)

    def test_an_answer_to_one_who_has_said_all(self) -> None:
        async def counts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            said = await reader.read()
            writer.write(str(len(said)).encode())

        async def scene() -> None:
            async with relayed(counts, Impairment(latency_s=0.01)) as port:
                reader, writer = await asyncio.open_connection(HERE, port)
                writer.write(b"twelve bytes")
                writer.write_eof()
                assert await reader.read() == b"12"
                writer.close()

        in_time(scene)

    @pytest.mark.parametrize("latency_s", [0.0, 0.01])
    def test_that_the_service_took_the_connection_down(self, latency_s: float) -> None:
        async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            take_down(writer)

        async def scene() -> None:
            async with relayed(resets, Impairment(latency_s=latency_s)) as port:
                reader, writer = await asyncio.open_connection(HERE, port)
                writer.write(b"x")
                with pytest.raises(ConnectionResetError):
                    await reader.read()
                writer.close()

        in_time(scene)

    @pytest.mark.parametrize("latency_s", [0.0, 0.01])
    def test_that_the_client_took_the_connection_down(self, latency_s: float) -> None:
        heard: asyncio.Queue[BaseException | bytes] = asyncio.Queue()

        async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"y")
            try:
                heard.put_nowait(await reader.read(1))
            except ConnectionResetError as error:
                heard.put_nowait(error)

        async def scene() -> None:
            async with relayed(listens, Impairment(latency_s=latency_s)) as port:
                reader, writer = await asyncio.open_connection(HERE, port)
                writer.write(b"x")
                await reader.readexactly(1)
                take_down(writer)
                assert isinstance(await heard.get(), ConnectionResetError)

        in_time(scene)

    def test_that_nobody_listens_behind_it(self) -> None:
        async def scene() -> None:
            with socket.socket() as unused:
                unused.bind((HERE, 0))
                async with Relay(Impairment(), HERE, unused.getsockname()[1]) as relay:
                    port = await relay.listen(0, HERE)
                    reader, writer = await asyncio.open_connection(HERE, port)
                    with pytest.raises(ConnectionResetError):
                        await reader.read()
                    writer.close()

        in_time(scene)

    @pytest.mark.slow
    def test_that_the_service_takes_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Back-pressure, with bytes under way too: the sender is held, and nothing piles up."""
        monkeypatch.setattr(way, "MOST_WAITING_BYTES", 100_000)
        go_on = asyncio.Event()
        size = 30_000_000

        async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await go_on.wait()
            left = size
            while left:
                left -= len(await reader.read(1 << 20))
            writer.write(b"all")

        async def scene() -> None:
            async with relayed(waits, Impairment(latency_s=0.002)) as port:
                reader, writer = await asyncio.open_connection(HERE, port)
                writer.write(bytes(size))
                drained = asyncio.ensure_future(writer.drain())
                done, _ = await asyncio.wait({drained}, timeout=0.3)
                assert not done
                go_on.set()
                assert await reader.read(3) == b"all"
                await drained
                writer.close()

        in_time(scene)


class TestDelay:
    def test_a_round_trip_takes_longer_by_what_is_set_and_no_longer_once_it_is_off(self) -> None:
        async def scene() -> None:
            impairment = Impairment()
            async with relayed(echo, impairment) as port:
                ends = await asyncio.open_connection(HERE, port)
                await ask(ends)
                impairment.latency_s, impairment.jitter_s = 0.05, 0.01
                for _ in range(5):
                    assert await ask(ends) >= 0.04
                impairment.latency_s = impairment.jitter_s = 0.0
                assert min([await ask(ends) for _ in range(20)]) < 0.04
                ends[1].close()

        in_time(scene)

    def test_a_new_connection_pays_for_its_handshake_too(self) -> None:
        async def scene() -> None:
            async with relayed(echo, Impairment(latency_s=0.05)) as port:
                ends = await asyncio.open_connection(HERE, port)
                assert await ask(ends) >= 0.1
                ends[1].close()

        in_time(scene)

    def test_its_values_lie_where_they_are_said_to(self) -> None:
        impairment = Impairment(latency_s=0.1, jitter_s=0.02, chance=random.Random(2026))
        trips = [impairment.round_trip_s() for _ in range(2_000)]
        assert 0.08 <= min(trips) < 0.085
        assert 0.115 < max(trips) <= 0.12
        assert sum(trips) / len(trips) == pytest.approx(0.1, abs=0.001)


class TestLoss:
    @pytest.mark.slow
    def test_a_lost_packet_stalls_until_it_is_sent_again_and_once_more_where_that_is_lost(
        self,
    ) -> None:
        class Chance(random.Random):
            """Loses the first packet and the first that is sent again."""

            drawn = 0

            def random(self) -> float:
                self.drawn += 1
                return 1.0 if self.drawn <= 2 else 0.0

        async def scene() -> None:
            impairment = Impairment(chance=Chance())
            async with relayed(echo, impairment) as port:
                ends = await asyncio.open_connection(HERE, port)
                await ask(ends)
                impairment.loss = 0.5
                assert await ask(ends) >= 3 * RETRANSMIT_S
                ends[1].close()

        in_time(scene)

    @pytest.mark.slow
    def test_where_everything_is_lost_nothing_passes_until_it_ends(self) -> None:
        async def scene() -> None:
            impairment = Impairment()
            async with relayed(echo, impairment) as port:
                ends = await asyncio.open_connection(HERE, port)
                await ask(ends)
                impairment.loss = 1.0
                answer = asyncio.ensure_future(ask(ends))
                done, _ = await asyncio.wait({answer}, timeout=0.3)
                assert not done
                impairment.loss = 0.0
                assert await answer > RETRANSMIT_S
                ends[1].close()

        in_time(scene)

    def test_the_more_packets_something_takes_the_likelier_one_is_lost(self) -> None:
        impairment = Impairment(loss=0.02, chance=random.Random(2026))
        short = sum(impairment.loses(100) for _ in range(20_000)) / 20_000
        long = sum(impairment.loses(10 * 1448) for _ in range(20_000)) / 20_000
        assert short == pytest.approx(0.02, abs=0.004)
        assert long == pytest.approx(1 - 0.98**10, abs=0.012)


class TestControl:
    def test_it_sets_what_it_is_told_and_says_so(self) -> None:
        impairment = Impairment()

        async def scene() -> None:
            server = await Control(impairment).listen(0, HERE)
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection(HERE, port)
            for line in (b"latency 0.1 0.02\n", b"loss 0.05\n"):
                writer.write(line)
                assert await reader.readline() == b"ok\n"
            writer.close()
            server.close()

        in_time(scene)
        assert (impairment.latency_s, impairment.jitter_s, impairment.loss) == (0.1, 0.02, 0.05)

    @pytest.mark.parametrize(
        "line",
        [
            "",
            "off",
            "latency",
            "latency 1",
            "latency nan 0",
            "latency 1 2",
            "loss 1.1",
            "loss -0.1",
        ],
    )
    def test_what_it_does_not_understand_changes_nothing(self, line: str) -> None:
        impairment = Impairment(latency_s=0.1)
        assert Control(impairment).obey(line).startswith("no: ")
        assert (impairment.latency_s, impairment.jitter_s, impairment.loss) == (0.1, 0.0, 0.0)

    def test_one_who_never_ends_a_line_is_sent_away(self) -> None:
        async def scene() -> None:
            server = await Control(Impairment()).listen(0, HERE)
            reader, writer = await asyncio.open_connection(HERE, server.sockets[0].getsockname()[1])
            writer.write(b"x" * 10_000)
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            server.close()

        in_time(scene)


def take_down(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
