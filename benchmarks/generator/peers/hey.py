"""hey: Go. With `-o csv` it prints a row for every request, all of them at the end."""

import re
from typing import Final

from benchmarks.generator.peers.peer import Claims, Job, Peer, command, duration, program

_STATUS: Final = re.compile(r"^\s*\[(\d+)\]\s+(\d+) responses", re.MULTILINE)
_ERRORS: Final = re.compile(r"^\s*\[(\d+)\]\s+(?!\d+ responses)\S", re.MULTILINE)
_HEAD: Final = "response-time,"
_LAST_COLUMN: Final = 7
"""status-code; then comes the offset."""


def _command(job: Job) -> list[str]:
    return [
        *(program("hey"), "-z", duration(job.seconds), "-c", str(job.connections)),
        *("-cpus", "1", job.url),
    ]


def _command_with_rows(job: Job) -> list[str]:
    *options, url = _command(job)
    return [*options, "-o", "csv", url]


def read_summary(text: str) -> Claims:
    """Read the summary that hey prints.

    Raises:
        ValueError: it is none.
    """
    statuses = {int(status): int(count) for status, count in _STATUS.findall(text)}
    if not statuses:
        raise ValueError(f"hey printed no summary: {text[-500:]!r}")
    errors = sum(int(count) for count in _ERRORS.findall(text.partition("Error distribution")[2]))
    wrong = sum(count for status, count in statuses.items() if not 200 <= status < 400)
    return Claims(sum(statuses.values()), wrong + errors)


def read_rows(text: str) -> Claims:
    """Read the rows that hey prints; of requests that failed it prints none.

    Raises:
        ValueError: they are none.
    """
    head, _, rows = text.partition("\n")
    if not head.startswith(_HEAD):
        raise ValueError(f"hey printed no rows: {text[-500:]!r}")
    statuses = [row.rsplit(",", 2)[1] for row in rows.splitlines() if row]
    wrong = sum(not status.startswith(("2", "3")) for status in statuses)
    return Claims(len(statuses), wrong, len(statuses))


PEERS: Final = (
    Peer(
        "hey",
        "hey",
        "hey",
        "apt-get install hey",
        command(_command),
        lambda job: read_summary(job.output.read_text()),
    ),
    Peer(
        "hey-rows",
        "hey -o csv",
        "hey",
        "apt-get install hey",
        command(_command_with_rows),
        lambda job: read_rows(job.output.read_text()),
    ),
)
