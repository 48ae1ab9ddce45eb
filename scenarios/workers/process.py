"""A worker's process, as its master or `rehearse worker` starts it."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO


def started_worker(
    host: str,
    port: int,
    folder: str,
    secret: bytes,
    environment: Mapping[str, str],
    more: Sequence[str] = (),
) -> "subprocess.Popen[bytes]":
    """Start `python -m dress_rehearsal.scenarios.workers`.

    It is given the secret over a pipe that stays open as long as this process lives: its end is
    the worker's. So nothing of it stands in a command line or an environment.

    Args:
        host, port: where its master is.
        folder: of what it writes to the disk; whoever starts it takes it away again.
        more: further words of its command line.
    """
    module = "dress_rehearsal.scenarios.workers"
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, host, f"{port}", folder, *more],
        env=dict(environment),
        stdin=subprocess.PIPE,
    )
    pipe = input_of(process)
    pipe.write(secret.hex().encode() + b"\n")
    pipe.flush()
    return process


def input_of(process: "subprocess.Popen[bytes]") -> IO[bytes]:
    """Return the pipe whose end is the worker's."""
    pipe = process.stdin
    if pipe is None:
        raise RuntimeError("a worker was started without a pipe")
    return pipe
