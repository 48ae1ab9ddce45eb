"""k9-load: an engine in Rust. A declared plan is run by it alone; a script is Python, with asyncio.

With `--out csv` it keeps a row for each sample of each metric, as k6 does.
"""

import json
from typing import Final

from benchmarks.generator.peers.k6 import claims, claims_with_rows
from benchmarks.generator.peers.peer import SCRIPTS, Job, Peer, command, duration, program

_GET_IT: Final = "pip install k9-load"


def _run(job: Job, what: str, *options: str) -> list[str]:
    return [
        *(program("k9"), "run", "--quiet", "--no-color"),
        *("--vus", str(job.connections), "--duration", duration(job.seconds)),
        *("--summary-export", "summary.json", *options, what),
    ]


def _declared(job: Job) -> list[str]:
    flow = [{"request": {"method": "GET", "url": job.url}}]
    (job.folder / "plan.json").write_text(json.dumps({"flows": {"default": flow}}))
    return _run(job, "plan.json")


def _scripted(job: Job) -> list[str]:
    return _run(job, str(SCRIPTS / "k9_scripted.py"), "--env", f"URL={job.url}")


def _with_rows(command: list[str]) -> list[str]:
    *options, what = command
    return [*options, "--out", "csv=rows.csv", what]


PEERS: Final = (
    Peer("k9-declared", "k9-load, declared", "k9", _GET_IT, command(_declared), claims),
    Peer(
        "k9-declared-rows",
        "k9-load, declared, --out csv",
        "k9",
        _GET_IT,
        command(lambda job: _with_rows(_declared(job))),
        claims_with_rows,
    ),
    Peer("k9-scripted", "k9-load, Python script", "k9", _GET_IT, command(_scripted), claims),
    Peer(
        "k9-scripted-rows",
        "k9-load, Python script, --out csv",
        "k9",
        _GET_IT,
        command(lambda job: _with_rows(_scripted(job))),
        claims_with_rows,
    ),
)
