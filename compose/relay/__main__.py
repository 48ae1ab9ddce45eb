"""The relay as a program: `python -m dress_rehearsal.compose.relay 5432 10.0.0.7 5432 7400` listens
on 5432 for the service at 10.0.0.7:5432, and takes orders on 7400; SIGTERM ends it."""

import argparse
import asyncio
import signal

from dress_rehearsal.compose.relay.control import Control
from dress_rehearsal.compose.relay.impairment import Impairment
from dress_rehearsal.compose.relay.relay import Relay


async def _work(listen: int, host: str, port: int, control: int) -> None:
    over = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, over.set)
    impairment = Impairment()
    async with Relay(impairment, host, port) as relay:
        await relay.listen(listen)
        # Who finds the control listening finds the relay listening.
        server = await Control(impairment).listen(control)
        await over.wait()
        server.close()


def main() -> None:
    """Relay until a signal ends it."""
    parser = argparse.ArgumentParser(prog="relay", description=__doc__)
    parser.add_argument("listen", type=int, help="the port to listen on")
    parser.add_argument("host", help="where the service is")
    parser.add_argument("port", type=int, help="and its port there")
    parser.add_argument("control", type=int, help="the port to take orders on")
    asked = parser.parse_args()
    asyncio.run(_work(asked.listen, asked.host, asked.port, asked.control))


if __name__ == "__main__":
    main()
