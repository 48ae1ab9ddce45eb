"""wrk: C, one loop of epoll a thread. It keeps no rows."""

import math
import re
from typing import Final

from benchmarks.generator.peers.peer import Claims, Job, Peer, command, program

_REQUESTS: Final = re.compile(r"^\s*(\d+) requests in ", re.MULTILINE)
_WRONG: Final = re.compile(r"^\s*Non-2xx or 3xx responses: (\d+)", re.MULTILINE)
_BROKEN: Final = re.compile(
    r"^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", re.MULTILINE
)


def _command(job: Job) -> list[str]:
    # It takes whole seconds.
    return [
        *(program("wrk"), "--threads", "1", "--connections", str(job.connections)),
        *("--duration", f"{math.ceil(job.seconds)}s", job.url),
    ]


def read_output(text: str) -> Claims:
    """Read what wrk prints.

    Raises:
        ValueError: it is no summary of wrk's.
    """
    requests = _REQUESTS.search(text)
    if requests is None:
        raise ValueError(f"wrk printed no summary: {text[-500:]!r}")
    wrong, broken = _WRONG.search(text), _BROKEN.search(text)
    failed = int(wrong[1]) if wrong else 0
    return Claims(int(requests[1]), failed + (sum(map(int, broken.groups())) if broken else 0))


PEERS: Final = (
    Peer(
        "wrk",
        "wrk",
        "wrk",
        "apt-get install wrk",
        command(_command),
        lambda job: read_output(job.output.read_text()),
    ),
)
