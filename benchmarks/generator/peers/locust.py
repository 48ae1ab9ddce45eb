"""Locust's FastHttpUser: Python with gevent, in one process. Rows are a listener's of ours."""

import json
import math
from typing import Any, Final

from benchmarks.generator.peers.peer import (
    SCRIPTS,
    Claims,
    Job,
    Peer,
    command,
    lines_with,
    program,
)

_GET_IT: Final = "make setup"
_STATISTICS: Final = "statistics.json"
_ROWS: Final = "rows.csv"


def _command(job: Job) -> list[str]:
    users = str(job.connections)
    return [
        *(program("locust"), "--locustfile", str(SCRIPTS / "locust_users.py")),
        *("--headless", "--users", users, "--spawn-rate", users, "--stop-timeout", "1"),
        # It takes whole seconds.
        *("--run-time", f"{math.ceil(job.seconds)}s", "--host", job.target),
        *("--json-file", _STATISTICS.removesuffix(".json"), "--exit-code-on-error", "0"),
    ]


def read_statistics(entries: list[dict[str, Any]], rows: int | None = None) -> Claims:
    """Read what `--json-file` writes, an object for each name.

    Raises:
        ValueError: they count no requests.
    """
    try:
        requests = sum(entry["num_requests"] for entry in entries)
        return Claims(requests, sum(entry["num_failures"] for entry in entries), rows)
    except (KeyError, TypeError) as error:
        raise ValueError(f"Locust's statistics count no requests: {error!r}") from error


def _claims(job: Job) -> Claims:
    return read_statistics(json.loads((job.folder / _STATISTICS).read_text()))


def _claims_with_rows(job: Job) -> Claims:
    rows = lines_with(job.folder / _ROWS, b"GET,")
    return read_statistics(json.loads((job.folder / _STATISTICS).read_text()), rows)


PEERS: Final = (
    Peer("fasthttp", "Locust FastHttpUser", "locust", _GET_IT, command(_command), _claims),
    Peer(
        "fasthttp-rows",
        "Locust FastHttpUser, rows by a listener",
        "locust",
        _GET_IT,
        command(_command, {"ROWS": _ROWS}),
        _claims_with_rows,
    ),
)
