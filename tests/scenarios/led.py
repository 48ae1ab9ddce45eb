"""A generator that a test leads as the conductor does, by lines."""

import json
import queue
import time
from collections.abc import Iterator
from typing import Any

from dress_rehearsal.rehearsal.led_process import LedProcess

STUDENTS = 40
"""How many there are unless a test says otherwise."""


class Generator(LedProcess):
    """A generator, and the lines it has said."""

    def __init__(self, *arguments: Any) -> None:
        self.lines: queue.Queue[bytes | None] = queue.Queue()
        super().__init__(*arguments, self.lines.put)


def lines_until(process: Generator, kind: str) -> Iterator[dict[str, Any]]:
    """Give what it says, up to a line of a kind."""
    while (line := process.lines.get(timeout=60)) is not None:
        document = json.loads(line)
        yield document
        if document["kind"] == kind:
            return


def ended(process: Generator, within_s: float = 10) -> int | None:
    """Wait for the end; return the exit code."""
    process._process.wait(within_s)
    return process.exit_code


def tell(process: Generator, **order: Any) -> None:
    """Give it an order."""
    process.tell(json.dumps(order))


def go(process: Generator) -> int:
    """Wait until it is ready, and have T-0 in a moment; return T-0, in Unix ns."""
    list(lines_until(process, "ready"))
    t0_ns = time.time_ns() + 400_000_000
    tell(process, t0_ns=t0_ns)
    return t0_ns
