"""Waiting: until a condition is true, until a port answers, and which port is free for that."""

import itertools
import os
import socket
import time
from collections.abc import Callable
from typing import Any, Final

_BELOW_THE_KERNELS: Final = 20_000
_EACH_WORKER_HAS: Final = 1_500
_numbers = itertools.count(os.getpid() % _EACH_WORKER_HAS)


def eventually(condition: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    """Wait for `condition` to be true and return what it returned."""
    deadline_s = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline_s, f"still not so after {timeout_s} s"
        time.sleep(0.01)
    return result


def can_connect(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """Return a port that nobody listens on and nobody is given before it is used.

    Not one of the kernel's choice: that goes to the next who connects anywhere. Each of the
    processes that run tests beside one another has ports of its own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _BELOW_THE_KERNELS + worker % 8 * _EACH_WORKER_HAS
    for _ in range(_EACH_WORKER_HAS):
        port = first + next(_numbers) % _EACH_WORKER_HAS
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no port from {first} on is free")
