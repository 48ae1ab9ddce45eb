"""How a relay is told what to do: lines over TCP, each answered by `ok`, or by `no` and why.

`latency SECONDS JITTER_SECONDS` and `loss SHARE` set what they name; 0 is off. Whoever reaches the
port may speak: it is for a network where nobody else is.
"""

import asyncio
import math
from typing import Final

from dress_rehearsal.compose.relay.impairment import Impairment

_MOST_SECONDS: Final = 3600.0
_MOST_BYTES: Final = 256
_SAYS_WITHIN_S: Final = 10.0


class Control:
    """Sets one relay's impairment as it is told."""

    def __init__(self, impairment: Impairment) -> None:
        self._impairment = impairment

    async def listen(self, port: int, address: str | None = None) -> asyncio.Server:
        """Take orders from now on.

        Raises:
            OSError: the port is taken.
        """
        return await asyncio.start_server(self._serve, address, port, limit=_MOST_BYTES)

    def obey(self, line: str) -> str:
        """Do what a line says; return the answer."""
        match line.split():
            case ["latency", latency, jitter]:
                seconds, varied = _number(latency, _MOST_SECONDS), _number(jitter, _MOST_SECONDS)
                if seconds is None or varied is None or varied > seconds:
                    return "no: latency wants seconds, and a jitter that is no more"
                self._impairment.latency_s, self._impairment.jitter_s = seconds, varied
            case ["loss", share]:
                loss = _number(share, 1.0)
                if loss is None:
                    return "no: loss wants a share from 0 to 1"
                self._impairment.loss = loss
            case _:
                return "no: there is latency SECONDS JITTER_SECONDS, and loss SHARE"
        return "ok"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SAYS_WITHIN_S):
                while line := await reader.readline():
                    writer.write(f"{self.obey(line.decode('ascii', 'replace'))}\n".encode())
                    await writer.drain()
        except (OSError, ValueError):
            pass  # it says nothing, goes away, or never ends its line: nothing is changed by that
        finally:
            writer.close()


def _number(written: str, most: float) -> float | None:
    try:
        number = float(written)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number <= most else None
